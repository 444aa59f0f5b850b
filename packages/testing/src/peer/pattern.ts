// SPDX-License-Identifier: Apache-2.0

import { type DecodedPacket, encodeUtf8, type Packet, type PacketType, Properties } from "@mqttv5/wire";
import { equalBytes } from "../bytes.js";

/**
 * Some fields of a packet, each with the value it must have; what is left out may be anything. `undefined` means that the
 * field must be absent. Bytes may be given as a string, which stands for its UTF-8.
 */
export type PacketPattern<T extends PacketType = PacketType> = T extends PacketType
  ? { readonly type: T } & Partial<Pattern<Omit<Extract<Packet, { readonly type: T }>, "type">>>
  : never;

type Pattern<V> = V extends Uint8Array
  ? Uint8Array | string
  : V extends readonly (infer Item)[]
    ? readonly Pattern<Item>[]
    : V extends object
      ? { readonly [Key in keyof V]?: Pattern<V[Key]> | undefined }
      : V;

/** The packet of a type, as it is decoded. */
export type DecodedOf<T extends PacketType> = Extract<DecodedPacket, { readonly type: T }>;

/** One field that differs. */
export interface Difference {
  /** Where it is: `properties.topicAlias`. */
  readonly path: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** The fields in which `actual` is not as `expected` says. */
export function differences(expected: unknown, actual: unknown, path: string = ""): readonly Difference[] {
  if (expected instanceof Uint8Array || (typeof expected === "string" && actual instanceof Uint8Array)) {
    const bytes = typeof expected === "string" ? encodeUtf8(expected) : expected;
    return actual instanceof Uint8Array && equalBytes(bytes, actual) ? [] : [{ path, expected, actual }];
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return [{ path, expected, actual }];
    return expected.flatMap((item, index) => differences(item, actual[index], `${path}[${index}]`));
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof actual !== "object" || actual === null) return [{ path, expected, actual }];
    const fields: object = actual instanceof Properties ? actual.toObject() : actual;
    return Object.entries(expected).flatMap(([key, value]) =>
      differences(value, fieldOf(fields, key), path === "" ? key : `${path}.${key}`),
    );
  }
  return Object.is(expected, actual) ? [] : [{ path, expected, actual }];
}

function fieldOf(fields: object, key: string): unknown {
  return (fields as Readonly<Record<string, unknown>>)[key];
}
