// SPDX-License-Identifier: Apache-2.0
import { fail } from "./error.js";

/** What a payload may hold. */
export interface StructureLimits {
  /** Arrays and maps inside each other, at most. */
  readonly maximumDepth: number;
  /** Extension types that are read. */
  readonly types: readonly number[];
}

const TIMESTAMP = 0xff;
/** Extension types of msgpackr whose content is the value behind them: error, set and regular expression. */
export const BEHIND: readonly number[] = [0x65, 0x73, 0x78];

const utf8 = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true });

/**
 * Throws unless the bytes are exactly one MessagePack value within the limits, all of its strings valid UTF-8.
 *
 * Reads the headers and makes no value: does not recurse, allocates for what it has seen and never for what is declared, and
 * ends with the bytes. msgpackr, which is recursive and believes a length, is given only what has passed.
 */
export function checkStructure(bytes: Uint8Array, { maximumDepth, types }: StructureLimits): void {
  /** Values still to come in this array or map, and in those around it. */
  let open = 1;
  const around: number[] = [];
  let at = 0;

  const skip = (length: number): void => {
    at += length;
    if (at > bytes.length) fail("it ends early");
  };
  const number = (width: number): number => {
    let value = 0;
    for (skip(width); width > 0; width--) value = value * 256 + (bytes[at - width] as number);
    return value;
  };
  const nest = (values: number): void => {
    if (around.length >= maximumDepth) fail(`maximumDepth is ${maximumDepth}`);
    around.push(open);
    open = values;
  };
  const text = (length: number): void => {
    let from = at;
    skip(length);
    while (from < at && (bytes[from] as number) < 0x80) from++;
    if (from < at) utf8.decode(bytes.subarray(from, at));
  };
  const extension = (length: number): void => {
    const type = number(1);
    if (!types.includes(type) || (type === TIMESTAMP && length % 4 > 0)) fail(`extension type ${type}`);
    skip(length);
    if (BEHIND.includes(type)) nest(1);
  };

  // The tokens in the order of the specification, from the last; 1, 2, 4 or 8 bytes of length or number are behind them.
  while (open > 0) {
    open--;
    const token = number(1);
    if (token >= 0xe0) {
      // a small negative integer
    } else if (token >= 0xdc) nest(number(2 << (token & 1)) * (token < 0xde ? 1 : 2));
    else if (token >= 0xd9) text(number(1 << (token - 0xd9)));
    else if (token >= 0xd4) extension(1 << (token - 0xd4));
    else if (token >= 0xca) skip(1 << (token & 3));
    else if (token >= 0xc7) extension(number(1 << (token - 0xc7)));
    else if (token >= 0xc4) skip(number(1 << (token & 3)));
    else if (token === 0xc1) fail("byte 0xc1");
    else if (token >= 0xa0 && token < 0xc0) text(token & 31);
    else if (token >= 0x80 && token < 0xa0) nest((token & 15) * (token < 0x90 ? 2 : 1));
    while (open === 0 && around.length > 0) open = around.pop() as number;
  }
  if (at < bytes.length) fail("more follows");
}
