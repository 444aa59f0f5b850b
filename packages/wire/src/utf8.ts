// SPDX-License-Identifier: Apache-2.0
import { DecodeError, EncodeError } from "./errors.js";

// The only file that may touch the platform. TextEncoder and TextDecoder are everywhere; Buffer is used where it exists.

/** The part of Node's Buffer this file uses; Deno and Bun have it too, a polyfill may not. */
export interface TextBuffer {
  readonly prototype: {
    readonly utf8Slice?: ((this: Uint8Array, start: number, end: number) => string) | undefined;
  };
}
interface Platform {
  readonly TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
  readonly TextDecoder: new (label: "utf-8", options: { ignoreBOM: true }) => { decode(bytes: Uint8Array): string };
}

/** Turns validated UTF-8 into a string. */
export type ReadText = (bytes: Uint8Array, start: number, end: number) => string;

const platform = globalThis as unknown as Platform;
const encoder = /* @__PURE__ */ new platform.TextEncoder();

/** The reader of long or non-ASCII text: Buffer's where there is one, as it is about twice as fast as TextDecoder. */
export function textReader(buffer: TextBuffer | undefined): ReadText {
  const slice = buffer?.prototype.utf8Slice;
  if (slice !== undefined) return (bytes, start, end) => slice.call(bytes, start, end);
  const decoder = new platform.TextDecoder("utf-8", { ignoreBOM: true }); // [MQTT-1.5.4-3]
  return (bytes, start, end) => decoder.decode(bytes.subarray(start, end));
}

/** The bundle for browsers is built without this name, lest a bundler or a reader think that a polyfill is wanted. */
const readLongText = /* @__PURE__ */ ((): ReadText =>
  textReader((globalThis as { readonly Buffer?: TextBuffer | undefined }).Buffer))();

/** Above this many bytes a call out of JavaScript costs less than to put ASCII together in it. */
const shortText = 20;

/**
 * The string of bytes that are known to be well-formed UTF-8. A byte order mark is kept.
 *
 * Short ASCII is put together from eight and four characters at once: faster than one by one, and than Buffer's utf8Slice.
 */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > shortText) return readLongText(bytes, start, end);
  let seen = 0;
  for (let i = start; i < end; i++) seen |= bytes[i] as number;
  return seen > 0x7f ? readLongText(bytes, start, end) : readShortText(bytes, start, end);
}

// The bytes are there: their bounds were checked.
const fromCharCode: (...codes: (number | undefined)[]) => string = String.fromCharCode as never;

function readShortText(b: Uint8Array, start: number, end: number): string {
  let text = "";
  let i = start;
  for (; i + 8 <= end; i += 8) {
    text += fromCharCode(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
  }
  if (i + 4 <= end) {
    text += fromCharCode(b[i], b[i + 1], b[i + 2], b[i + 3]);
    i += 4;
  }
  switch (end - i) {
    case 1:
      return text + fromCharCode(b[i]);
    case 2:
      return text + fromCharCode(b[i], b[i + 1]);
    case 3:
      return text + fromCharCode(b[i], b[i + 1], b[i + 2]);
    default:
      return text;
  }
}

/** The most bytes a UTF-8 String or Binary Data can hold. Sections 1.5.4 and 1.5.6. */
export const maximumTextBytes = 65_535;

/** What {@link writeText} returns instead of a position. */
export const TextProblem = { LoneSurrogate: -1, Null: -2 } as const;

/**
 * Writes text as UTF-8 at `position` and returns the position after it, or a {@link TextProblem} if the text can't be
 * an MQTT string. There must be room for three bytes a UTF-16 unit.
 */
export function writeText(text: string, bytes: Uint8Array, position: number): number {
  const length = text.length;
  let seen = 0; // its upper bits are set by a non-ASCII unit and by U+0000
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    // Four a step: faster than one by one, and for a topic's length than the writers of Buffer.
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    seen |= a | (a - 1) | b | (b - 1) | c | (c - 1) | d | (d - 1);
    bytes[position + i] = a;
    bytes[position + i + 1] = b;
    bytes[position + i + 2] = c;
    bytes[position + i + 3] = d;
  }
  for (; i < length; i++) {
    const unit = text.charCodeAt(i);
    seen |= unit | (unit - 1);
    bytes[position + i] = unit;
  }
  return (seen & ~0x7f) === 0 ? position + length : writeAnyText(text, bytes, position);
}

function writeAnyText(text: string, bytes: Uint8Array, position: number): number {
  let p = position;
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i);
    if (point < 0x80) {
      if (point === 0) return TextProblem.Null;
      bytes[p++] = point;
      continue;
    }
    if (point < 0x800) {
      bytes[p++] = 0xc0 | (point >> 6);
    } else {
      if ((point & 0xf800) === 0xd800) {
        const low = text.charCodeAt(i + 1); // NaN at the end of the text
        if (point >= 0xdc00 || (low & 0xfc00) !== 0xdc00) return TextProblem.LoneSurrogate;
        i++;
        point = 0x10000 + ((point & 0x3ff) << 10) + (low & 0x3ff);
        bytes[p++] = 0xf0 | (point >> 18);
        bytes[p++] = 0x80 | ((point >> 12) & 0x3f);
      } else {
        bytes[p++] = 0xe0 | (point >> 12);
      }
      bytes[p++] = 0x80 | ((point >> 6) & 0x3f);
    }
    bytes[p++] = 0x80 | (point & 0x3f);
  }
  return p;
}

/**
 * Whether bytes may stand in a UTF-8 String: well-formed, no surrogates, no U+0000. [MQTT-1.5.4-1] [MQTT-1.5.4-2]
 *
 * Four bytes a step: a word has a byte that is 0 or above 0x7F exactly if `word | (word - 0x01010101)` has one of the
 * bits 0x80808080.
 */
export function isText(view: DataView, start: number, end: number): boolean {
  const last = end - 4;
  let seen = 0;
  if (last >= start) {
    for (let i = start; i < last; i += 4) {
      const word = view.getInt32(i);
      seen |= word | (word - 0x01010101);
    }
    const word = view.getInt32(last); // overlaps the one before unless the length is a multiple of four
    seen |= word | (word - 0x01010101);
  } else {
    for (let i = start; i < end; i++) {
      const byte = view.getUint8(i);
      seen |= byte | (byte - 1);
    }
  }
  return (seen & 0x80808080) === 0 || isWideText(view, start, end, 1);
}

/** The same for any text: well-formed UTF-8 by table 3-7 of Unicode, of code points from `lowest` up. */
function isWideText(view: DataView, start: number, end: number, lowest: 0 | 1): boolean {
  let i = start;
  while (i < end) {
    const lead = view.getUint8(i++);
    if (lead < 0x80) {
      if (lead < lowest) return false;
      continue;
    }
    // The first continuation byte has a narrower range after these leads: no overlong form, no surrogate, none above U+10FFFF.
    const tail = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (lead < 0xc2 || lead > 0xf4 || end - i < tail) return false;
    const next = view.getUint8(i);
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (next < low || next > high) return false;
    for (let k = 1; k < tail; k++) if ((view.getUint8(i + k) & 0xc0) !== 0x80) return false;
    i += tail;
  }
  return true;
}

/**
 * Whether bytes are ASCII without U+0000, '+' and '#', as nearly every Topic Name is; if not, it may still be a valid one.
 *
 * The two wildcards differ in one bit, so that both are looked for at once: with that bit cleared and '#' taken off, a byte
 * that was one of them is 0. One pass, instead of one for the text and one for the wildcards.
 */
export function isPlainTopic(view: DataView, start: number, end: number): boolean {
  let seen = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = view.getInt32(i);
    seen |= word | (word - 0x01010101) | (((word & 0xf7f7f7f7) ^ 0x23232323) - 0x01010101);
  }
  for (; i < end; i++) {
    const byte = view.getUint8(i);
    seen |= byte | (byte - 1) | (((byte & 0xf7) ^ 0x23) - 1);
  }
  return (seen & 0x80808080) === 0;
}

/** Whether bytes contain '+' or '#'. */
export function hasWildcardByte(view: DataView, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((view.getUint8(i) & 0xf7) === 0x23) return true;
  return false;
}

/** Whether bytes are well-formed UTF-8 (U+0000 included): what a payload with Payload Format Indicator 1 has to be. */
export function isUtf8(bytes: Uint8Array): boolean {
  return isWideText(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength, 0);
}

/** Whether a string has no lone surrogate, so that it has a UTF-8 form. */
export function isWellFormed(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if ((unit & 0xf800) !== 0xd800) continue;
    if (unit >= 0xdc00 || (text.charCodeAt(i + 1) & 0xfc00) !== 0xdc00) return false;
    i++;
  }
  return true;
}

/** How many bytes a string takes in UTF-8. A lone surrogate, which has no UTF-8 form, counts as three. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    if ((unit & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++; // a pair: 2 units, 4 bytes
  }
  return length;
}

/**
 * The UTF-8 bytes of a string. Unlike TextEncoder, it refuses a lone surrogate instead of replacing it.
 *
 * @throws {EncodeError} INVALID_FIELD if the string has a lone surrogate.
 */
export function encodeUtf8(text: string): Uint8Array {
  if (!isWellFormed(text)) throw new EncodeError("INVALID_FIELD", 0, "text", text, "must not contain a lone surrogate");
  return encoder.encode(text);
}

/**
 * The string of UTF-8 bytes. Unlike TextDecoder by default, it refuses bytes that are not UTF-8 and keeps a byte order mark.
 *
 * @throws {DecodeError} MALFORMED_PACKET if the bytes are not well-formed UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array, start: number = 0, end: number = bytes.length): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isWideText(view, start, end, 0)) throw new DecodeError(0x81, 0, "the bytes are not UTF-8");
  return readText(bytes, start, end);
}
