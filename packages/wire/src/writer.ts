// SPDX-License-Identifier: Apache-2.0
import { EncodeError, type EncodeErrorCode } from "./errors.js";
import type { PacketType, QoS } from "./packet-type.js";
import { isReasonCodeOf } from "./reason.js";
import { hasWildcard, topicFilterProblem, topicNameProblem } from "./topic.js";
import { isPlainTopic, maximumTextBytes, TextProblem, writeText } from "./utf8.js";

/** The largest value of a Variable Byte Integer, and with it of a Remaining Length. Section 1.5.5. */
export const maximumVarint = 268_435_455;

const defaultSize = 16_384;
/** The first slab: who writes little shall not hold much. Each one that is used up makes the next four times larger. */
const firstSize = 512;
const empty = /* @__PURE__ */ new Uint8Array(0);

/** How many bytes a Variable Byte Integer takes. Section 1.5.5. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/**
 * One growing chunk of outgoing bytes. Packets are put into it one after the other with {@link encodeInto}; {@link take} hands
 * out what has come together, to be written to a link at once. Small takes are carved from one slab, so they cost little.
 *
 * A packet counts only once it is complete: what an encoder wrote before it threw leaves no trace.
 */
export class Writer {
  private readonly largest: number;
  private slab: number;
  private chunk: Uint8Array<ArrayBuffer>;
  /** Of the chunk, once a topic has to be looked at. */
  private view: DataView | undefined;
  /** Where what was not taken yet begins. */
  private taken: number;
  /** Where the packet under way begins: behind the last complete one. */
  private packet: number;
  /** Where the next byte goes. */
  private position: number;
  /** Bytes set aside for the Remaining Length of the packet under way. */
  private reserved: number;
  /** The size of the last take that used up a slab. */
  private usual: number;

  /** The last Topic Name, and its bytes if it came twice in a row. */
  private lastTopic: string;
  private lastBytes: Uint8Array;

  /** The type of the packet under way. @internal */
  packetType: number;
  /** What the fields being written belong to, as in `"will."`: for the messages of errors. @internal */
  path: string;

  /** @param slabSize bytes of the slabs that small takes are carved from, once so much is written; 16,384 by default. */
  constructor(slabSize: number = defaultSize) {
    this.largest = slabSize;
    this.slab = Math.min(firstSize, slabSize);
    this.chunk = empty;
    this.view = undefined;
    this.taken = 0;
    this.packet = 0;
    this.position = 0;
    this.reserved = 0;
    this.usual = 0;
    this.lastTopic = "";
    this.lastBytes = empty;
    this.packetType = 0;
    this.path = "";
  }

  /** Bytes of complete packets that were not taken yet. */
  get length(): number {
    return this.packet - this.taken;
  }

  /** All complete packets not taken yet. The bytes are the caller's: the writer goes on behind them, or in other memory. */
  take(): Uint8Array {
    const bytes = this.chunk.subarray(this.taken, this.packet);
    this.taken = this.packet;
    if (this.chunk.length - this.packet < bytes.length) this.reset(bytes.length); // another such take would not fit
    return bytes;
  }

  /** Adds packets that are encoded already, as they are. */
  append(packets: Uint8Array): void {
    this.position = this.packet;
    this.raw(packets);
    this.packet = this.position;
  }

  /** What `take` gives, as a copy of exact size; the writer uses its memory again. @internal */
  copy(): Uint8Array {
    const bytes = this.chunk.slice(this.taken, this.packet);
    if (this.chunk.length > 4 * this.largest) this.reset(0);
    else this.packet = this.taken;
    return bytes;
  }

  /** Gives back its memory, if all was taken: for who has nothing to write for a while. */
  release(): void {
    if (this.length > 0) return;
    this.reset(0);
    this.slab = Math.min(firstSize, this.largest);
  }

  private reset(usual: number): void {
    this.chunk = empty;
    this.view = undefined;
    this.taken = 0;
    this.packet = 0;
    this.usual = usual;
  }

  /** Names the packet that is about to be written. @internal */
  begin(type: number): void {
    this.packetType = type;
    this.path = "";
  }

  /** Starts a packet, with room for `reserved` bytes of Remaining Length. @internal */
  open(type: number, flags: number, reserved: number = 1): void {
    this.position = this.packet;
    this.reserved = reserved;
    this.room(1 + reserved);
    this.chunk[this.position] = (type << 4) | flags;
    this.position += 1 + reserved;
  }

  /** Puts in the Remaining Length; `follows` counts bytes that are yet to come. The packet can't fail after this. @internal */
  close(follows: number = 0): void {
    const length = this.position - this.packet - 1 - this.reserved + follows;
    if (length > maximumVarint) throw this.fail("PACKET_TOO_LARGE", "Remaining Length", length, maximumVarint);
    this.setLength(1, this.reserved, length);
  }

  /** The packet is complete. @internal */
  commit(): void {
    this.packet = this.position;
  }

  /** Sets `reserved` bytes aside for a length, and returns where, counted from the beginning of the packet. @internal */
  mark(reserved: number): number {
    this.room(reserved);
    const mark = this.position - this.packet;
    this.position += reserved;
    return mark;
  }

  /** Puts in at `mark` how many bytes follow it. @internal */
  measure(mark: number, reserved: number): void {
    this.setLength(mark, reserved, this.position - this.packet - mark - reserved);
  }

  private setLength(mark: number, reserved: number, length: number): void {
    const size = varintSize(length);
    if (size !== reserved) {
      if (size > reserved) this.room(size - reserved);
      const from = this.packet + mark + reserved;
      this.chunk.copyWithin(from + size - reserved, from, this.position);
      this.position += size - reserved;
    }
    this.putVarint(this.packet + mark, length);
  }

  private putVarint(at: number, value: number): number {
    const { chunk } = this;
    let rest = value;
    let p = at;
    while (rest > 0x7f) {
      chunk[p++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    chunk[p++] = rest;
    return p;
  }

  /** Makes sure that `count` more bytes fit. */
  private room(count: number): void {
    if (this.chunk.length - this.position < count) this.grow(count);
  }

  private grow(count: number): void {
    const { chunk, taken, position } = this;
    const pending = position - taken;
    const size = Math.max(this.slab, this.usual + (this.usual >> 2), 2 * pending + count);
    this.slab = Math.min(4 * this.slab, this.largest);
    this.chunk = new Uint8Array(size);
    this.view = undefined;
    if (pending > 0) this.chunk.set(chunk.subarray(taken, position));
    this.taken = 0;
    this.packet -= taken;
    this.position = pending;
  }

  /** Takes back the last bytes. @internal */
  drop(count: number): void {
    this.position -= count;
  }

  /** @internal */
  u8(value: number): void {
    this.room(1);
    this.chunk[this.position++] = value;
  }

  /** @internal */
  u16(value: number): void {
    this.room(2);
    this.chunk[this.position++] = value >> 8;
    this.chunk[this.position++] = value;
  }

  /** @internal */
  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  /** @internal */
  varint(value: number): void {
    this.room(4);
    this.position = this.putVarint(this.position, value);
  }

  /** Bytes as they are. @internal */
  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.chunk.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Binary Data. @internal */
  binary(field: string, bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw this.fail("INVALID_FIELD", field, bytes, "must be a Uint8Array");
    if (bytes.length > maximumTextBytes) throw this.fail("FIELD_TOO_LONG", field, bytes, maximumTextBytes);
    this.u16(bytes.length);
    this.raw(bytes);
  }

  /** A UTF-8 String. [MQTT-1.5.4-1] [MQTT-1.5.4-2] @internal */
  text(field: string, text: string, code: EncodeErrorCode = "INVALID_FIELD"): void {
    if (typeof text !== "string") throw this.fail("INVALID_FIELD", field, text, "must be a string");
    const units = text.length;
    if (units > maximumTextBytes) throw this.fail("FIELD_TOO_LONG", field, text, maximumTextBytes);
    this.room(2 + 3 * units);
    const from = this.position + 2;
    const end = writeText(text, this.chunk, from);
    const length = end - from;
    if (end < 0 || length > maximumTextBytes) throw this.textFailure(code, field, text, end);
    this.chunk[from - 2] = length >> 8;
    this.chunk[from - 1] = length;
    this.position = end;
  }

  private textFailure(code: EncodeErrorCode, field: string, text: string, end: number): EncodeError {
    if (end === TextProblem.Null) return this.fail(code, field, text, "must not contain U+0000");
    if (end < 0) return this.fail(code, field, text, "must not contain a lone surrogate");
    return this.fail("FIELD_TOO_LONG", field, text, maximumTextBytes);
  }

  /**
   * A Topic Name, not empty. @internal
   *
   * Most publishers keep to one topic for a while: from its third time in a row on, its bytes are copied instead of
   * encoded and checked. They are a copy of the writer's own, as what was taken may have been changed.
   */
  topic(field: string, topic: string): void {
    const known = topic === this.lastTopic;
    if (known && this.lastBytes.length > 0) {
      this.raw(this.lastBytes);
      return;
    }
    const mark = this.position - this.packet;
    this.text(field, topic, "INVALID_TOPIC");
    const from = this.packet + mark;
    this.view ??= new DataView(this.chunk.buffer);
    if (topic === "" || (!isPlainTopic(this.view, from + 2, this.position) && hasWildcard(topic))) {
      throw this.fail("INVALID_TOPIC", field, topic, topicNameProblem(topic));
    }
    this.lastTopic = topic;
    this.lastBytes = known ? this.chunk.slice(from, this.position) : empty;
  }

  /**
   * A whole PUBLISH without properties, if its topic came last too, and was kept; else false, and nothing is written. One
   * check for room, and the length is known before it is written. An identifier of 0 is left out. @internal
   */
  publishAgain(flags: number, topic: string, packetId: number, payload: Uint8Array): boolean {
    const topicBytes = this.lastBytes;
    if (topicBytes.length === 0 || topic !== this.lastTopic) return false;
    const length = topicBytes.length + (packetId === 0 ? 0 : 2) + 1 + payload.length;
    if (length > maximumVarint) return false;
    this.position = this.packet;
    this.room(5 + length);
    const { chunk } = this;
    chunk[this.position] = flags;
    let p = this.putVarint(this.position + 1, length);
    chunk.set(topicBytes, p);
    p += topicBytes.length;
    if (packetId !== 0) {
      chunk[p++] = packetId >> 8;
      chunk[p++] = packetId;
    }
    chunk[p++] = 0; // no properties
    chunk.set(payload, p);
    this.position = p + payload.length;
    return true;
  }

  /** A Topic Filter. @internal */
  filter(field: string, filter: string): void {
    this.text(field, filter, "INVALID_TOPIC");
    const problem = topicFilterProblem(filter);
    if (problem !== undefined) throw this.fail("INVALID_TOPIC", field, filter, problem);
  }

  /** A Packet Identifier. @internal */
  packetId(id: number): void {
    if ((id & 0xffff) !== id || id === 0) throw this.fail("PACKET_ID_REQUIRED", "packetId", id, "must be 1 to 65535");
    this.u16(id);
  }

  /** A Reason Code that a packet of this type may carry, whoever sends it. @internal */
  reasonCode(type: PacketType, code: number, field = "reasonCode"): void {
    if (!isReasonCodeOf(type, code))
      throw this.fail("INVALID_FIELD", field, code, "is not a reason code of this packet");
    this.u8(code);
  }

  /** @internal */
  checkQos(qos: QoS): void {
    if (qos !== 0 && qos !== 1 && qos !== 2) throw this.fail("INVALID_QOS", "qos", qos, "must be 0, 1 or 2");
  }

  /** @internal */
  checkObject(field: string, value: unknown): void {
    if (typeof value !== "object" || value === null)
      throw this.fail("INVALID_FIELD", field, value, "must be an object");
  }

  /** A list that must not be empty. @internal */
  checkList(field: string, list: readonly unknown[]): void {
    if (!Array.isArray(list)) throw this.fail("INVALID_FIELD", field, list, "must be a list");
    if (list.length === 0) throw this.fail("EMPTY_FILTER_LIST", field, list, "must not be empty");
  }

  /** The error of a field. @internal */
  fail(code: EncodeErrorCode, field: string, value: unknown, limit?: string | number): EncodeError {
    return new EncodeError(code, this.packetType, this.path + field, value, limit);
  }
}

/** Whether a value is a whole number within bounds. */
export function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
