// SPDX-License-Identifier: Apache-2.0
import type { DecodeOptions } from "./decode.js";
import { DecodeError } from "./errors.js";

/** What a {@link Framer} lets through. */
export interface FramerOptions {
  /** Bytes of a whole packet, its fixed header included. By default what the protocol allows, 268,435,460. */
  readonly maximumPacketSize?: number | undefined;
  /** Accept a Remaining Length longer than it need be; {@link decode} reports it. By default it is an error. */
  readonly lenient?: DecodeOptions["lenient"];
}

/** 1 byte of type and flags, 4 of length, and the largest Remaining Length. Section 2.1.4. */
const largestPacket = 268_435_460;
/** The most bytes a fixed header takes. */
const longestHeader = 5;
/** A length that was only declared reserves at most this many times what has arrived. */
const trust = 8;

const empty = /* @__PURE__ */ new Uint8Array(0);

/**
 * Finds whole packets in a stream of bytes, however it was cut into chunks.
 *
 * A packet that lies whole in one chunk is not copied. One that was cut gets memory of its own, which grows with what
 * arrives: a declared length never reserves more than 8 times the bytes that are there. Lives as long as its link.
 */
export class Framer {
  private readonly maximum: number;
  private readonly strict: boolean;
  /** What is being looked at, and the chunks that wait behind it. */
  private chunk: Uint8Array;
  private offset: number;
  private readonly waiting: Uint8Array[];
  private waitingFrom: number;
  private waitingBytes: number;
  /** The beginning of a packet that was cut, the bytes of it that are there, and its size; 0 while the header is cut too. */
  private partial: Uint8Array;
  private filled: number;
  private size: number;

  /** The packet `next` found is at `buffer[start]` to `buffer[end - 1]`. */
  buffer: Uint8Array;
  start: number;
  end: number;

  constructor(options?: FramerOptions) {
    this.maximum = options?.maximumPacketSize ?? largestPacket;
    this.strict = options?.lenient === undefined;
    this.chunk = empty;
    this.offset = 0;
    this.waiting = [];
    this.waitingFrom = 0;
    this.waitingBytes = 0;
    this.partial = empty;
    this.filled = 0;
    this.size = 0;
    this.buffer = empty;
    this.start = 0;
    this.end = 0;
  }

  /** Takes the next bytes of the stream; they must not change as long as packets in them are in use, or until {@link keep}. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.offset === this.chunk.length && this.waitingBytes === 0) {
      this.chunk = chunk;
      this.offset = 0;
    } else {
      this.waiting.push(chunk);
      this.waitingBytes += chunk.length;
    }
  }

  /** Copies what is not read yet of the chunk that was pushed last, whose memory may then be used for something else. */
  keep(): void {
    const last = this.waiting.length - 1;
    if (last >= this.waitingFrom) {
      this.waiting[last] = new Uint8Array(this.waiting[last] as Uint8Array);
    } else {
      this.chunk = new Uint8Array(this.chunk.subarray(this.offset));
      this.offset = 0;
    }
  }

  /**
   * Moves to the next packet: true if all of it is there. What was found before is given up.
   *
   * @throws {DecodeError} 0x81 for a length that can't be, 0x95 for a packet larger than the maximum, before anything is
   * reserved for it. The stream can't be read on after that: every further call throws the same.
   */
  next(): boolean {
    do {
      if (this.filled === 0 && this.takeWhole()) return true;
      if (this.collect()) return true;
    } while (this.advance());
    this.found(empty, 0, 0);
    return false;
  }

  /** Whether `next` would not return false: a whole packet is there, or bytes that can't become one. */
  get ready(): boolean {
    let size: number;
    if (this.filled === 0 && this.waitingBytes === 0) {
      size = measure(this.chunk, this.offset, this.chunk.length - this.offset, this.strict);
    } else {
      const header = this.peekHeader();
      size = measure(header, 0, header.length, this.strict);
    }
    return size < 0 || size > this.maximum || (size > 0 && size <= this.bufferedBytes);
  }

  /** Bytes that were pushed and not yet handed out. */
  get bufferedBytes(): number {
    return this.filled + this.chunk.length - this.offset + this.waitingBytes;
  }

  private found(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
  }

  /** Takes a packet that lies whole in the chunk, as nearly all do. */
  private takeWhole(): boolean {
    const { chunk, offset } = this;
    const available = chunk.length - offset;
    const size = measure(chunk, offset, available, this.strict);
    if (size <= 0 || size > this.maximum) this.check(size, chunk[offset]);
    if (size === 0 || size > available) return false;
    this.offset = offset + size;
    this.found(chunk, offset, offset + size);
    return true;
  }

  /** A measured size, if such a packet is acceptable. */
  private check(size: number, first: number | undefined): number {
    const type = (first ?? 0) >> 4;
    if (size < 0)
      throw new DecodeError(
        0x81,
        type,
        size === tooLong
          ? "its Remaining Length has more than four bytes"
          : "its Remaining Length is longer than its value needs",
      );
    if (size > this.maximum) throw new DecodeError(0x95, type, `it has ${size} bytes, the maximum is ${this.maximum}`);
    return size;
  }

  /** Moves what belongs to a packet that was cut from the chunk into memory of its own; true if the packet is complete now. */
  private collect(): boolean {
    const { chunk } = this;
    if (this.filled === 0) {
      if (this.offset === chunk.length) return false;
      this.partial = new Uint8Array(trust); // 1 byte is there
    }
    while (this.size === 0) {
      this.size = this.check(measure(this.partial, 0, this.filled, this.strict), this.partial[0]);
      if (this.size !== 0) break;
      if (this.offset === chunk.length) return false;
      this.partial[this.filled++] = chunk[this.offset++] as number;
    }
    const count = Math.min(this.size - this.filled, chunk.length - this.offset);
    this.reserve(this.filled + count);
    this.partial.set(chunk.subarray(this.offset, this.offset + count), this.filled);
    this.filled += count;
    this.offset += count;
    if (this.filled < this.size) return false;
    this.found(this.partial, 0, this.size);
    this.partial = empty;
    this.filled = 0;
    this.size = 0;
    return true;
  }

  private reserve(held: number): void {
    if (held <= this.partial.length) return;
    const { partial, filled } = this;
    this.partial = new Uint8Array(Math.min(this.size, trust * held));
    this.partial.set(partial.subarray(0, filled));
  }

  /** Goes on to the next chunk that waits; false if there is none. */
  private advance(): boolean {
    this.offset = 0;
    if (this.waitingFrom === this.waiting.length) {
      this.chunk = empty;
      this.waiting.length = 0;
      this.waitingFrom = 0;
      return false;
    }
    this.chunk = this.waiting[this.waitingFrom] as Uint8Array;
    this.waiting[this.waitingFrom++] = empty;
    this.waitingBytes -= this.chunk.length;
    return true;
  }

  private peekHeader(): Uint8Array {
    const header = new Uint8Array(longestHeader);
    let length = 0;
    const parts = [this.partial.subarray(0, this.filled), this.chunk.subarray(this.offset), ...this.waiting];
    for (const part of parts) for (const byte of part.subarray(0, longestHeader - length)) header[length++] = byte;
    return header.subarray(0, length);
  }
}

const tooLong = -1;
const notShortest = -2;

/** The size of the packet whose fixed header is at `from`; 0 if the header is cut, negative if it is malformed. Section 2.1.4. */
function measure(bytes: Uint8Array, from: number, available: number, strict: boolean): number {
  let length = 0;
  for (let i = 1; i < available; i++) {
    const byte = bytes[from + i] as number;
    length |= (byte & 0x7f) << (7 * i - 7);
    if (byte < 0x80) return byte === 0 && i > 1 && strict ? notShortest : 1 + i + length; // [MQTT-1.5.5-1]
    if (i === longestHeader - 1) return tooLong;
  }
  return 0;
}
