// SPDX-License-Identifier: Apache-2.0
import { viewOf } from "./bytes.js";
import { DecodeError, type DecodeReasonCode } from "./errors.js";
import { PacketType, type Sender } from "./packet-type.js";
import { isReasonCodeOf } from "./reason.js";
import { topicFilterProblem } from "./topic.js";
import { hasWildcardByte, isText, readText } from "./utf8.js";

/** Memory larger than this is let go of as soon as its packet is decoded. */
const largestKept = 262_144;

const badText = "a string is not UTF-8 or contains U+0000";

/**
 * A position in a packet that is being decoded. Every method takes one field, checks it, and moves on.
 *
 * One Reader serves all packets, because making a DataView takes longer than decoding, and one can serve every packet of a chunk. What it holds has
 * a meaning only during one call of decode.
 */
export class Reader {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  private large = false;
  /** Where the packet begins and ends (exclusive) in `bytes`. */
  start: number = 0;
  end: number = 0;
  type: number = 0;
  /** The lower four bits of the packet's first byte. */
  flags: number = 0;
  sender: Sender | undefined = undefined;
  /** Where the next field begins. */
  position: number = 0;

  /** The last topic alias that came up among properties. */
  topicAlias: number = 0;

  open(bytes: Uint8Array, start: number, end: number, sender: Sender | undefined): void {
    if (this.bytes !== bytes) this.hold(bytes);
    this.start = start;
    this.position = start;
    this.end = end;
    this.sender = sender;
  }

  private hold(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.large = bytes.buffer.byteLength > largestKept;
  }

  /** Lets go of large memory. */
  close(): void {
    if (this.large) this.hold(new Uint8Array(0));
  }

  /** The packet can't be parsed. */
  malformed(detail: string): DecodeError {
    return this.error(0x81, detail);
  }

  /** The packet is shorter than its fields. */
  cutOff(): DecodeError {
    return this.malformed("it ends in the middle of a field");
  }

  /** The packet can be parsed but says something that is not allowed. */
  forbidden(detail: string): DecodeError {
    return this.error(0x82, detail);
  }

  error(reasonCode: DecodeReasonCode, detail: string): DecodeError {
    this.close();
    return new DecodeError(reasonCode, this.type, detail);
  }

  /** Whether the packet has bytes left. */
  get more(): boolean {
    return this.position < this.end;
  }

  /** Throws unless the packet ends here. */
  finish(): void {
    if (this.position !== this.end) throw this.malformed("there are bytes after its last field");
  }

  /** Moves on by `length` bytes and returns where they begin. */
  skip(length: number): number {
    const from = this.position;
    if (length > this.end - from) throw this.cutOff();
    this.position = from + length;
    return from;
  }

  u8(): number {
    return this.view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.view.getUint16(this.skip(2));
  }

  u32(): number {
    return this.view.getUint32(this.skip(4));
  }

  /** A Variable Byte Integer, in its shortest form if it is to be `strict`. [MQTT-1.5.5-1] */
  varint(strict: boolean = true): number {
    const { view, end } = this;
    let p = this.position;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (p >= end) throw this.cutOff();
      const byte = view.getUint8(p++);
      value |= (byte & 0x7f) << shift;
      if (byte > 0x7f) continue;
      if (byte === 0 && shift > 0 && strict) {
        throw this.malformed("a Variable Byte Integer is longer than its value needs");
      }
      this.position = p;
      return value;
    }
    throw this.malformed("a Variable Byte Integer has more than four bytes");
  }

  /** A Packet Identifier. */
  packetId(): number {
    const id = this.u16();
    if (id === 0) throw this.forbidden("the Packet Identifier is 0");
    return id;
  }

  /** A Reason Code that this packet may carry and its sender may use. */
  reasonCode(): number {
    const code = this.u8();
    const type = this.type as PacketType;
    if (isReasonCodeOf(type, code, this.sender)) return code;
    const detail = `it must not carry the reason code 0x${code.toString(16)}`;
    if (isReasonCodeOf(type, code)) throw this.forbidden(`${detail} from a ${this.sender}`);
    throw type === PacketType.Auth ? this.forbidden(detail) : this.malformed(detail); // [MQTT-3.15.2-1]
  }

  /** Moves behind a field with a length in front of it and returns where its bytes begin. */
  skipSized(): number {
    const { view, end } = this;
    const from = this.position + 2;
    if (from > end) throw this.cutOff();
    const to = from + view.getUint16(from - 2);
    if (to > end) throw this.cutOff();
    this.position = to;
    return from;
  }

  /** Checks a UTF-8 String, moves behind it and returns where its bytes begin. */
  skipText(): number {
    const from = this.skipSized();
    if (!isText(this.view, from, this.position)) throw this.malformed(badText);
    return from;
  }

  text(): string {
    const from = this.skipText();
    return readText(this.bytes, from, this.position);
  }

  /** A Topic Name that must not be empty. */
  topic(): string {
    const from = this.skipTopic();
    if (from === this.position) throw this.forbidden("a topic name is empty"); // [MQTT-4.7.3-1]
    return readText(this.bytes, from, this.position);
  }

  /** Checks a Topic Name, moves behind it and returns where its bytes begin. It may be empty. */
  skipTopic(): number {
    const from = this.skipSized();
    this.checkTopic(from, this.position);
    return from;
  }

  /** Throws unless the bytes are a Topic Name or nothing. [MQTT-4.7.0-1] */
  checkTopic(from: number, to: number): void {
    if (!isText(this.view, from, to)) throw this.malformed(badText);
    if (hasWildcardByte(this.view, from, to)) throw this.forbidden("a topic name contains a wildcard");
  }

  /** A Topic Filter. */
  filter(): string {
    const filter = this.text();
    const problem = topicFilterProblem(filter);
    if (problem !== undefined) throw this.forbidden(`a topic filter ${problem}`);
    return filter;
  }

  /** Binary Data: a view of the packet's bytes. */
  binary(): Uint8Array {
    const from = this.skipSized();
    return viewOf(this.bytes, from, this.position - from);
  }
}
