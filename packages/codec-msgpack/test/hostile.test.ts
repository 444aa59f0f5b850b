// SPDX-License-Identifier: Apache-2.0
// What anybody may send: it is decoded, or it is a MsgpackCodecError, at a cost that its length bounds.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MsgpackOptions, msgpack } from "../src/index.js";
import { checkStructure } from "../src/structure.js";
import { bytes, failure } from "./payloads.js";

const codec = msgpack<unknown>();
const more = msgpack<unknown>({ moreTypes: true });
const SEED = 20_261_122;

/** One of every format, with lengths in each of the widths they come in. */
const FORMATS = [
  "00 7f e0 ff c0 c2 c3 cc80 cd0100 ce00010000 cf0000000100000000 d080 d1ff00 d2ffff0000 d3ffffffff00000000",
  "ca3fc00000 cb3ff8000000000000 a0 a161 d90161 da000161 db0000000161 a2c3a4 c40101 c5000101 c60000000101",
  "90 9100 dc000100 dd0000000100 80 81a161c0 de0001a161c0 df00000001a161c0",
  "d40000 c70000 d6ff00000001 d7ff0000000000000001 c70cff000000000000000000000001",
].flatMap((line) => line.split(" "));
const EVERYTHING = `dc00${FORMATS.length.toString(16)}${FORMATS.join("")}`;

/** Decodes; an error is one of ours, or the test fails. */
function survives(payload: Uint8Array, by = codec): "decoded" | "refused" {
  let outcome: "decoded" | "refused" = "decoded";
  try {
    by.decode(payload);
  } catch (error) {
    expect(error).toMatchObject({ name: "MsgpackCodecError", code: "DECODE_FAILED" });
    outcome = "refused";
  }
  return outcome;
}

describe("what is not one whole value", () => {
  it("every format is read, cut anywhere it is refused, and so is a byte too many", () => {
    const whole = bytes(EVERYTHING);
    expect(codec.decode(whole)).toHaveLength(FORMATS.length);
    for (let end = 0; end < whole.length; end++) {
      expect(failure(() => codec.decode(whole.subarray(0, end))).message).toMatch(/it ends early$/);
    }
    expect(failure(() => codec.decode(bytes(`${EVERYTHING}00`))).message).toMatch(/more follows$/);
  });

  it.each([
    ["an empty payload", "", /ends early/],
    ["the byte that was never used", "91c1", /byte 0xc1/],
    ["an array of 2^32 - 1", "ddffffffff", /ends early/],
    ["a map of 2^32 - 1", "dfffffffff00", /ends early/],
    ["text of 2^32 - 1 bytes", "dbffffffff61", /ends early/],
    ["binary data of 2^32 - 1 bytes", "c6ffffffff61", /ends early/],
    ["an extension of 2^32 - 1 bytes", "c9ffffffff0061", /ends early/],
    ["arrays of 65,535 inside each other", "dcffff".repeat(20), /ends early/],
    ["a map without the last value", "82a16101a162", /ends early/],
    ["invalid UTF-8", "a2c328", /UTF-8|utf-8/],
    ["a surrogate in UTF-8", "a3eda080", /UTF-8|utf-8/],
    ["a character that ends early", "a2e282", /UTF-8|utf-8/],
    ["invalid UTF-8 in a key", "81a1ff01", /UTF-8|utf-8/],
    ["invalid UTF-8 in long text", `d964${"61".repeat(99)}ff`, /UTF-8|utf-8/],
    ["a map as a key", "818001", /property type/],
    ["an array as a key", "819001", /property type/],
    ["a timestamp of a wrong length", "d5ff0000", /extension type 255/],
    ["an unknown extension", "d40500", /extension type 5$/],
    ["a record", "d4724091a16101", /extension type 114/],
    ["a set", "d4730090", /extension type 115/],
    ["a regular expression", "d4780092a16180", /extension type 120/],
    ["an error", "d4650090", /extension type 101/],
    ["a reference", "92d6690000000190d67000000001", /extension type 105/],
    ["bundled strings", "d6620000000190", /extension type 98/],
    ["a large integer", "c70942010000000000000000", /extension type 66/],
    ["a typed array", "c7037400ff", /extension type 116/],
  ])("%s is refused", (_, payload, message) => {
    const error = failure(() => codec.decode(bytes(payload)));
    expect(error.code).toBe("DECODE_FAILED");
    expect(error.message).toMatch(/^the payload is not MessagePack: /);
    expect(error.message).toMatch(message);
  });

  it.each([
    ["a regular expression that is none", "d4780092a12880"],
    ["a set of a number", "d4730005"],
    ["a set of nothing", "d47300"],
    ["an error of nothing", "d46500c0"],
    ["an error whose name is a method", "d4650093a95f5f70726f746f5f5fc0c0"],
    ["a typed array of half an element", "c7047407aabb"],
    ["a typed array of no kind", "c7027463"],
    ["a typed array without a kind", "c70074"],
  ])("with moreTypes, %s is refused", (_, payload) => {
    expect(failure(() => more.decode(bytes(payload))).code).toBe("DECODE_FAILED");
  });
});

describe("limits", () => {
  it("maximumDepth counts arrays and maps inside each other, and the default is 128", () => {
    for (const open of ["91", "dc0001", "dd00000001", "81a161", "de0001a161"]) {
      expect(survives(bytes(`${open.repeat(127)}90`))).toBe("decoded");
      expect(failure(() => codec.decode(bytes(`${open.repeat(128)}90`))).message).toMatch(/maximumDepth is 128$/);
    }
    expect(survives(bytes(`91${"d47300".repeat(126)}90`), more)).toBe("decoded");
    expect(survives(bytes(`91${"d47300".repeat(127)}90`), more)).toBe("refused");
    const flat = msgpack<unknown>({ maximumDepth: 1 });
    expect(flat.decode(bytes("9301a16102"))).toEqual([1, "a", 2]);
    expect(failure(() => flat.decode(bytes("9190"))).message).toMatch(/maximumDepth is 1$/);
  });

  it("siblings are not depth", () => {
    expect(codec.decode(bytes(`dc01f4${"9190".repeat(500)}`))).toHaveLength(500);
  });

  it("nesting of a hundred thousand is refused, and without maximumDepth too", () => {
    for (const open of ["91", "81a161"]) {
      const deep = bytes(`${open.repeat(100_000)}c0`);
      expect(failure(() => codec.decode(deep)).message).toMatch(/maximumDepth/);
      expect(failure(() => msgpack({ maximumDepth: Infinity }).decode(deep)).cause).toBeInstanceOf(RangeError);
    }
    expect(codec.decode(bytes("93010203"))).toEqual([1, 2, 3]);
  });

  it("maximumBytes refuses before anything is read, and the default is 16 MiB", () => {
    expect(failure(() => msgpack({ maximumBytes: 3 }).decode(bytes("93010203"))).message).toMatch(/maximumBytes is 3$/);
    expect(msgpack({ maximumBytes: 4 }).decode(bytes("93010203"))).toEqual([1, 2, 3]);
    const text = new Uint8Array(16 * 1024 * 1024 + 1).fill(0x61);
    expect(failure(() => codec.decode(text)).message).toMatch(/maximumBytes is 16777216$/);
    text.set([0xdb, 0x00, 0xff, 0xff, 0xfb]);
    expect(codec.decode(text.subarray(0, 16 * 1024 * 1024))).toHaveLength(16 * 1024 * 1024 - 5);
  });
});

describe("work", () => {
  /** How often the check of the structure looks at a byte. */
  function looks(payload: Uint8Array): number {
    let count = 0;
    const counting = new Proxy(payload, {
      get(target, key) {
        if (typeof key === "string" && /^\d+$/.test(key)) count++;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    try {
      checkStructure(counting, { maximumDepth: 128, types: [0xff, 0] });
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
    }
    return count;
  }

  it("is bounded by the bytes that are there, whatever they declare", () => {
    const hostile = ["ddffffffff", "dfffffffff", "dbffffffff61", "dcffff".repeat(100), "91".repeat(10_000), EVERYTHING];
    for (const payload of [...hostile, `dc2710${"80".repeat(10_000)}`, `d9ff${"c3a4".repeat(127)}ff`]) {
      expect(looks(bytes(payload))).toBeLessThanOrEqual(payload.length / 2 + 1);
    }
  });
});

describe("chance", () => {
  const token = fc.constantFrom(...Array.from({ length: 256 }, (_, byte) => byte));
  /** Bytes of which many are tokens with a meaning, or short lengths. */
  const soup = fc.array(
    fc.oneof(
      token,
      fc.constantFrom(0, 1, 2, 0x81, 0x92, 0xa1, 0xc7, 0xd4, 0xdc, 0xde),
      fc.constantFrom(0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff),
    ),
    { maxLength: 60 },
  );
  const value = fc.object({
    maxDepth: 4,
    withBigInt: false,
    withDate: true,
    withTypedArray: false,
    withNullPrototype: true,
    withMap: true,
    withSet: true,
  });

  const codecs: readonly (readonly [string, MsgpackOptions])[] = [
    ["plain", {}],
    ["with moreTypes", { moreTypes: true }],
    ["with Maps", { mapsAsObjects: false }],
    ["with records", { useRecords: true }],
    ["with records and moreTypes", { useRecords: true, moreTypes: true }],
    ["without a limit of depth", { maximumDepth: Infinity }],
  ];

  it.each(codecs)("any bytes are decoded or refused: %s", (_, options) => {
    const by = msgpack<unknown>(options);
    fc.assert(
      fc.property(soup, (payload) => void survives(Uint8Array.from(payload), by)),
      { seed: SEED, numRuns: 3000 },
    );
  });

  it.each(codecs)("a message with some bytes changed is decoded or refused: %s", (_, options) => {
    const by = msgpack<unknown>(options);
    const changes = fc.array(fc.tuple(fc.nat(), token), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(value, changes, (value, changes) => {
        const payload = by.encode(value);
        for (const [at, byte] of changes) payload[at % payload.length] = byte;
        survives(payload, by);
      }),
      { seed: SEED, numRuns: 700 },
    );
  });

  it("what is encoded passes, and what has passed the check is what msgpackr reads", () => {
    const maps = msgpack<unknown>({ mapsAsObjects: false });
    let decoded = 0;
    fc.assert(
      fc.property(value, (value) => survives(codec.encode(value), maps) === "decoded"),
      { seed: SEED, numRuns: 1000 },
    );
    fc.assert(
      fc.property(soup, (soup) => {
        const payload = Uint8Array.from(soup);
        try {
          checkStructure(payload, { maximumDepth: 128, types: [0xff, 0] });
        } catch {
          return;
        }
        decoded++;
        expect(survives(payload, maps)).toBe("decoded");
      }),
      { seed: SEED, numRuns: 20_000 },
    );
    expect(decoded).toBeGreaterThan(100);
  });
});
