// SPDX-License-Identifier: Apache-2.0
// What anybody may send: it is decoded, or it is a JsonCodecError, within limits of size and depth.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonOptions, json, JsonCodecError, type StandardSchema } from "../src/index.js";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const SEED = 20_261_122;

/** What a codec makes of a payload; an error that is not ours fails the test. */
function outcome(payload: Uint8Array, options?: JsonOptions): unknown {
  try {
    return json<unknown>(undefined, options).decode(payload);
  } catch (error) {
    if (!(error instanceof JsonCodecError)) throw error;
    expect(error.code).toBe("DECODE_FAILED");
    return error.message;
  }
}

describe("maximumDepth", () => {
  const TOO_DEEP = "the payload is not JSON: maximumDepth is 128";

  it.each([
    ["arrays", "[", "]"],
    ["objects", '{"a":', "}"],
    ["both", '[{"\\"[":', "}]"],
  ])("is 128 %s inside each other by default", (_, open, close) => {
    const nested = (depth: number): Uint8Array => {
      const pairs = depth / close.length;
      return utf8(`${open.repeat(pairs)}1${close.repeat(pairs)}`);
    };
    expect(outcome(nested(128))).toBeTypeOf("object");
    expect(outcome(nested(130))).toBe(TOO_DEEP);
    expect(outcome(nested(200_000))).toBe(TOO_DEEP);
  });

  it("does not count brackets in text, nor siblings", () => {
    const brackets = "[{".repeat(500);
    expect(outcome(utf8(JSON.stringify([brackets, `\\"${brackets}`, { [brackets]: 1 }])))).toBeInstanceOf(Array);
    expect(outcome(utf8(`[${"[],{},".repeat(500)}1]`))).toHaveLength(1001);
  });

  it("bounds what may recurse: the removal of __proto__, and a schema", () => {
    const deep = utf8(`${'{"\\u0061":'.repeat(100_000)}1${"}".repeat(100_000)}`);
    expect(outcome(deep)).toBe(TOO_DEEP);
    expect(outcome(deep, { maximumDepth: Infinity })).toMatch(/call stack/);
    const recursive: StandardSchema<unknown, number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate(value) {
          const depth = (nested: unknown): number => (Array.isArray(nested) ? 1 + depth(nested[0]) : 0);
          return { value: depth(value) };
        },
      },
    };
    const arrays = utf8(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect(() => json(recursive).decode(arrays)).toThrow(TOO_DEEP);
    expect(() => json(recursive, { maximumDepth: Infinity }).decode(arrays)).toThrow(JsonCodecError);
    expect(() => json(recursive, { maximumDepth: 2 }).decode(utf8("[[[]]]"))).toThrow(/maximumDepth is 2/);
    expect(json(recursive, { maximumDepth: 3 }).decode(utf8("[[[]]]"))).toBe(3);
  });
});

describe("maximumBytes", () => {
  it("is 16 MiB by default, and what is above is not read", () => {
    const payload = new Uint8Array(16 * 1024 * 1024 + 1).fill(0x20);
    payload[0] = 0x37;
    expect(outcome(payload)).toBe("the payload is not JSON: maximumBytes is 16777216");
    expect(outcome(payload.subarray(1))).toMatch(/^the payload is not JSON: /);
    expect(outcome(payload.subarray(0, -1))).toBe(7);
    expect(outcome(utf8("[1]"), { maximumBytes: 3 })).toEqual([1]);
    expect(outcome(utf8("[1] "), { maximumBytes: 3 })).toMatch(/maximumBytes is 3$/);
  });
});

it("a limit that is none is refused when the codec is made", () => {
  for (const limit of [0, -1, Number.NaN, "x", {}, null]) {
    for (const name of ["maximumBytes", "maximumDepth"]) {
      expect(() => json(undefined, { [name]: limit })).toThrow(TypeError);
      expect(() => json(undefined, { [name]: limit })).toThrow(name);
    }
  }
});

describe("chance", () => {
  it("any bytes are decoded or refused", () => {
    const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...utf8('[]{}":,\\u0123456789eE+-.truefalsn_proto ')));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (bytes) => void outcome(Uint8Array.from(bytes))),
      { seed: SEED, numRuns: 5000 },
    );
  });

  it("a message with some bytes changed is decoded or refused", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.json(), changes, (text, changes) => {
        const payload = utf8(text);
        for (const [at, byte] of changes) payload[at % payload.length] = byte;
        outcome(payload);
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  it("the depth it finds is the depth of the value", () => {
    const depth = (value: unknown): number =>
      typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const value: unknown = JSON.parse(text);
        const found = depth(value);
        fc.pre(found > 0 && !text.includes("__proto__"));
        expect(outcome(utf8(text), { maximumDepth: found })).toEqual(value);
        if (found > 1) expect(outcome(utf8(text), { maximumDepth: found - 1 })).toMatch(/maximumDepth/);
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
});
