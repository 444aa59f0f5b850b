// SPDX-License-Identifier: Apache-2.0

import {
  type AuthPacket,
  type DecodedConnect,
  type DecodedPacket,
  type DisconnectProperties,
  decode,
  DecodeError,
  Framer,
  type Packet,
  PacketType,
  type PublishPacket,
  ReasonCode,
} from "@mqttv5/wire";
import type { Clock, Timer } from "../clock.js";
import type { Link, LinkReceiver } from "../link.js";
import { Authentication, type AuthenticationPort } from "./authentication.js";
import { Dialogue, type Line } from "./dialogue.js";
import type { Exchange } from "./exchange.js";
import { connackProperties, refusalOf, type Terms, termsOf } from "./handshake.js";
import { type AuthenticationOutcome, type Awaitable, type ConnectVerdict, isPromiseLike, verdictOf } from "./hooks.js";
import { KeepAlive } from "./keep-alive.js";
import type { Settings } from "./options.js";
import { Outbox } from "./outbox.js";
import type { Session } from "./session.js";
import type { SessionRegistry } from "./session-registry.js";

type Phase = "connecting" | "authenticating" | "connected" | "closed";

const { Connect, Auth, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Unsubscribe, Pingreq, Disconnect } =
  PacketType;

/** Which packets are legal when. */
const legal: Readonly<Record<Phase, readonly PacketType[]>> = {
  connecting: [Connect],
  authenticating: [Auth, Disconnect],
  connected: [Auth, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Unsubscribe, Pingreq, Disconnect],
  closed: [],
};

/** How long a closed connection waits for its last bytes to leave, in milliseconds. */
const LINGER = 5000;

/** What a connection needs of its broker. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly exchange: Exchange;
  readonly sessions: SessionRegistry;
  newClientId(): string;
  closed(connection: Connection): void;
}

/** A connection as the broker's owner sees it. */
export interface BrokerConnection {
  /** Empty until the CONNECT was accepted. */
  readonly clientId: string;
  readonly username: string | undefined;
  /** The CONNECT, once there was one. */
  readonly connect: DecodedConnect | undefined;
  /** Sends DISCONNECT and closes. The Will is published if the reason code isn't 0. */
  disconnect(reasonCode: number, properties?: DisconnectProperties): void;
  /** Closes without a word, as a broken network does. */
  drop(): void;
}

/**
 * One life of a link, from the broker's side: framing, handshake, authentication, keep-alive, and every way to end.
 *
 * Lives from `accept` until the link is closed.
 */
export class Connection implements LinkReceiver, BrokerConnection, Line, AuthenticationPort {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly exchange: Exchange;
  readonly outbox: Outbox;
  readonly #host: ConnectionHost;
  readonly #link: Link;
  readonly #framer: Framer;
  #phase: Phase = "connecting";
  #waiting = false;
  #connect: DecodedConnect | undefined;
  #terms: Terms | undefined;
  #authentication: Authentication | undefined;
  #session: Session | undefined;
  #dialogue: Dialogue | undefined;
  #keepAlive: KeepAlive | undefined;
  /** Waits for CONNECT at first, for the link to close at the end. */
  #timer: Timer;

  constructor(link: Link, host: ConnectionHost) {
    this.#link = link;
    this.#host = host;
    this.clock = host.clock;
    this.settings = host.settings;
    this.exchange = host.exchange;
    this.outbox = new Outbox(link, host.clock);
    this.#framer = new Framer({ maximumPacketSize: this.settings.maximumPacketSize });
    this.#timer = this.clock.schedule(this.settings.connectTimeout, () => this.drop());
  }

  get clientId(): string {
    return this.#session?.clientId ?? "";
  }

  get username(): string | undefined {
    return this.#connect?.username;
  }

  get connect(): DecodedConnect | undefined {
    return this.#connect;
  }

  /** Whether packets are exchanged: accepted, and not closing. */
  get live(): boolean {
    return this.#phase === "connected";
  }

  open(): void {
    this.#link.open(this);
  }

  received(chunk: Uint8Array): void {
    if (this.#phase === "closed") return;
    this.#framer.push(chunk);
    this.#guard(() => this.#process());
  }

  drained(): void {
    this.outbox.drained();
    this.#session?.outbound.pump();
  }

  closed(): void {
    this.#finish();
    this.#timer.cancel();
    this.#host.closed(this);
  }

  #process(): void {
    while (this.#phase !== "closed" && !this.#waiting) {
      const packet = this.#next();
      if (!packet) return;
      this.#handle(packet);
    }
  }

  /** A hook that throws costs its connection; the error goes on to whoever runs the turn. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(ReasonCode.ImplementationSpecificError);
      throw error;
    }
  }

  #next(): DecodedPacket | undefined {
    const framer = this.#framer;
    try {
      if (!framer.next()) return undefined;
      return decode(framer.buffer, framer.start, framer.end, { sender: "client" });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const reasonCode = this.#phase === "connected" && error.packetType === Connect ? 0x82 : error.reasonCode; // [MQTT-3.1.0-2]
      if (this.#phase === "connecting" && error.packetType !== Connect) this.close();
      else this.#refuse(reasonCode, { reasonString: error.detail }); // [MQTT-4.13.1-1]
      return undefined;
    }
  }

  #handle(packet: DecodedPacket): void {
    this.settings.onPacket?.({ direction: "received", clientId: this.clientId, packet });
    this.#keepAlive?.touch();
    if (!legal[this.#phase].includes(packet.type)) {
      if (this.#phase === "connecting") this.close();
      else this.fail(ReasonCode.ProtocolError);
    } else if (packet.type === Connect) {
      this.#connecting(packet);
    } else if (packet.type === Auth) {
      this.#authenticating(packet);
    } else if (this.#dialogue) {
      this.#dialogue.handle(packet);
    } else {
      this.close();
    }
  }

  // The handshake.

  #connecting(connect: DecodedConnect): void {
    const { properties } = connect;
    this.#connect = connect;
    this.#phase = "authenticating";
    const aliases = Math.min(properties.topicAliasMaximum ?? 0, this.settings.outgoingTopicAliases);
    this.outbox.limit(properties.maximumPacketSize, properties.requestProblemInformation ?? true, aliases);
    const refusal = refusalOf(connect, this.settings);
    if (refusal !== undefined) return this.fail(refusal);
    this.#terms = termsOf(connect, this.settings, () => this.#host.newClientId());
    this.when(this.settings.authenticate?.(connect), (answer) => {
      const { reasonCode, ...rest }: ConnectVerdict = verdictOf(answer, ReasonCode.Success);
      if (reasonCode >= 0x80) this.#refuse(reasonCode, rest);
      else if (properties.authenticationMethod === undefined) this.#accept(undefined);
      else this.#authenticate(properties.authenticationMethod, properties.authenticationData, false);
    });
  }

  #accept(authenticationData: Uint8Array | undefined): void {
    const connect = this.#connect;
    const terms = this.#terms;
    if (!connect || !terms) return;
    const { session, present } = this.#host.sessions.open(terms.clientId, connect.cleanStart);
    const client = { clientId: terms.clientId, username: connect.username };
    const dialogue = new Dialogue(this, session, client, connect.properties.receiveMaximum ?? 65535);
    const properties = { ...connackProperties(connect, terms, this.settings), authenticationData };
    this.#session = session;
    this.#dialogue = dialogue;
    this.#phase = "connected";
    this.#timer.cancel();
    this.#keepAlive = new KeepAlive(this.clock, terms.keepAlive, () => this.fail(ReasonCode.KeepAliveTimeout));
    session.attach(dialogue, terms.sessionExpiryInterval, connect.will);
    const connack = { type: PacketType.Connack, sessionPresent: present, reasonCode: ReasonCode.Success, properties };
    if (this.send(connack))
      session.outbound.attach(dialogue); // [MQTT-3.2.0-1]
    else this.close(); // larger than the client accepts
  }

  // Enhanced authentication.

  #authenticate(method: string, data: Uint8Array | undefined, reauthentication: boolean): void {
    const script = this.settings.authenticationMethods.get(method);
    if (!script) return this.fail(ReasonCode.BadAuthenticationMethod);
    this.#authentication = new Authentication(method, this);
    this.#authentication.begin(script, data, { clientId: this.#terms?.clientId ?? "", reauthentication });
  }

  #authenticating(packet: AuthPacket): void {
    const method = this.#connect?.properties.authenticationMethod;
    const { authenticationMethod, authenticationData } = packet.properties ?? {};
    const again =
      this.#phase === "connected" && packet.reasonCode === ReasonCode.ReAuthenticate && !this.#authentication;
    if (method === undefined || method !== authenticationMethod) this.fail(ReasonCode.ProtocolError);
    else if (again) this.#authenticate(method, authenticationData, true);
    else if (!this.#authentication?.answer(packet)) this.fail(ReasonCode.ProtocolError);
  }

  challenge(authenticationMethod: string, authenticationData: Uint8Array | undefined): void {
    const reasonCode = ReasonCode.ContinueAuthentication; // [MQTT-4.12.0-2]
    this.send({ type: Auth, reasonCode, properties: { authenticationMethod, authenticationData } });
  }

  finished(authenticationMethod: string, { reasonCode = 0, data }: AuthenticationOutcome): void {
    this.#authentication = undefined;
    if (reasonCode >= 0x80) this.fail(reasonCode);
    else if (this.#phase === "authenticating") this.#accept(data);
    else this.send({ type: Auth, reasonCode: 0, properties: { authenticationMethod, authenticationData: data } });
  }

  broken(error: unknown): void {
    this.clock.afterTurn(() => {
      this.fail(ReasonCode.ImplementationSpecificError);
      throw error;
    });
  }

  // What the dialogue uses.

  send(packet: Packet): boolean {
    if (this.#phase === "closed") return false;
    if (this.#link.pendingBytes > this.settings.maximumQueuedBytes) this.drop(); // a client that asks and never reads
    return this.#observe(this.outbox.send(packet));
  }

  publish(packet: PublishPacket): boolean {
    return this.#observe(this.outbox.publish(packet));
  }

  when<T>(value: Awaitable<T>, proceed: (value: T) => void): void {
    if (!isPromiseLike(value)) return proceed(value);
    this.#waiting = true;
    this.#link.pause();
    value.then(
      (settled) =>
        this.clock.afterTurn(() => {
          this.#waiting = false;
          this.#link.resume();
          this.#keepAlive?.touch();
          if (this.#phase === "closed") return;
          this.#guard(() => {
            proceed(settled);
            this.#process();
          });
        }),
      (error: unknown) => this.broken(error),
    );
  }

  #observe(packet: Packet | undefined): boolean {
    if (packet) this.settings.onPacket?.({ direction: "sent", clientId: this.clientId, packet });
    return packet !== undefined;
  }

  // The ways to end.

  /** Says why and closes. */
  fail(reasonCode: number): void {
    this.#refuse(reasonCode, {});
  }

  disconnect(reasonCode: number, properties?: DisconnectProperties): void {
    if (!this.live) return this.close(); // [MQTT-3.14.0-1]
    if (reasonCode === ReasonCode.NormalDisconnection) this.#session?.forgetWill();
    this.#refuse(reasonCode, properties ?? {});
  }

  drop(): void {
    this.#finish();
    this.#link.destroy();
  }

  /** The broker dies: as {@link drop}, but without a Will. */
  crash(): void {
    this.#session?.forgetWill();
    this.drop();
  }

  close(): void {
    if (this.#phase === "closed") return;
    this.outbox.flush();
    this.#finish();
    this.#timer = this.clock.schedule(LINGER, () => this.#link.destroy());
    this.#link.resume();
    this.#link.end(); // [MQTT-3.14.4-2]
  }

  /** CONNACK before the connection was accepted, DISCONNECT after. [MQTT-3.14.0-1] */
  #refuse(reasonCode: number, properties: DisconnectProperties): void {
    if (this.#phase === "connected") this.send({ type: Disconnect, reasonCode, properties });
    else this.send({ type: PacketType.Connack, sessionPresent: false, reasonCode, properties }); // [MQTT-3.2.2-6]
    this.close(); // [MQTT-3.2.2-7] [MQTT-4.13.2-1]
  }

  #finish(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#timer.cancel();
    this.#keepAlive?.stop();
    this.#session?.detach();
  }
}
