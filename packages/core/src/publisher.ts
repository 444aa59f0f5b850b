// SPDX-License-Identifier: Apache-2.0
import { type AckPacket, encode, encodeInto, packetName, type PublishPacket, reasonName, Writer } from "@mqttv5/wire";
import { fromEncodeError } from "./check.js";
import type { ClientState, StateFeed } from "./client-state.js";
import type { Connection } from "./connection/connection.js";
import { Latch } from "./connection/latch.js";
import { type ErrorCode, InvalidArgumentError, MqttError, ReasonCodeError } from "./errors.js";
import type { ResolvedOptions } from "./options.js";
import { PendingBytes, pendingCost } from "./pending-bytes.js";
import { type PublishOptions, type PublishResult, publishPacket } from "./publish-options.js";
import type { ServerInfo } from "./server-info.js";
import { delivery, OutboundPublish, type PublishWaiter } from "./session/outbound-publish.js";
import type { Session } from "./session/session.js";
import { abortError, bounded, deadline, identifiersExhausted, remaining, type WaitOptions, within } from "./signal.js";
import type { Stats } from "./stats.js";
import { type WaitingPublish, WaitingPublishes } from "./waiting-publishes.js";

/** The broker's refusals that have a name of their own. */
const REFUSALS: Readonly<Record<number, ErrorCode>> = {
  0x87: "NOT_AUTHORIZED",
  0x90: "TOPIC_NAME_INVALID",
  0x95: "PACKET_TOO_LARGE",
  0x97: "QUOTA_EXCEEDED",
  0x99: "PAYLOAD_FORMAT_INVALID",
  0x9a: "RETAIN_NOT_SUPPORTED",
  0x9b: "QOS_NOT_SUPPORTED",
};

const SENT: PublishResult = Object.freeze({ reasonCode: 0 });
/** What nearly every acknowledgement says. */
const ACCEPTED: PublishResult = /* @__PURE__ */ Object.freeze({
  reasonCode: 0,
  reasonString: undefined,
  userProperties: /* @__PURE__ */ Object.freeze([]),
});
const NO_OPTIONS: PublishOptions = Object.freeze({});

/** Of those that waited. */
const ADMITTED_PER_TURN = 256;

/** Bytes that the frames of small publishes share: the most that a small one which is never acknowledged can pin. */
const SHARED_FRAMES = 2048;
/** The same once so many are unacknowledged, and for so many more publishes: most of a small frame's cost is that of reserving memory. */
const SHARED_BY_CROWD = 8192;
const CROWD = 32;
const CROWDED_FOR = 256;

/** The caller of one QoS 1/2 publish. */
class Call implements PublishWaiter {
  readonly #resolve: (result: PublishResult) => void;
  readonly failed: (error: MqttError) => void;

  constructor(resolve: (result: PublishResult) => void, reject: (error: MqttError) => void) {
    this.#resolve = resolve;
    this.failed = reject;
  }

  acknowledged(ack: AckPacket): void {
    if (ack.reasonCode < 0x80) this.#resolve(result(ack));
    else this.failed(refused(ack));
  }
}

/** Publishes for one client: checks, what the broker allows, and the caller's promise. Lives as long as the client. */
export class Publisher {
  readonly #options: ResolvedOptions;
  readonly #session: Session;
  readonly #stats: Stats;
  readonly #state: StateFeed;
  readonly #connection: () => Connection | undefined;
  /** Accepted at QoS 1 and 2, and not sent. */
  readonly #pending: PendingBytes;
  /** Not accepted: no later call goes ahead of these. */
  readonly #waiting: WaitingPublishes;
  #frames = new Writer(SHARED_FRAMES);
  #crowdFrames: Writer | undefined;
  /** Publishes to come that share as a crowd does. */
  #crowded = 0;
  #scheduled = false;
  /** Rejected in this turn, and who hears of it in a later one. */
  #rejections = 0;
  readonly #later = new Latch();

  constructor(
    options: ResolvedOptions,
    session: Session,
    stats: Stats,
    state: StateFeed,
    connection: () => Connection | undefined,
  ) {
    this.#options = options;
    this.#session = session;
    this.#stats = stats;
    this.#state = state;
    this.#connection = connection;
    this.#pending = new PendingBytes(options.maximumPendingBytes, () => this.#schedule());
    this.#waiting = new WaitingPublishes(options.clock);
    state.follow((current) => this.#changed(current));
  }

  publish(
    topic: string,
    payload: Uint8Array | string = "",
    options: PublishOptions = NO_OPTIONS,
  ): Promise<PublishResult> {
    try {
      const packet = publishPacket(topic, payload, options);
      const connection = this.#connection();
      const info = connection?.info;
      if (connection === undefined || info === undefined) return this.#offline(packet, options);
      if (options.signal?.aborted === true) return this.#reject(abortError(options.signal, "not-sent"));
      if (this.#waiting.size > 0 || this.#full(connection)) return this.#online(connection, packet, options);
      const fitting = this.#fit(packet, info);
      if (fitting.qos === 0) return this.#sendOnce(connection, fitting, options, info);
      const interval = packet.properties?.messageExpiryInterval;
      const expiresAt = interval === undefined ? Infinity : this.#options.clock.now() + interval * 1000;
      return this.#own(fitting, options, info, expiresAt);
    } catch (error) {
      return this.#reject(fromEncodeError(error));
    }
  }

  /** Why a QoS 1/2 publish that was accepted under other limits must not be sent under these. */
  static refusal(publish: OutboundPublish, info: ServerInfo): MqttError | undefined {
    const details = { delivery: delivery(publish) };
    if (publish.qos > info.maximumQoS) {
      return new MqttError("QOS_NOT_SUPPORTED", `The broker takes at most QoS ${info.maximumQoS}`, details);
    }
    if (publish.retain && !info.retainAvailable) {
      return new MqttError("RETAIN_NOT_SUPPORTED", "The broker takes no retained messages", details);
    }
    if (publish.frame.length > info.maximumPacketSize) {
      const text = `The packet has ${publish.frame.length} bytes; the broker takes at most ${info.maximumPacketSize}`;
      return new MqttError("PACKET_TOO_LARGE", text, details);
    }
    return undefined;
  }

  // Waiting

  /** There is no connection: the call waits for one if it may, in bounded memory. */
  #offline(packet: PublishPacket, options: PublishOptions): Promise<PublishResult> {
    const size = encode(packet).length; // a wrong argument is the more useful answer
    if ((options.whenOffline ?? this.#options.whenOffline) === "reject") return this.#reject(notConnected());
    const { current } = this.#state;
    if (current.status === "closed") return this.#reject(closed(current.cause));
    if (options.signal?.aborted === true) return this.#reject(abortError(options.signal, "not-sent"));
    const { maximum, held } = this.#pending;
    if (held + this.#waiting.bytes + pendingCost(size) > maximum) {
      return this.#reject(this.#dropped(`The publishes that wait for a connection would pass ${maximum} bytes`));
    }
    return this.#waiting.add(packet, size, options, true);
  }

  /** There is a connection, but no room, or others wait already. */
  #online(connection: Connection, packet: PublishPacket, options: PublishOptions): Promise<PublishResult> {
    const { length } = encode(packet); // a wrong argument is the more useful answer
    if (packet.qos === 0 && this.#options.writeOverflow === "drop-newest") {
      const full = this.#dropped(`The link takes no more, and ${this.#pending.maximum} bytes wait for it`);
      // In a later turn: a loop that passes over the error must not keep the link from draining.
      return connection.sender.turn().then(() => Promise.reject(full));
    }
    const offline = (options.whenOffline ?? this.#options.whenOffline) === "wait";
    const waiting = this.#waiting.add(packet, length, options, offline);
    this.#schedule();
    return waiting;
  }

  /** Rejects at once, but not without end in one turn: a loop that passes over the error would keep a connection from being made. */
  #reject(cause: unknown): Promise<never> {
    if (this.#rejections++ === 0) {
      this.#options.clock.afterTurn(() => {
        this.#rejections = 0;
        this.#later.release();
      });
    }
    if (this.#rejections < this.#options.maximumTurnPackets) return Promise.reject(cause);
    return this.#later.wait().then(() => Promise.reject(cause));
  }

  #dropped(text: string): MqttError {
    this.#stats.publishesDropped++;
    return new MqttError("WRITE_QUEUE_FULL", text, { delivery: "not-sent" });
  }

  /** What was accepted and no link has taken fills its memory. */
  #full(connection: Connection): boolean {
    return this.#pending.held + connection.sender.backlog >= this.#pending.maximum;
  }

  #changed(state: ClientState): void {
    if (this.#waiting.size === 0) return;
    if (state.status === "connected") this.#schedule();
    else if (state.status === "closed") this.#waiting.fail(closed(state.cause), () => true);
    else this.#waiting.fail(notConnected(), ({ offline }) => !offline);
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    this.#options.clock.afterTurn(() => {
      this.#scheduled = false;
      this.#admit();
    });
  }

  /** Accepts what waits, oldest first, as far as there is room. Not all in one turn: others want theirs. */
  #admit(): void {
    for (let n = 0; n < ADMITTED_PER_TURN; n++) {
      const connection = this.#connection();
      if (connection?.info === undefined) return; // the next one calls again
      if (this.#full(connection)) {
        // Else the session says when it has sent something.
        if (connection.sender.backlog > 0) void connection.sender.room().then(() => this.#schedule());
        return;
      }
      const publish = this.#waiting.shift();
      if (publish === undefined) return;
      try {
        publish.resolve(this.#accept(publish, connection, connection.info));
      } catch (error) {
        publish.reject(fromEncodeError(error));
      }
    }
    this.#schedule();
  }

  #accept(publish: WaitingPublish, connection: Connection, info: ServerInfo): Promise<PublishResult> {
    const { clock } = this.#options;
    const { expiresAt } = publish;
    const left = Math.ceil((expiresAt - clock.now()) / 1000);
    if (left <= 0) {
      throw new MqttError("MESSAGE_EXPIRED", "The message expired before it could be sent", { delivery: "not-sent" });
    }
    const options = bounded(publish.options) ? remaining(clock, publish.options, publish.since) : NO_OPTIONS;
    const packet = this.#fit(publish.packet, info);
    if (packet.qos > 0) return this.#own(packet, options, info, expiresAt);
    if (left === Infinity) return this.#sendOnce(connection, packet, options, info);
    const properties = { ...packet.properties, messageExpiryInterval: left }; // the time spent here counts
    return this.#sendOnce(connection, { ...packet, properties }, options, info);
  }

  // Sending

  /** What the broker granted is checked before anything is sent [MQTT-3.2.2-11, MQTT-3.2.2-14]. */
  #fit(packet: PublishPacket, info: ServerInfo): PublishPacket {
    if (packet.retain && !info.retainAvailable) {
      throw new InvalidArgumentError("RETAIN_NOT_SUPPORTED", "retain", true, "the broker takes no retained messages");
    }
    if (packet.qos <= info.maximumQoS) return packet;
    if (!this.#options.qosDowngrade) {
      throw new InvalidArgumentError(
        "QOS_NOT_SUPPORTED",
        "qos",
        packet.qos,
        `the broker takes at most QoS ${info.maximumQoS}`,
      );
    }
    return { ...packet, qos: info.maximumQoS, packetId: info.maximumQoS === 0 ? 0 : 1 };
  }

  #sendOnce(
    connection: Connection,
    packet: PublishPacket,
    options: WaitOptions,
    info: ServerInfo,
  ): Promise<PublishResult> {
    if (mayExceed(packet, info.maximumPacketSize)) checkSize(encode(packet).length, info);
    const later = connection.publish(packet);
    this.#stats.publishesSent++;
    if (later === undefined) return Promise.resolve(SENT);
    // It is on its way already: only the waiting for room can be stopped.
    return within(this.#options.clock, options, later, "unknown").then(() => SENT);
  }

  /** Accepted means owned: from here the message is delivered, or the promise says what is known. */
  #own(packet: PublishPacket, options: WaitOptions, info: ServerInfo, expiresAt: number): Promise<PublishResult> {
    const frame = this.#frame(packet);
    checkSize(frame.length, info);
    return new Promise((resolve, reject) => {
      const waiter = new Call(resolve, reject);
      const publish = new OutboundPublish(frame, packet.qos, packet.retain, expiresAt, waiter, this.#pending);
      if (bounded(options)) this.#bound(publish, waiter, options, reject);
      // Without an expiry of its own nothing here depends on the time.
      if (expiresAt !== Infinity) this.#session.advance(this.#options.clock.now());
      this.#session.publish(publish);
      this.#connection()?.regulate(); // the answer has to be read
    });
  }

  /** Small frames are carved from shared memory: to reserve some for each takes longer than to encode it. */
  #frame(packet: PublishPacket): Uint8Array {
    if (packet.payload.length > SHARED_FRAMES / 4) return encode(packet);
    if (this.#stats.publishesInflight >= CROWD) this.#crowded = CROWDED_FOR;
    const crowded = this.#crowded > 0;
    if (crowded) this.#crowded--;
    else this.#crowdFrames = undefined;
    const frames = crowded ? (this.#crowdFrames ??= new Writer(SHARED_BY_CROWD)) : this.#frames;
    encodeInto(frames, packet);
    const frame = frames.take();
    // Its properties made it large, and the memory with it: no small one is to pin that.
    if (frame.length > SHARED_FRAMES / 2) {
      if (crowded) this.#crowdFrames = undefined;
      else this.#frames = new Writer(SHARED_FRAMES);
    }
    return frame;
  }

  /** Stops the waiting when the signal aborts or the time is up; the session goes on with what a connection was handed. */
  #bound(
    publish: OutboundPublish,
    waiter: PublishWaiter,
    options: WaitOptions,
    reject: (error: MqttError) => void,
  ): void {
    const callOff = deadline(this.#options.clock, options, (stopped) => {
      const starved = this.#session.starved(publish);
      publish.waiter = undefined;
      const error = stopped(this.#session.withdraw(publish) ? "not-sent" : "unknown");
      reject(starved ? identifiersExhausted(error) : error);
    });
    publish.waiter = {
      acknowledged: (ack) => {
        callOff();
        waiter.acknowledged(ack);
      },
      failed: (error) => {
        callOff();
        waiter.failed(error);
      },
    };
  }
}

/** Whether the packet could be larger than `maximum`, judged without encoding it. */
function mayExceed(packet: PublishPacket, maximum: number): boolean {
  if (maximum === Infinity) return false;
  return packet.properties !== undefined || packet.topic.length * 3 + packet.payload.length + 16 > maximum;
}

/** The broker's Maximum Packet Size counts the whole packet [MQTT-3.2.2-15]. */
function checkSize(size: number, info: ServerInfo): void {
  if (size <= info.maximumPacketSize) return;
  const limit = `the broker takes packets of at most ${info.maximumPacketSize} bytes`;
  throw new InvalidArgumentError("PACKET_TOO_LARGE", "packet", `${size} bytes`, limit);
}

function notConnected(): MqttError {
  return new MqttError("NOT_CONNECTED", "There is no connection to publish on", { delivery: "not-sent" });
}

function closed(cause: MqttError | undefined): MqttError {
  return new MqttError("CLOSED", "The client was closed", { cause, delivery: "not-sent" });
}

function result(ack: AckPacket): PublishResult {
  const { reasonString, userProperties } = ack.properties ?? {};
  if (ack.reasonCode === 0 && reasonString === undefined && !userProperties?.length) return ACCEPTED;
  return { reasonCode: ack.reasonCode, reasonString, userProperties };
}

function refused(ack: AckPacket): ReasonCodeError {
  const { reasonCode, properties } = ack;
  const text = `The broker refused the message: ${reasonName(reasonCode)} (0x${reasonCode.toString(16)})`;
  const reason = {
    packet: packetName(ack.type),
    reasonCode,
    reasonString: properties?.reasonString,
    userProperties: properties?.userProperties,
  };
  return new ReasonCodeError(REFUSALS[reasonCode] ?? "REFUSED", text, reason, { delivery: "refused" });
}
