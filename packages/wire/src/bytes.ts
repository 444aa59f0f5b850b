// SPDX-License-Identifier: Apache-2.0

// Reading bytes that are known to be valid: what a lazy view does long after the packet was checked.

/** The Two Byte Integer at `p`. */
export function readU16(bytes: Uint8Array, p: number): number {
  return ((bytes[p] as number) << 8) | (bytes[p + 1] as number);
}

/** The Variable Byte Integer at `p`. */
export function readVarint(bytes: Uint8Array, p: number): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[p++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/** Memory larger than this is not held on to. */
const largestKept = 262_144;

/** The bytes that a view was last made of, and where they lie: to ask an array for its memory takes longer than to make a view of it. */
class Viewed {
  bytes: Uint8Array = new Uint8Array(0);
  memory: ArrayBufferLike = this.bytes.buffer;
  offset = 0;
}

const viewed = /* @__PURE__ */ new Viewed();

/** `length` bytes from `start`, uncopied: always a plain Uint8Array, even of a Buffer. */
export function viewOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  if (bytes === viewed.bytes) return new Uint8Array(viewed.memory, viewed.offset + start, length);
  const { buffer, byteOffset } = bytes;
  if (buffer.byteLength <= largestKept) {
    viewed.bytes = bytes;
    viewed.memory = buffer;
    viewed.offset = byteOffset;
  }
  return new Uint8Array(buffer, byteOffset + start, length);
}
