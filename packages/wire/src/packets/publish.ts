// SPDX-License-Identifier: Apache-2.0
import { viewOf } from "../bytes.js";
import { CopyMemory } from "../copy-memory.js";
import { PacketType, type QoS } from "../packet-type.js";
import { Properties } from "../properties.js";
import { bit } from "../property.js";
import type { PublishProperties } from "../property-values.js";
import { skipProperties } from "../read-properties.js";
import type { Reader } from "../reader.js";
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

/**
 * A received PUBLISH: a view of its frame. All of it was validated, and nothing is turned into strings and objects before it
 * is read; what is read once is kept. The view pins the memory of the frame: {@link own} gives one that doesn't.
 */
export class Publish implements PublishPacket {
  declare readonly type: typeof PacketType.Publish;
  declare readonly qos: QoS;
  declare readonly retain: boolean;
  declare readonly duplicate: boolean;
  declare readonly packetId: number;
  /** The topic alias; 0 if there is none. Section 3.3.2.3.4. */
  declare readonly topicAlias: number;
  /** Bytes of the topic; 0 if the alias stands for it. */
  declare readonly topicLength: number;
  /** The frame: `buffer` from `start` to `end` (exclusive). */
  declare buffer: Uint8Array;
  declare start: number;
  declare end: number;
  declare private topicStart: number;
  declare private propertiesStart: number;
  declare private payloadStart: number;
  declare private readonly present: number;
  declare private readTopic: string | undefined;
  declare private readPayload: Uint8Array | undefined;
  declare private readProperties: Properties | undefined;

  /** @internal Only the decoder makes these: the bytes must have been validated. */
  constructor(
    buffer: Uint8Array,
    start: number,
    end: number,
    flags: number,
    packetId: number,
    topicStart: number,
    topicLength: number,
    topicAlias: number,
    propertiesStart: number,
    payloadStart: number,
    present: number,
  ) {
    this.type = PacketType.Publish;
    this.qos = ((flags >> 1) & 3) as QoS;
    this.retain = (flags & 1) !== 0;
    this.duplicate = (flags & 8) !== 0;
    this.packetId = packetId;
    this.topicAlias = topicAlias;
    this.topicLength = topicLength;
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.topicStart = topicStart;
    this.propertiesStart = propertiesStart;
    this.payloadStart = payloadStart;
    this.present = present;
    this.readTopic = undefined;
    this.readPayload = undefined;
    this.readProperties = undefined;
  }

  /** The topic; empty if the alias stands for it. */
  get topic(): string {
    return (this.readTopic ??= readTopic(this.buffer, this.topicStart, this.topicLength));
  }

  /** The payload: a view of the frame, not a copy. */
  get payload(): Uint8Array {
    return (this.readPayload ??= viewOf(this.buffer, this.payloadStart, this.payloadLength));
  }

  /** Bytes of the payload. */
  get payloadLength(): number {
    return this.end - this.payloadStart;
  }

  get properties(): Properties {
    return (this.readProperties ??= new Properties(
      this.buffer,
      this.propertiesStart,
      this.payloadStart - this.propertiesStart,
      1 << PacketType.Publish,
      this.present,
    ));
  }

  /** The identifiers of the subscriptions that matched, in their order. Section 3.3.2.3.8. */
  get subscriptionIdentifiers(): readonly number[] {
    return (this.present & identifierBit) === 0 ? noIdentifiers : this.properties.subscriptionIdentifiers;
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
    const by = copy - start;
    this.start = copy;
    this.end = copy + length;
    this.topicStart += by;
    this.propertiesStart += by;
    this.payloadStart += by;
    this.readPayload = undefined;
    this.readProperties = undefined;
    return this;
  }
}

/**
 * The path of every message, so it is one straight function over local variables: 40 ns with a topic of one character. Put
 * together from the reader's methods it took 47 or 78 ns, by what the compiler had happened to inline.
 */
export function read(reader: Reader): Publish {
  const { bytes, view, flags, end } = reader;
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw reader.malformed("the QoS is 3"); // [MQTT-3.3.1-4]
  if ((flags & 0x0e) === 8) throw reader.malformed("DUP is set at QoS 0"); // [MQTT-3.3.1-2]

  const topicStart = reader.position + 2;
  if (topicStart > end) throw reader.cutOff();
  const topicLength = view.getUint16(topicStart - 2);
  let p = topicStart + topicLength;
  if (p > end) throw reader.cutOff();
  if (!isPlainTopic(view, topicStart, p)) reader.checkTopic(topicStart, p);

  let packetId = 0; // [MQTT-2.2.1-2]
  if (qos !== 0) {
    if (p + 2 > end) throw reader.cutOff();
    packetId = view.getUint16(p);
    if (packetId === 0) throw reader.forbidden("the Packet Identifier is 0");
    p += 2;
  }

  reader.position = p;
  const propertiesLength = reader.varint();
  const propertiesStart = reader.position;
  const payloadStart = propertiesStart + propertiesLength;
  if (payloadStart > end) throw reader.cutOff();
  let present = 0;
  let topicAlias = 0;
  if (propertiesLength !== 0) {
    present = skipProperties(reader, propertiesStart, payloadStart, 1 << PacketType.Publish);
    if ((present & aliasBit) !== 0) topicAlias = reader.topicAlias;
    if ((present & identifierBit) !== 0 && reader.sender === "client") {
      throw reader.forbidden("a client sent a Subscription Identifier"); // [MQTT-3.3.4-6]
    }
  }
  if (topicLength === 0 && topicAlias === 0) throw reader.forbidden("the topic is empty and there is no topic alias");
  return new Publish(
    bytes,
    reader.start,
    end,
    flags,
    packetId,
    topicStart,
    topicLength,
    topicAlias,
    propertiesStart,
    payloadStart,
    present,
  );
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
  writeHeader(writer, packet);
  writer.raw(packet.payload);
}
