// SPDX-License-Identifier: Apache-2.0
import {
  type ConnackPacket,
  type ConnectPacket,
  type DecodedPacket,
  type DecodeError,
  type DecodeOptions,
  type DisconnectPacket,
  encode,
  Framer,
  type Packet,
  PacketType,
  type PublishPacket,
} from "@mqttv5/wire";
import { type BegunExchange, withExchange } from "../auth/begin-exchange.js";
import type { BufferedBytes } from "../buffered-bytes.js";
import type { Timer } from "../clock.js";
import { MqttError } from "../errors.js";
import type { ResolvedOptions } from "../options.js";
import type { ServerInfo } from "../server-info.js";
import { BLAMING } from "../session/blame.js";
import type { Session } from "../session/session.js";
import type { WaitOptions } from "../signal.js";
import type { Stats } from "../stats.js";
import type { Link, LinkReceiver } from "../transport.js";
import { receiveAnswer } from "./answers.js";
import { Authentication } from "./authentication.js";
import { grantedBy, refusedConnect } from "./connack.js";
import { decodeFound } from "./frames.js";
import { fitting, NOT_BELIEVED, rejectedByDisconnect, serverDisconnected, violation } from "./goodbye.js";
import { InboundAliases } from "./inbound-aliases.js";
import { KeepAlive, type KeepAlivePort } from "./keep-alive.js";
import { OutboundAliases } from "./outbound-aliases.js";
import { ReadGate } from "./read-gate.js";
import { Sender } from "./sender.js";
import { refuseProblemInformation, unexpected } from "./violations.js";

/** How far a connection has come. Small integers: compared on every packet. */
export const ConnectionPhase = { AwaitConnack: 0, Verify: 1, Open: 2, Closing: 3, Closed: 4 } as const;
export type ConnectionPhase = (typeof ConnectionPhase)[keyof typeof ConnectionPhase];

/**
 * Which packets a broker may send when; all else is a Protocol Error.
 *
 * | packet                                             | AwaitConnack | Open |
 * | -------------------------------------------------- | ------------ | ---- |
 * | CONNACK                                            | yes          | no   |
 * | DISCONNECT                                         | ends         | ends |
 * | PUBLISH PUBACK PUBREC PUBREL PUBCOMP               | no           | yes  |
 * | SUBACK UNSUBACK PINGRESP                           | no           | yes  |
 * | AUTH, with an authenticator: see `Authentication`  | yes          | yes  |
 * | CONNECT SUBSCRIBE UNSUBSCRIBE PINGREQ (the client's) | no         | no   |
 *
 * In Verify, while an authenticator looks at CONNACK or a store keeps what it says, all that follows waits. In Closing and
 * Closed nothing is read.
 */

/** What a connection tells the supervisor. */
export interface ConnectionPort {
  /** CONNACK was good. Nothing goes on before the promise has resolved, if there is one; it never rejects. */
  granted(info: ServerInfo): Promise<void> | undefined;
  /** All is ready. The session goes on from within this call, before the next packet is looked at. */
  established(info: ServerInfo): void;
  /** The broker has concluded a re-authentication with success. */
  reauthenticated(): void;
  /** The link is gone. Exactly once, last. */
  ended(cause: MqttError): void;
}

/** One life of a link: handshake, limits granted, aliases, keep-alive, reading and writing. Ends when the link does. */
export class Connection implements KeepAlivePort, LinkReceiver {
  readonly sender: Sender;
  readonly #link: Link;
  readonly #options: ResolvedOptions;
  readonly #session: Session;
  readonly #stats: Stats;
  readonly #gate: ReadGate;
  readonly #port: ConnectionPort;
  readonly #connect: ConnectPacket;
  readonly #framer: Framer;
  readonly #decodeOptions: DecodeOptions;
  readonly #aliases: InboundAliases;
  /** Where there is an authenticator. */
  readonly #authentication: Authentication | undefined;
  #phase: ConnectionPhase = ConnectionPhase.AwaitConnack;
  /** Made when a PUBLISH first asks for one, or at CONNACK if aliases are automatic. */
  #outboundAliases: OutboundAliases | undefined;
  #keepAlive: KeepAlive | undefined;
  #destroyTimer: Timer | undefined;
  /** Why it is ending, once that is known. */
  #cause: MqttError | undefined;
  /** The topic of the PUBLISH being handled, its alias resolved. */
  #topic = "";
  #info: ServerInfo | undefined;

  constructor(
    link: Link,
    connect: ConnectPacket,
    options: ResolvedOptions,
    session: Session,
    stats: Stats,
    buffered: BufferedBytes,
    port: ConnectionPort,
    begun?: BegunExchange,
  ) {
    this.#link = link;
    this.#connect = withExchange(connect, begun);
    this.#options = options;
    this.#session = session;
    this.#stats = stats;
    const asking = (): boolean => session.asking || this.#authentication?.asking === true;
    this.#gate = new ReadGate(link, buffered, asking, () => this.sender.unread + session.unsent);
    this.#port = port;
    this.sender = new Sender(link, options.clock, options, () => session.answersHanded());
    this.#aliases = new InboundAliases(options.topicAliasMaximum);
    const lenient = this.#lenient();
    this.#framer = new Framer({ maximumPacketSize: options.maximumPacketSize, lenient });
    this.#decodeOptions = { sender: "server", lenient };
    this.#authentication = begun && this.#authenticate(begun);
  }

  /** Sends CONNECT, the first packet of every connection [MQTT-3.1.0-1]. */
  start(): void {
    this.#link.open(this);
    this.sender.sendAlone(this.#connect);
  }

  /** Whether packets can be sent: after CONNACK, before the goodbye of either side. */
  get open(): boolean {
    return this.#phase === ConnectionPhase.Open;
  }

  /** What the broker granted; undefined until CONNACK. */
  get info(): ServerInfo | undefined {
    return this.#info;
  }

  /** The topic of the PUBLISH being handled. */
  get topic(): string {
    return this.#topic;
  }

  /** Sends a packet of the session's. */
  send(packet: Packet): void {
    this.sender.send(packet);
  }

  /** Sends a QoS 0 PUBLISH, under an alias if it is to have one: see {@link Sender.publish}. */
  publish(packet: PublishPacket): Promise<void> | undefined {
    if (this.#outboundAliases === undefined && packet.properties?.topicAlias === undefined) {
      return this.#publish(packet);
    }
    const aliases = this.#aliasesOut();
    const aliased = aliases.apply(packet);
    const maximum = this.#info?.maximumPacketSize ?? Infinity;
    // Setting an alias takes three bytes, which may be too many.
    const fits = aliased === packet || maximum === Infinity || encode(aliased).length <= maximum;
    const later = this.#publish(fits ? aliased : packet);
    if (fits) aliases.sent(aliased);
    return later;
  }

  /** Authenticates again. Rejects as `Client.reauthenticate` does. */
  async reauthenticate(options: WaitOptions): Promise<void> {
    const { authenticator } = this.#options;
    if (authenticator !== undefined) await this.#authentication?.reauthenticate(authenticator, options);
  }

  /** What has been buffered, or what is waited for, may have changed. */
  regulate(): void {
    if (this.#phase === ConnectionPhase.Open) this.#gate.update();
  }

  /** Says goodbye and closes: nothing follows the DISCONNECT [MQTT-3.14.4-1, MQTT-3.14.4-2]. */
  disconnect(packet: DisconnectPacket, cause: MqttError): void {
    if (this.#phase >= ConnectionPhase.Closing) return;
    this.sender.send(fitting(packet, this.#info?.maximumPacketSize ?? Infinity));
    this.#close(cause);
  }

  /** Closes without a word. */
  destroy(cause: MqttError): void {
    this.#cause ??= cause;
    this.#leave(ConnectionPhase.Closing);
    this.#destroy();
  }

  // The link's side

  received(chunk: Uint8Array): void {
    if (this.#phase >= ConnectionPhase.Closing) return;
    const now = this.#options.clock.now();
    this.#keepAlive?.received(now);
    this.#session.advance(now);
    this.#framer.push(chunk);
    if (this.#phase !== ConnectionPhase.Verify) this.#read();
    if (this.#phase === ConnectionPhase.Verify) this.#framer.keep(); // the chunk is not ours any more
  }

  drained(): void {
    this.sender.drained();
  }

  closed(error?: Error): void {
    if (this.#phase === ConnectionPhase.Closed) return;
    const cause = this.#cause ?? new MqttError("CONNECTION_LOST", "The connection was lost", { cause: error });
    this.#cause = cause;
    this.#leave(ConnectionPhase.Closed);
    this.sender.lost(cause);
    this.#destroyTimer?.cancel();
    this.#port.ended(cause);
  }

  // Inside

  #read(): void {
    const framer = this.#framer;
    try {
      while (framer.next()) {
        this.#handle(decodeFound(framer, this.#decodeOptions));
        if (this.#halted()) return;
      }
      if (this.#phase === ConnectionPhase.Open) this.#gate.received(); // CONNACK is read whatever waits
    } catch (error) {
      this.#violated(error);
    }
  }

  /** Whether reading has to stop: for good, or until CONNACK is verified. */
  #halted(): boolean {
    return this.#phase !== ConnectionPhase.Open && this.#phase !== ConnectionPhase.AwaitConnack;
  }

  #handle(packet: DecodedPacket): void {
    const { type } = packet;
    if (type === PacketType.Disconnect) {
      this.#stats.serverDisconnects++;
      const blaming = BLAMING.has(packet.reasonCode) && this.#authentication?.asking !== true;
      if (blaming) this.#session.blame(rejectedByDisconnect(packet));
      this.#close(serverDisconnected(packet));
      return;
    }
    if (type === PacketType.Auth && this.#authentication !== undefined) {
      if (!this.#options.requestProblemInformation) refuseProblemInformation(packet);
      this.#authentication.received(packet);
      return;
    }
    if (this.#phase === ConnectionPhase.AwaitConnack) {
      if (type !== PacketType.Connack) throw unexpected(type, "before CONNACK");
      this.#connacked(packet);
      return;
    }
    if (type === PacketType.Publish) {
      this.#topic = this.#aliases.topicOf(packet);
      this.#session.receivePublish(packet);
    } else receiveAnswer(this.#session, packet, this.#options.requestProblemInformation);
  }

  #connacked(packet: ConnackPacket): void {
    if (packet.reasonCode >= 0x80) {
      this.#close(refusedConnect(packet));
      return;
    }
    const { keepAlive, sessionExpiryInterval } = this.#options;
    const { clientId } = this.#connect;
    const info = grantedBy(packet, this.#connect, { clientId, keepAlive, sessionExpiryInterval });
    if (this.#authentication === undefined) return this.#granted(info);
    this.#suspend();
    this.#authentication.accepted(info.authenticationMethod, info.authenticationData, () => this.#granted(info));
  }

  #granted(info: ServerInfo): void {
    const pending = this.#port.granted(info);
    if (pending === undefined)
      return this.#phase === ConnectionPhase.Verify ? this.#verified(info) : this.#establish(info);
    this.#suspend();
    void pending.then(() => this.#verified(info));
  }

  /** What follows CONNACK is not looked at before it is known who sent it, and what depends on it is durable. */
  #suspend(): void {
    this.#phase = ConnectionPhase.Verify;
    this.#link.pause();
  }

  #verified(info: ServerInfo): void {
    if (this.#phase !== ConnectionPhase.Verify) return;
    this.#link.resume();
    try {
      this.#establish(info);
    } catch (error) {
      return this.#violated(error);
    }
    this.#read();
  }

  #establish(info: ServerInfo): void {
    this.#info = info;
    if (this.#options.outboundTopicAliases) this.#aliasesOut();
    this.#phase = ConnectionPhase.Open;
    this.#startKeepAlive(info.keepAlive * 1000);
    this.#port.established(info);
  }

  #publish(packet: PublishPacket): Promise<void> | undefined {
    if (this.#options.publishMode === "fire-and-forget") return this.sender.publish(packet);
    return this.sender.publishAndFlush(packet);
  }

  #aliasesOut(): OutboundAliases {
    this.#outboundAliases ??= new OutboundAliases(
      this.#info?.topicAliasMaximum ?? 0,
      this.#options.outboundTopicAliases,
    );
    return this.#outboundAliases;
  }

  #startKeepAlive(interval: number): void {
    if (interval === 0) return;
    const { clock, pingTimeout } = this.#options;
    this.#keepAlive = new KeepAlive(this, clock, interval, pingTimeout < interval ? pingTimeout : interval / 2);
  }

  lastSent(): number {
    return this.sender.lastSent;
  }

  ping(): void {
    this.sender.sendAlone({ type: PacketType.Pingreq });
    if (!this.#gate.reading) this.#gate.probe();
  }

  /** Where we did not read, silence proves nothing: one read has to show whether the other side is alive. */
  silent(): boolean {
    if (!this.#gate.reading) {
      this.#gate.probe();
      return false;
    }
    this.#stats.pingTimeouts++;
    this.destroy(new MqttError("KEEP_ALIVE_TIMEOUT", "The broker did not answer a PINGREQ"));
    return true;
  }

  /** Whatever went wrong while reading ends the connection with the code for it, and never leaves here. */
  #violated(error: unknown): void {
    this.#stats.protocolErrors++;
    const cause = violation(error);
    this.#options.logger.error?.(cause.message, cause);
    this.disconnect({ type: PacketType.Disconnect, reasonCode: cause.reasonCode }, cause);
  }

  /** Ends the connection: what was sent still leaves, within bounds. */
  #close(cause: MqttError): void {
    this.#cause ??= cause;
    this.sender.flush();
    this.#leave(ConnectionPhase.Closing);
    this.#link.resume(); // to see the other side close
    this.#link.end();
    this.#destroyTimer = this.#options.clock.schedule(this.#options.disconnectTimeout, () => this.#destroy());
  }

  /** Even a link that never says that it closed must not keep anybody waiting. */
  #destroy(): void {
    this.#link.destroy();
    this.#destroyTimer?.cancel();
    this.#destroyTimer = this.#options.clock.schedule(this.#options.disconnectTimeout, () => this.closed());
  }

  /** From here on nothing is sent or read; the session waits for the next connection. */
  #leave(phase: ConnectionPhase): void {
    const wasOpen = this.#phase === ConnectionPhase.Open;
    this.#phase = phase;
    this.#keepAlive?.stop();
    this.sender.close();
    if (wasOpen) this.#session.disconnected();
    if (this.#cause !== undefined) this.#authentication?.ended(this.#cause);
  }

  #authenticate({ exchange }: BegunExchange): Authentication {
    const method = this.#connect.properties?.authenticationMethod ?? "";
    return new Authentication(method, exchange, this.#options.clock, {
      send: (packet) => this.sender.send(packet),
      maximumPacketSize: () => this.#info?.maximumPacketSize ?? Infinity,
      changed: () => this.regulate(),
      reauthenticated: () => this.#port.reauthenticated(),
      failed: (cause) => this.#unauthenticated(cause),
    });
  }

  /** Before CONNACK the broker is told nothing; after it, that it was not believed. */
  #unauthenticated(cause: MqttError): void {
    if (this.#phase === ConnectionPhase.AwaitConnack) this.#close(cause);
    else this.disconnect(NOT_BELIEVED, cause);
  }

  #lenient(): ((violation: DecodeError) => void) | undefined {
    const { lenientDecoding, logger } = this.#options;
    return lenientDecoding ? (violation) => logger.warn?.(`Tolerated: ${violation.message}`, violation) : undefined;
  }
}
