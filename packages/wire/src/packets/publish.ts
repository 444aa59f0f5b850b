// SPDX-License-Identifier: Apache-2.0
import { readU16, viewOf } from "../bytes.js";
import { CopyMemory } from "../copy-memory.js";
import { PacketType, type QoS } from "../packet-type.js";
import { Properties, PropertyFacts } from "../properties.js";
import { bit } from "../property.js";
import type { PublishProperties } from "../property-values.js";
import { noFacts, noProperties, skipProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
import { Recent } from "../recent.js";
import { readTopic } from "../topic-cache.js";
import { isPlainTopic } from "../utf8.js";
import { writeProperties } from "../write-properties.js";
import { varintSize, type Writer } from "../writer.js";

/** Carries an application message. Section 3.3. */
export interface PublishPacket {
  readonly type: typeof PacketType.Publish;
  /** Empty only together with a topic alias. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Sent before, at QoS 1 or 2. */
  readonly duplicate: boolean;
  /** 1 to 65,535; 0 at QoS 0. */
  readonly packetId: number;
  readonly properties?: PublishProperties | undefined;
}

const copies = /* @__PURE__ */ new CopyMemory();
/** Copies of up to `shortest` bytes lie on V8's heap, where they are cheap; beyond `longest` the copying itself costs more. */
const shortest = 64;
const longest = 2048;
const noIdentifiers: readonly number[] = /* @__PURE__ */ Object.freeze([]);
const aliasBit = /* @__PURE__ */ bit("TopicAlias");
const identifierBit = /* @__PURE__ */ bit("SubscriptionIdentifier");

/** What packets in a row with the same topic share. */
class Topic {
  text: string | undefined;

  constructor() {
    this.text = undefined;
  }
}

/**
 * A received PUBLISH: a view of its frame. All of it was validated, and nothing is turned into strings and objects before it
 * is read; what is read once is kept. The view pins the memory of the frame: {@link own} gives one that doesn't.
 *
 * It has few fields, because each costs time and memory in every packet: what stands in the frame is read from there.
 */
export class Publish implements PublishPacket {
  /** The frame: `buffer` from `start` to `end` (exclusive). */
  declare buffer: Uint8Array;
  declare start: number;
  declare end: number;
  /** From the lowest bit: 4 bits of flags, 4 of where the topic begins, counted from `start`, and the packet identifier. */
  declare private readonly bits: number;
  /** Bytes of the frame before the payload. */
  declare private readonly headerLength: number;
  declare private readonly topicOf: Topic;
  declare private readonly facts: PropertyFacts;
  declare private readPayload: Uint8Array | undefined;
  declare private readProperties: Properties | undefined;

  /** @internal Only the decoder makes these: the bytes must have been validated. */
  constructor(
    buffer: Uint8Array,
    start: number,
    end: number,
    bits: number,
    headerLength: number,
    topic: Topic,
    facts: PropertyFacts,
  ) {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.bits = bits;
    this.headerLength = headerLength;
    this.topicOf = topic;
    this.facts = facts;
    this.readPayload = undefined;
    this.readProperties = undefined;
  }

  get type(): typeof PacketType.Publish {
    return PacketType.Publish;
  }

  get qos(): QoS {
    return ((this.bits >> 1) & 3) as QoS;
  }

  get retain(): boolean {
    return (this.bits & 1) !== 0;
  }

  get duplicate(): boolean {
    return (this.bits & 8) !== 0;
  }

  get packetId(): number {
    return this.bits >> 8;
  }

  /** The topic alias; 0 if there is none. Section 3.3.2.3.4. */
  get topicAlias(): number {
    return (this.facts.present & aliasBit) === 0 ? 0 : (this.properties.topicAlias as number);
  }

  /** Bytes of the topic; 0 if the alias stands for it. */
  get topicLength(): number {
    return readU16(this.buffer, this.topicStart - 2);
  }

  private get topicStart(): number {
    return this.start + ((this.bits >> 4) & 0xf);
  }

  /** The topic; empty if the alias stands for it. */
  get topic(): string {
    return (this.topicOf.text ??= readTopic(this.buffer, this.topicStart, this.topicLength));
  }

  /** The payload: a view of the frame, not a copy. */
  get payload(): Uint8Array {
    return (this.readPayload ??= viewOf(this.buffer, this.start + this.headerLength, this.payloadLength));
  }

  /** Bytes of the payload. */
  get payloadLength(): number {
    return this.end - this.start - this.headerLength;
  }

  get properties(): Properties {
    return (this.readProperties ??=
      this.facts === noFacts ? noProperties(PacketType.Publish) : this.propertiesOf(this.facts));
  }

  private propertiesOf(facts: PropertyFacts): Properties {
    const { buffer, topicStart } = this;
    let from = topicStart + this.topicLength + (this.qos === 0 ? 0 : 2);
    while ((buffer[from++] as number) > 0x7f); // the length of the properties
    return new Properties(buffer, from, this.start + this.headerLength - from, 1 << PacketType.Publish, facts);
  }

  /** The identifiers of the subscriptions that matched, in their order. Section 3.3.2.3.8. */
  get subscriptionIdentifiers(): readonly number[] {
    return (this.facts.present & identifierBit) === 0 ? noIdentifiers : this.properties.subscriptionIdentifiers;
  }

  /**
   * Moves the packet from its chunk to a copy of its frame, so that a small message doesn't pin a large chunk, and returns
   * it. Copies of 65 to 2,048 bytes share their memory with up to three others; larger and smaller ones have their own.
   * Views that were taken before stay with the chunk.
   *
   * `ahead`: all of the chunk is there and will not change, so that the frames behind this one may be copied together with it.
   */
  own(ahead: boolean = false): this {
    const { buffer, start } = this;
    const length = this.end - start;
    let copy = 0;
    if (length > shortest && length <= longest) {
      copy = ahead ? copies.addAhead(buffer, start, length) : copies.add(buffer, start, length);
      this.buffer = copies.piece;
    } else {
      this.buffer = viewOf(buffer, start, length).slice(); // a Buffer's own slice would not copy
    }
    this.start = copy;
    this.end = copy + length;
    this.readPayload = undefined;
    this.readProperties = undefined;
    return this;
  }
}

const lastTopic = /* @__PURE__ */ new Recent(128, /* @__PURE__ */ new Topic());
const lastFacts = /* @__PURE__ */ new Recent(256, noFacts);

/**
 * The path of every message, so it is one straight function over local variables: put together from the reader's methods its
 * speed depended on what the compiler had happened to inline. What equals the last packet's was validated with that.
 */
export function read(reader: Reader): Publish {
  const { bytes, view, flags, start, end } = reader;
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw reader.malformed("the QoS is 3"); // [MQTT-3.3.1-4]
  if ((flags & 0x0e) === 8) throw reader.malformed("DUP is set at QoS 0"); // [MQTT-3.3.1-2]

  const topicStart = reader.position + 2;
  if (topicStart > end) throw reader.cutOff();
  const topicLength = view.getUint16(topicStart - 2);
  let p = topicStart + topicLength;
  if (p > end) throw reader.cutOff();
  let topic = lastTopic.value;
  if (!lastTopic.equals(view, topicStart, topicLength)) {
    if (!isPlainTopic(view, topicStart, p)) reader.checkTopic(topicStart, p);
    topic = new Topic();
    lastTopic.offer(view, topicStart, topicLength, topic);
  }

  let packetId = 0; // [MQTT-2.2.1-2]
  if (qos !== 0) {
    if (p + 2 > end) throw reader.cutOff();
    packetId = view.getUint16(p);
    if (packetId === 0) throw reader.forbidden("the Packet Identifier is 0");
    p += 2;
  }

  let facts = noFacts;
  if (p < end && view.getUint8(p) === 0) p++;
  else {
    reader.position = p;
    facts = readFacts(reader);
    p = reader.position;
  }
  if (topicLength === 0 && (facts.present & aliasBit) === 0) {
    throw reader.forbidden("the topic is empty and there is no topic alias");
  }
  const bits = (packetId << 8) | ((topicStart - start) << 4) | flags;
  return new Publish(bytes, start, end, bits, p - start, topic, facts);
}

function readFacts(reader: Reader): PropertyFacts {
  const { view, end } = reader;
  const length = reader.varint();
  const from = reader.position;
  const to = from + length;
  if (to > end) throw reader.cutOff();
  let facts = lastFacts.value;
  if (!lastFacts.equals(view, from, length)) {
    facts = new PropertyFacts(skipProperties(reader, from, to, 1 << PacketType.Publish));
    lastFacts.offer(view, from, length, facts);
  } else {
    facts.shared = true;
  }
  if ((facts.present & identifierBit) !== 0 && reader.sender === "client") {
    throw reader.forbidden("a client sent a Subscription Identifier"); // [MQTT-3.3.4-6]
  }
  reader.position = to;
  return facts;
}

/** Writes all of a PUBLISH but the bytes of its payload, which are counted. */
export function writeHeader(writer: Writer, packet: PublishPacket): void {
  const { topic, payload, qos, packetId, duplicate, properties } = packet;
  writer.checkQos(qos); // [MQTT-3.3.1-4]
  if (qos === 0 && duplicate) throw writer.fail("INVALID_FIELD", "duplicate", duplicate, "must be false at QoS 0"); // [MQTT-3.3.1-2]
  if (!(payload instanceof Uint8Array)) throw writer.fail("INVALID_FIELD", "payload", payload, "must be a Uint8Array");
  const flags = (duplicate ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0);
  writer.open(PacketType.Publish, flags, varintSize(payload.length + 64));
  if (topic === "") writer.u16(0);
  else writer.topic("topic", topic);
  if (qos !== 0) writer.packetId(packetId);
  const present = writeProperties(writer, PacketType.Publish, properties);
  if (topic === "" && (present & aliasBit) === 0) {
    throw writer.fail("INVALID_TOPIC", "topic", topic, "must not be empty without a topic alias");
  }
  writer.close(payload.length);
}

export function write(writer: Writer, packet: PublishPacket): void {
  if (packet.properties === undefined && writeAgain(writer, packet)) return;
  writeHeader(writer, packet);
  writer.raw(packet.payload);
}

/** What most packets of most publishers are. False for all others, and for what is wrong: to say so is not its business. */
function writeAgain(writer: Writer, { topic, payload, qos, packetId, duplicate, retain }: PublishPacket): boolean {
  if (!(payload instanceof Uint8Array)) return false;
  const first = (PacketType.Publish << 4) | (duplicate ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  if (qos === 0) return !duplicate && writer.publishAgain(first, topic, 0, payload);
  if ((qos !== 1 && qos !== 2) || (packetId & 0xffff) !== packetId || packetId === 0) return false;
  return writer.publishAgain(first, topic, packetId, payload);
}
