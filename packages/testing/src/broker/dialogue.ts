// SPDX-License-Identifier: Apache-2.0

import {
  type AckProperties,
  type DecodedDisconnect,
  type DecodedPacket,
  type DecodedSubscribe,
  type Packet,
  PacketType,
  type Publish,
  type PublishPacket,
  ReasonCode,
  type UnsubscribePacket,
} from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import type { Exchange } from "./exchange.js";
import { changedExpiryInterval } from "./handshake.js";
import { type Awaitable, type ClientInfo, isPromiseLike, type Verdict, verdictOf } from "./hooks.js";
import { messageOf } from "./message.js";
import type { Settings } from "./options.js";
import type { Outbox } from "./outbox.js";
import type { Session, SessionConnection } from "./session.js";
import { subscribe, unavailableFeature, unsubscribe } from "./subscribing.js";
import { InboundAliases } from "./topic-aliases.js";

/** What a dialogue needs of its connection. */
export interface Line {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly exchange: Exchange;
  readonly outbox: Outbox;
  send(packet: Packet): void;
  publish(packet: PublishPacket): boolean;
  /** Sends DISCONNECT with the reason and closes. */
  fail(reasonCode: number): void;
  /** Closes without a word: the client said goodbye. */
  close(): void;
  /** Goes on when the value is there; until then no packet is processed. */
  when<T>(value: Awaitable<T>, proceed: (value: T) => void): void;
}

/**
 * What is said on an accepted connection: the packets between CONNACK and DISCONNECT, AUTH excepted.
 *
 * Lives from CONNACK until its connection ends; joins the connection to the session.
 */
export class Dialogue implements SessionConnection {
  readonly receiveMaximum: number;
  readonly #line: Line;
  readonly #session: Session;
  readonly #client: ClientInfo;
  readonly #aliases: InboundAliases;
  /** QoS 2 messages of this connection that wait for their PUBREL. */
  readonly #unreleased: Set<number> = new Set();
  /** Answers that give the client its quota back, but were not handed to the link yet, as of flush `#flushes`. */
  #answers = 0;
  #flushes = 0;

  constructor(line: Line, session: Session, client: ClientInfo, receiveMaximum: number) {
    this.#line = line;
    this.#session = session;
    this.#client = client;
    this.#aliases = new InboundAliases(line.settings.topicAliasMaximum);
    this.receiveMaximum = receiveMaximum;
  }

  get writable(): boolean {
    return this.#line.outbox.writable;
  }

  publish(packet: PublishPacket): boolean {
    return this.#line.publish(packet);
  }

  release(packetId: number, reasonCode: number): void {
    this.#line.send({ type: PacketType.Pubrel, packetId, reasonCode });
  }

  takenOver(): void {
    this.#line.fail(ReasonCode.SessionTakenOver);
  }

  handle(packet: DecodedPacket): void {
    const { outbound } = this.#session;
    switch (packet.type) {
      case PacketType.Publish:
        return this.#published(packet);
      case PacketType.Puback:
        return this.#require(outbound.acknowledged(packet.packetId));
      case PacketType.Pubrec:
        return this.#require(outbound.received(packet.packetId, packet.reasonCode));
      case PacketType.Pubcomp:
        return this.#require(outbound.completed(packet.packetId));
      case PacketType.Pubrel:
        return this.#released(packet.packetId);
      case PacketType.Subscribe:
        return this.#subscribe(packet);
      case PacketType.Unsubscribe:
        return this.#unsubscribe(packet);
      case PacketType.Pingreq:
        return this.#line.send({ type: PacketType.Pingresp }); // [MQTT-3.12.4-1]
      case PacketType.Disconnect:
        return this.#disconnect(packet);
      default:
        return this.#require(false); // [MQTT-3.1.0-2]
    }
  }

  #require(legal: boolean): void {
    if (!legal) this.#line.fail(ReasonCode.ProtocolError);
  }

  #published(packet: Publish): void {
    const { settings, clock } = this.#line;
    const topic = this.#aliases.resolve(packet.topic, packet.topicAlias);
    if (typeof topic === "number") return this.#line.fail(topic);
    if (packet.qos > settings.maximumQoS) return this.#line.fail(ReasonCode.QoSNotSupported);
    if (packet.retain && !settings.retainAvailable) return this.#line.fail(ReasonCode.RetainNotSupported);
    const known = packet.qos > 0 && this.#session.incoming.has(packet.packetId);
    const counts = packet.qos > 0 && !this.#unreleased.has(packet.packetId);
    if (counts && this.#unanswered >= settings.receiveMaximum)
      return this.#line.fail(ReasonCode.ReceiveMaximumExceeded);
    if (known && packet.qos === 1) return this.#acknowledge(packet, { reasonCode: ReasonCode.PacketIdentifierInUse });
    if (known) {
      this.#unreleased.add(packet.packetId);
      this.#acknowledge(packet, { reasonCode: ReasonCode.Success }); // [MQTT-4.3.3-10]
      return;
    }
    const message = messageOf(packet, topic, this.#client.clientId, clock.now());
    this.#line.when(settings.authorizePublish?.(message, this.#client), (answer) => {
      const verdict = verdictOf(answer, ReasonCode.Success);
      const refused = verdict.reasonCode >= 0x80;
      const reached = !refused && this.#line.exchange.publish(message);
      this.#remember(packet, refused);
      this.#acknowledge(
        packet,
        reached || refused ? verdict : { ...verdict, reasonCode: ReasonCode.NoMatchingSubscribers },
      );
    });
  }

  #remember(packet: Publish, refused: boolean): void {
    if (packet.qos === 2 && !refused) {
      this.#session.incoming.add(packet.packetId);
      this.#unreleased.add(packet.packetId);
    } else if (packet.qos > 0) {
      this.#countAnswer();
    }
  }

  #acknowledge(packet: Publish, verdict: Verdict): void {
    if (packet.qos === 0) return;
    const type = packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
    const { packetId } = packet;
    this.#line.send({ type, packetId, reasonCode: verdict.reasonCode, properties: explanationOf(verdict) });
  }

  /** [MQTT-4.3.3-11] */
  #released(packetId: number): void {
    const known = this.#session.incoming.delete(packetId);
    if (this.#unreleased.delete(packetId)) this.#countAnswer();
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    this.#line.send({ type: PacketType.Pubcomp, packetId, reasonCode });
  }

  /** QoS 1 and 2 messages of this connection whose last answer the client can't have. Section 4.9. */
  get #unanswered(): number {
    return this.#unreleased.size + (this.#flushes === this.#line.outbox.flushes ? this.#answers : 0);
  }

  #countAnswer(): void {
    const { flushes } = this.#line.outbox;
    this.#answers = this.#flushes === flushes ? this.#answers + 1 : 1;
    this.#flushes = flushes;
  }

  #subscribe(packet: DecodedSubscribe): void {
    const { settings, exchange, clock } = this.#line;
    const unavailable = unavailableFeature(packet, settings);
    if (unavailable !== undefined) return this.#line.fail(unavailable);
    const { packetId, subscriptions: asked } = packet;
    const inUse = asked.map(() => ReasonCode.PacketIdentifierInUse);
    if (this.#session.incoming.has(packetId)) {
      return this.#line.send({ type: PacketType.Suback, packetId, reasonCodes: inUse });
    }
    const answers = asked.map((filter) => settings.authorizeSubscribe?.(filter, this.#client));
    this.#line.when(whenAll(answers), (settled) => {
      const verdicts = asked.map((filter, index) => verdictOf(settled[index], filter.qos));
      const { subscriptionIdentifier } = packet.properties;
      const results = asked.map((filter, index) =>
        subscribe(this.#session, exchange, filter, subscriptionIdentifier, verdicts[index] as Verdict),
      );
      const explained = verdicts.find(({ reasonString, userProperties }) => reasonString ?? userProperties);
      this.#line.send({
        type: PacketType.Suback,
        packetId,
        reasonCodes: results.map(({ reasonCode }) => reasonCode), // [MQTT-3.9.3-1]
        properties: explained && explanationOf(explained),
      });
      for (const { wantsRetained } of results) {
        if (wantsRetained) exchange.sendRetained(wantsRetained, clock.now());
      }
    });
  }

  #unsubscribe(packet: UnsubscribePacket): void {
    const { packetId, filters } = packet;
    const reasonCodes = this.#session.incoming.has(packetId)
      ? filters.map(() => ReasonCode.PacketIdentifierInUse)
      : filters.map((filter) => unsubscribe(this.#session, this.#line.exchange, filter));
    this.#line.send({ type: PacketType.Unsuback, packetId, reasonCodes });
  }

  #disconnect(packet: DecodedDisconnect): void {
    const wanted = packet.properties.sessionExpiryInterval;
    if (wanted !== undefined) {
      const interval = changedExpiryInterval(this.#session.expiryInterval, wanted, this.#line.settings);
      if (interval === undefined) return this.#line.fail(ReasonCode.ProtocolError);
      this.#session.changeExpiryInterval(interval);
    }
    if (packet.reasonCode === ReasonCode.NormalDisconnection) this.#session.forgetWill();
    this.#line.close();
  }
}

function explanationOf(verdict: Verdict): AckProperties | undefined {
  const { reasonString, userProperties } = verdict;
  return reasonString === undefined && userProperties === undefined ? undefined : { reasonString, userProperties };
}

/** All values, as soon as the last is there. */
function whenAll<T>(values: readonly Awaitable<T>[]): Awaitable<readonly T[]> {
  return values.some(isPromiseLike) ? Promise.all(values) : (values as readonly T[]);
}
