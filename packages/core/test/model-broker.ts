// SPDX-License-Identifier: Apache-2.0
// A small broker for the random model: correct, moody, on real bytes, over links that break at any of them.
import {
  type AckType,
  type ConnackPacket,
  type DecodedPacket,
  encodeUtf8,
  PacketType,
  type Publish,
  type PublishPacket,
} from "@mqttv5/wire";
import type { Link, Transport } from "../src/transport.js";
import { Line, type LinePort, type Weather } from "./model-line.js";
import { describe, type Produced, type Sent, SessionView, Tally, Tap, type WirePort } from "./model-wire.js";

/** What the broker holds for the client. */
class BrokerSession {
  /** Topic Filters and their Subscription Identifiers. */
  readonly filters = new Map<string, number | undefined>();
  /** Sent, and not answered to the end; in order of sending. */
  readonly outgoing = new Map<number, Produced>();
  readonly queue: Produced[] = [];
  /** QoS 2 messages that were received and not released, by identifier. */
  readonly remembered = new Map<number, { readonly topic: string; readonly code: number }>();
  readonly taken = new Set<string>();
  /** The client has learnt of it. MQTT lets no client tell a session it never heard of from the one before. */
  known = false;
}

/** What the broker asks of the run it is part of. */
export interface BrokerPort extends Weather {
  readonly sent: readonly Sent[];
  readonly logging: boolean;
  log(text: string): void;
  fail(text: string): never;
  /** What the client counts. */
  publishesSent(): number;
}

/** The reason codes for refusing a message, and for taking one. */
const REFUSALS = [0x80, 0x83, 0x87, 0x97];

/** The broker of one client. */
export class ModelBroker implements WirePort, LinePort {
  readonly #port: BrokerPort;
  readonly sent: readonly Sent[];
  readonly produced: Produced[] = [];
  session: BrokerSession | undefined;
  view = new SessionView();
  readonly tally: Tally;
  #line: Line | undefined;
  /** Of the latest connection, over or not. */
  #tap: Tap | undefined;
  #dismissed = false;

  constructor(port: BrokerPort) {
    this.#port = port;
    this.sent = port.sent;
    this.tally = new Tally(() => port.publishesSent());
  }

  get logging(): boolean {
    return this.#port.logging;
  }

  log(text: string): void {
    this.#port.log(text);
  }

  fail(text: string): never {
    this.#port.fail(text);
  }

  begins(cleanStart: boolean): void {
    if (this.session?.known === true && cleanStart !== this.#dismissed) this.fail(`Clean Start is ${cleanStart}`);
  }

  outgoing(packetId: number): Produced | undefined {
    return this.session?.outgoing.get(packetId);
  }

  transport(): Transport {
    return {
      connect: () => {
        if (this.#port.stormy() && this.#chance(0.05)) return Promise.reject(new Error("nobody there"));
        return Promise.resolve(this.#open());
      },
    };
  }

  /** Nothing is under way, and nothing is owed in either direction. */
  get idle(): boolean {
    this.catchUp();
    const { session } = this;
    const line = this.#line;
    return (
      line?.tap.isOpen === true &&
      line.tap.idle &&
      (session === undefined || session.outgoing.size + session.queue.length + session.remembered.size === 0)
    );
  }

  /** The Receive Maximum of the connection there is. */
  get window(): number {
    return this.#line?.tap.window ?? 0;
  }

  catchUp(): void {
    this.#tap?.catchUp();
  }

  /** The application gives the session up. The broker may not hear of it. */
  dismiss(): void {
    this.catchUp();
    this.#dismissed = true;
    for (const message of this.sent) message.forsaken = true;
  }

  // The network

  #open(): Link {
    this.catchUp();
    this.tally.update();
    const line = new Line(this, this.#port);
    this.#tap = line.tap;
    return line.tap;
  }

  /** The line breaks in one of the ways lines break. */
  break(how: number): void {
    this.#line?.break(how);
  }

  ended(line: Line): void {
    if (this.#line === line) this.#line = undefined;
  }

  // The broker

  handle(line: Line, packet: DecodedPacket): void {
    switch (packet.type) {
      case PacketType.Connect:
        return this.#connect(line, packet.cleanStart, packet.properties.receiveMaximum ?? 65_535);
      case PacketType.Pingreq:
        return line.send({ type: PacketType.Pingresp });
      case PacketType.Disconnect:
        if (packet.properties.sessionExpiryInterval === 0) this.#forget();
        return line.close();
      default:
    }
    const { session } = this;
    if (session === undefined || (this.#line !== line && !line.over)) return;
    switch (packet.type) {
      case PacketType.Publish:
        return this.#take(line, session, packet);
      case PacketType.Pubrel: {
        const message = session.remembered.get(packet.packetId);
        session.remembered.delete(packet.packetId);
        if (message !== undefined) this.#sent(message.topic).answers.add(message.code);
        return this.#answer(line, PacketType.Pubcomp, packet.packetId, message === undefined ? 0x92 : 0);
      }
      case PacketType.Puback:
      case PacketType.Pubrec:
        return this.#answered(line, session, packet.packetId, packet.reasonCode);
      case PacketType.Pubcomp:
        if (session.outgoing.get(packet.packetId)?.released !== true) {
          this.fail(`PUBCOMP ${packet.packetId} ends nothing: it could have met the next message of that identifier`);
        }
        session.outgoing.delete(packet.packetId);
        return this.#pump();
      case PacketType.Subscribe:
        for (const { filter } of packet.subscriptions) {
          session.filters.set(filter, packet.properties.subscriptionIdentifier);
        }
        return this.#confirm(line, PacketType.Suback, packet.packetId, [packet.subscriptions[0]?.qos ?? 0]);
      case PacketType.Unsubscribe:
        return this.#confirm(line, PacketType.Unsuback, packet.packetId, [
          session.filters.delete(packet.filters[0] as string) ? 0 : 0x11,
        ]);
      default:
        this.fail(`the client sent ${describe(packet)}`);
    }
  }

  #connect(line: Line, cleanStart: boolean, receiveMaximum: number): void {
    const { temper } = this.#port;
    const stormy = this.#port.stormy();
    if (line.over) return;
    this.#line?.close();
    const mood = stormy ? this.#port.random() : 1;
    if (mood < 0.03) return; // never answers
    if (mood < 0.06) {
      line.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0x88 });
      line.flush();
      return line.close();
    }
    if (cleanStart || this.session?.known !== true || (stormy && this.#chance(temper.loses))) this.#forget();
    this.session ??= new BrokerSession();
    const { session } = this;
    const present = session.known;
    line.tap.window = 1 + this.#below(8);
    line.receiveMaximum = receiveMaximum;
    this.#line = line;
    const connack: ConnackPacket = {
      type: PacketType.Connack,
      sessionPresent: present,
      reasonCode: 0,
      properties: {
        receiveMaximum: line.tap.window,
        subscriptionIdentifierAvailable: temper.subscriptionIdentifiers ? undefined : false,
      },
    };
    line.send(connack, () => {
      session.known = true;
      this.#dismissed = false;
      if (!present) this.#anew();
      line.tap.connected();
    });
    for (const [packetId, message] of session.outgoing) {
      if (message.released) this.#answer(line, PacketType.Pubrel, packetId, 0);
      else this.#publish(line, packetId, message, temper.flags);
    }
    this.#pump();
  }

  /** The client learns that its session is gone. */
  #anew(): void {
    this.view = new SessionView();
    for (const message of this.sent) {
      message.answers.clear();
      if (this.#port.temper.lossFails) message.forsaken = true;
    }
  }

  #forget(): void {
    const { session } = this;
    if (session === undefined) return;
    for (const message of [...session.outgoing.values(), ...session.queue]) message.lost = true;
    this.session = undefined;
  }

  #take(line: Line, session: BrokerSession, { topic, packetId, qos, duplicate }: Publish): void {
    const message = this.#sent(topic);
    const before = qos === 2 ? session.remembered.get(packetId) : undefined;
    if (before !== undefined) {
      if (before.topic !== topic || !duplicate) this.fail(`${topic} came under the identifier of ${before.topic}`);
      return this.#answer(line, PacketType.Pubrec, packetId, before.code);
    }
    const mood = this.#port.random();
    const { refuses } = this.#port.temper;
    const refused = mood < refuses && qos > 0;
    const code = refused ? (REFUSALS[this.#below(REFUSALS.length)] as number) : mood > 0.95 ? 0x10 : 0;
    if (!refused) {
      if (qos !== 1 && session.taken.has(topic)) this.fail(`${topic} came twice`);
      session.taken.add(topic);
    }
    message.decided = true;
    if (qos === 0) return;
    if (qos === 2 && !refused) session.remembered.set(packetId, { topic, code });
    else message.answers.add(code);
    this.#answer(line, qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, code);
  }

  #answer(line: Line, type: AckType, packetId: number, reasonCode: number): void {
    const { tap } = line;
    const over = type === PacketType.Puback || type === PacketType.Pubcomp || reasonCode >= 0x80;
    line.send({ type, packetId, reasonCode }, () => {
      if (type === PacketType.Pubrel) return;
      if (over) tap.ended(packetId);
      else tap.received(packetId);
    });
  }

  #answered(line: Line, session: BrokerSession, packetId: number, reasonCode: number): void {
    const message = session.outgoing.get(packetId);
    if (message === undefined) return this.fail(`an answer to ${packetId}, which is free`);
    if (message.qos === 2 && reasonCode < 0x80) {
      message.released = true;
      this.#answer(line, PacketType.Pubrel, packetId, 0);
    } else {
      session.outgoing.delete(packetId);
      this.#pump();
    }
  }

  #confirm(
    line: Line,
    type: typeof PacketType.Suback | typeof PacketType.Unsuback,
    packetId: number,
    reasonCodes: number[],
  ): void {
    line.send({ type, packetId, reasonCodes }, () => line.tap.confirmed(packetId));
  }

  /** A message for the client, if it has subscribed. */
  produce(qos: 0 | 1 | 2): void {
    const { session } = this;
    if (session?.filters.has("m/#") !== true || (qos === 0 && this.#line === undefined)) return;
    const number = this.produced.length;
    const identifier = session.filters.get("m/#");
    const topic = `m/${qos}-${number}`;
    const state = { released: false, delivered: 0, code: undefined, answered: false, lost: false };
    const message: Produced = { number, qos, topic, identifier, ...state };
    this.produced.push(message);
    if (qos > 0) session.queue.push(message);
    else if (this.#line !== undefined) this.#publish(this.#line, 0, message, false);
    this.#pump();
  }

  /** Sends what the client's Receive Maximum allows. Identifiers are used again at once. */
  #pump(): void {
    const { session } = this;
    const line = this.#line;
    if (session === undefined || line === undefined) return;
    while (session.queue.length > 0 && session.outgoing.size < line.receiveMaximum) {
      const message = session.queue.shift() as Produced;
      let packetId = 1;
      while (session.outgoing.has(packetId)) packetId++;
      session.outgoing.set(packetId, message);
      this.#publish(line, packetId, message, false);
    }
  }

  #publish(line: Line, packetId: number, message: Produced, duplicate: boolean): void {
    const { topic, qos, identifier } = message;
    const packet: PublishPacket = {
      type: PacketType.Publish,
      topic,
      payload: encodeUtf8("x".repeat(message.number % 7)),
      qos,
      retain: false,
      duplicate,
      packetId,
      properties: identifier === undefined ? undefined : { subscriptionIdentifiers: [identifier] },
    };
    line.send(packet, qos === 0 ? undefined : () => line.tap.arrived(packetId, message));
  }

  #sent(topic: string): Sent {
    return this.sent[Number(topic.slice(3))] ?? this.fail(`${topic} was never published`);
  }

  #chance(share: number): boolean {
    return this.#port.random() < share;
  }

  #below(limit: number): number {
    return Math.floor(this.#port.random() * limit);
  }
}
