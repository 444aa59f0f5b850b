// SPDX-License-Identifier: Apache-2.0
import { type AckPacket, encode, packetName, type PublishPacket, reasonName } from "@mqttv5/wire";
import { fromEncodeError } from "./check.js";
import type { Connection } from "./connection/connection.js";
import { type ErrorCode, InvalidArgumentError, MqttError, ReasonCodeError } from "./errors.js";
import type { ResolvedOptions } from "./options.js";
import { type PublishOptions, type PublishResult, publishPacket } from "./publish-options.js";
import type { ServerInfo } from "./server-info.js";
import { delivery, OutboundPublish, type PublishWaiter } from "./session/outbound-publish.js";
import type { Session } from "./session/session.js";
import { abortError, bounded, deadline, type WaitOptions, within } from "./signal.js";
import type { Stats } from "./stats.js";

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
const NO_OPTIONS: PublishOptions = Object.freeze({});

/** Publishes for one client: checks, what the broker allows, and the caller's promise. Lives as long as the client. */
export class Publisher {
  readonly #options: ResolvedOptions;
  readonly #session: Session;
  readonly #stats: Stats;
  readonly #connection: () => Connection | undefined;

  constructor(options: ResolvedOptions, session: Session, stats: Stats, connection: () => Connection | undefined) {
    this.#options = options;
    this.#session = session;
    this.#stats = stats;
    this.#connection = connection;
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
      if (connection === undefined || info === undefined) {
        encode(packet); // a wrong argument is the more useful answer
        return Promise.reject(
          new MqttError("NOT_CONNECTED", "There is no connection to publish on", { delivery: "not-sent" }),
        );
      }
      if (options.signal?.aborted === true) return Promise.reject(abortError(options.signal, "not-sent"));
      const fitting = this.#fit(packet, info);
      return fitting.qos === 0 ? this.#sendOnce(connection, fitting, options, info) : this.#own(fitting, options, info);
    } catch (error) {
      return Promise.reject(fromEncodeError(error));
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
  #own(packet: PublishPacket, options: PublishOptions, info: ServerInfo): Promise<PublishResult> {
    const frame = encode(packet);
    checkSize(frame.length, info);
    const { clock } = this.#options;
    const interval = packet.properties?.messageExpiryInterval;
    const now = clock.now();
    const expiresAt = interval === undefined ? Infinity : now + interval * 1000;
    return new Promise((resolve, reject) => {
      const waiter: PublishWaiter = {
        acknowledged: (ack) => (ack.reasonCode < 0x80 ? resolve(result(ack)) : reject(refused(ack))),
        failed: reject,
      };
      const publish = new OutboundPublish(frame, packet.qos, packet.retain, expiresAt, waiter);
      if (bounded(options)) this.#bound(publish, waiter, options, reject);
      this.#session.advance(now);
      this.#session.publish(publish);
      this.#connection()?.regulate(); // the answer has to be read
    });
  }

  /** Stops the waiting when the signal aborts or the time is up; the session goes on with what a connection was handed. */
  #bound(
    publish: OutboundPublish,
    waiter: PublishWaiter,
    options: WaitOptions,
    reject: (error: MqttError) => void,
  ): void {
    const callOff = deadline(this.#options.clock, options, (stopped) => {
      publish.waiter = undefined;
      reject(stopped(this.#session.withdraw(publish) ? "not-sent" : "unknown"));
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

function result(ack: AckPacket): PublishResult {
  const { reasonString, userProperties } = ack.properties ?? {};
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
