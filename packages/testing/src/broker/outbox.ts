// SPDX-License-Identifier: Apache-2.0

import { type AckProperties, encode, type Packet, PacketType, type PublishPacket } from "@mqttv5/wire";
import { concatenate } from "../bytes.js";
import type { Clock } from "../clock.js";
import type { Link } from "../link.js";
import { OutboundAliases } from "./topic-aliases.js";

/** Bytes gathered before they are written within the turn. */
const FLUSH_AT = 65536;

/**
 * The writing side of one connection: encodes, keeps to the client's limits, and writes once a turn. Lives as long as its link.
 */
export class Outbox {
  readonly #link: Link;
  readonly #clock: Clock;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #flushes = 0;
  #flushScheduled = false;
  #writable = true;

  // What the CONNECT asked for.
  #maximumPacketSize = Infinity;
  #problemInformation = true;
  #aliases = new OutboundAliases(0);

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  limit(maximumPacketSize: number | undefined, problemInformation: boolean, aliases: number): void {
    this.#maximumPacketSize = maximumPacketSize ?? Infinity;
    this.#problemInformation = problemInformation;
    this.#aliases = new OutboundAliases(aliases);
  }

  get writable(): boolean {
    return this.#writable;
  }

  /** How often packets were handed to the link. What was sent since the last time, the client can't have seen. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Gives the packet as it was sent; undefined if it is too large for the client and was not. [MQTT-3.1.2-24] */
  send(packet: Packet): Packet | undefined {
    const asked = this.#problemInformation || mayAlwaysExplain(packet) ? packet : unexplained(packet); // [MQTT-3.1.2-29]
    return this.#add(asked) ?? (packet.type === PacketType.Publish ? undefined : this.#add(unexplained(asked)));
  }

  /** The same for a PUBLISH, with a topic alias if the client takes them. */
  publish(packet: PublishPacket): Packet | undefined {
    const alias = this.#aliases.of(packet.topic);
    if (!alias) return this.send(packet);
    const topic = alias.known ? "" : packet.topic;
    const sent = this.send({ ...packet, topic, properties: { ...packet.properties, topicAlias: alias.number } });
    if (sent) this.#aliases.set(packet.topic, alias.number);
    return sent;
  }

  /** The link took all it was given. */
  drained(): void {
    this.#writable = true;
  }

  flush(): void {
    if (this.#bytes === 0) return;
    const chunk = concatenate(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    this.#flushes += 1;
    this.#writable = this.#link.send(chunk);
  }

  #add(packet: Packet): Packet | undefined {
    const bytes = encode(packet);
    if (bytes.length > this.#maximumPacketSize) return undefined;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= FLUSH_AT) this.flush();
    else this.#scheduleFlush();
    return packet;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.afterTurn(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }
}

function mayAlwaysExplain({ type }: Packet): boolean {
  return type === PacketType.Publish || type === PacketType.Connack || type === PacketType.Disconnect;
}

/** The packet without Reason String and User Properties: the first thing to go. [MQTT-3.2.2-19] and its like */
function unexplained(packet: Packet): Packet {
  if (!("properties" in packet) || !packet.properties) return packet;
  const { reasonString: _reason, userProperties: _user, ...rest }: AckProperties = packet.properties;
  return { ...packet, properties: rest };
}
