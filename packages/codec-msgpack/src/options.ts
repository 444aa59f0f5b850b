// SPDX-License-Identifier: Apache-2.0
import { fail } from "./error.js";
import { BEHIND, type StructureLimits } from "./structure.js";

/**
 * How to encode and decode: two limits, and the options of msgpackr, with defaults for messages that any peer can read.
 *
 * Left out is what msgpackr keeps from one message to the next (`structures`, `sequential`), as MQTT may lose, repeat or retain
 * any of them, and by which one part of a message stands for another (`structuredClone`, `bundleStrings`).
 */
export interface MsgpackOptions {
  /** Payloads of more bytes are not decoded. Default 16 MiB, as the client's `maximumPacketSize`. */
  readonly maximumBytes?: number | undefined;
  /** Payloads with more arrays and maps inside each other are not decoded. Default 128. */
  readonly maximumDepth?: number | undefined;

  /**
   * Names of fields once for all objects of a kind, in a format that only msgpackr reads, and checks: errors are the same and
   * `maximumBytes` holds, but the nesting is bounded by the stack alone. For peers that trust each other. A map then
   * arrives as a `Map`. Default false.
   */
  readonly useRecords?: boolean | ((value: object) => boolean) | undefined;
  /** Also sets, errors, regular expressions and typed arrays, as extensions that only msgpackr reads. Default false. */
  readonly moreTypes?: boolean | undefined;
  /** Maps arrive as objects, false: as a `Map`. Default true, unless `useRecords`. */
  readonly mapsAsObjects?: boolean | undefined;
  /** Allow arrays as the keys of such objects, joined by commas. Default false. */
  readonly allowArraysInMapKeys?: boolean | undefined;
  /** Write keys that look like numbers as numbers. Default false. */
  readonly coercibleKeyAsNumber?: boolean | undefined;
  /** Each map with the shortest header, and of any size. Default true; false is a little faster and two bytes longer. */
  readonly variableMapSize?: boolean | undefined;
  /** Members with these values are left out. Default `[undefined]`, as in JSON. */
  readonly skipValues?: readonly unknown[] | undefined;
  /** Any other `undefined` as nil, false: as extension type 0. Default true. */
  readonly encodeUndefinedAsNil?: boolean | undefined;
  /** Use the `toJSON` of instances that have one. Default true. */
  readonly useToJSON?: boolean | undefined;
  /** Binary data with bytes of its own, false: as a view of the payload, all of which it then keeps. Default true. */
  readonly copyBuffers?: boolean | undefined;
  /** What 64-bit integers arrive as. Default `"auto"`: a number where it is exact, up to 2^53, otherwise a BigInt. */
  readonly int64AsType?: "auto" | "bigint" | "number" | "string" | undefined;
  /** A BigInt of more than 64 bits as a float, which is not exact. Default false: an error. */
  readonly largeBigIntToFloat?: boolean | undefined;
  /** A BigInt of more than 64 bits as a string. Default false: an error. */
  readonly largeBigIntToString?: boolean | undefined;
  /** A BigInt of more than 64 bits, as an extension that only msgpackr reads. Default false: an error. */
  readonly useBigIntExtension?: boolean | undefined;
  /** 0 never, 1 always, 3 and 4: floats of 32 bits for decimals, msgpackr's DECIMAL_ROUND and DECIMAL_FIT. Default 0. */
  readonly useFloat32?: 0 | 1 | 3 | 4 | undefined;
  /** Dates as whole seconds. Default false. */
  readonly useTimestamp32?: boolean | undefined;
  /** What to encode instead of an invalid date. Default: an error. */
  readonly onInvalidDate?: (() => unknown) | undefined;
  /** What to encode instead of a function. Default: an error. */
  readonly writeFunction?: ((value: unknown) => unknown) | undefined;
}

/** The options in effect. */
export interface ResolvedOptions extends StructureLimits {
  readonly maximumBytes: number;
  /** For msgpackr. */
  readonly packr: MsgpackOptions;
}

/** For the rest msgpackr has its own. */
const DEFAULTS = {
  maximumBytes: 1 << 24,
  maximumDepth: 128,
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
  copyBuffers: true,
  int64AsType: "auto",
  onInvalidDate: () => fail("an invalid date"),
  writeFunction: () => fail("a function"),
} satisfies MsgpackOptions;

/** Extension types: a timestamp, and what msgpackr writes for `undefined` unless told otherwise. */
const PLAIN_TYPES = [0xff, 0];
/** Those of `moreTypes`: large integer, error, set, typed array and regular expression. */
const MORE_TYPES = [...PLAIN_TYPES, ...BEHIND, 0x42, 0x74];

/** What was given over what stands for it otherwise. Throws a `TypeError` that names the option that is wrong. */
export function resolveOptions(options: MsgpackOptions): ResolvedOptions {
  const given: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (name.startsWith("max") && !(value > 0)) fail(`msgpack({ ${name} }): must be positive`);
    given[name] = value;
  }
  const { maximumBytes, maximumDepth, ...packr } = given as unknown as typeof DEFAULTS & MsgpackOptions;
  const types = packr.moreTypes || packr.useBigIntExtension ? MORE_TYPES : PLAIN_TYPES;
  return { maximumBytes, maximumDepth, types, packr };
}
