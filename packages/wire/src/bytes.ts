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

/** `length` bytes from `start`, uncopied: always a plain Uint8Array, even of a Buffer. */
export function viewOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}
