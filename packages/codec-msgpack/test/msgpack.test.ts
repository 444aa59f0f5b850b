// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "@mqttv5/core";
import { describe, expect, it } from "vitest";
import { MsgpackCodecError, type MsgpackOptions, msgpack } from "../src/index.js";
import { bytes, failure } from "./payloads.js";

const codec = msgpack<unknown>();
const hex = (value: unknown, options?: MsgpackOptions): string =>
  Buffer.from(msgpack<unknown>(options).encode(value)).toString("hex");

describe("encoding", () => {
  it("names its content type", () => {
    expect(codec.contentType).toBe("application/msgpack");
  });

  it.each([
    ["nil", null, "c0"],
    ["booleans", [true, false], "92c3c2"],
    ["small integers", [0, 127, 128, -1, -32, -33], "96007fcc80ffe0d0df"],
    ["larger integers", [65_535, 65_536, -129, -32_769], "94cdffffce00010000d1ff7fd2ffff7fff"],
    ["an integer of more than 32 bits, as a float", 2 ** 40, "cb4270000000000000"],
    ["a BigInt", [1n, 2n ** 64n - 1n], "92d30000000000000001cfffffffffffffffff"],
    ["a float", 22.5, "cb4036800000000000"],
    ["text", "Käte", "a54bc3a47465"],
    ["bytes", Uint8Array.of(1, 2), "c4020102"],
    ["an object, with the shortest header", { a: 1, b: [{}] }, "82a16101a1629180"],
    ["a Map", new Map<unknown, unknown>([[1, "x"]]), "8101a178"],
    ["a Set, as an array", new Set([1, 2]), "920102"],
    ["a date", new Date(1_700_000_000_000), "d6ff6553f100"],
    ["an instance with toJSON, as what that returns", new URL("mqtt://a/b"), "aa6d7174743a2f2f612f62"],
    [
      "an instance without, by its members",
      new (class Point {
        x = 1;
      })(),
      "81a17801",
    ],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), "81a16101"],
  ])("writes %s in plain MessagePack", (_, value, expected) => {
    expect(hex(value)).toBe(expected);
  });

  it("leaves out members that are undefined, and makes nil of other undefined values", () => {
    expect(codec.decode(codec.encode({ a: undefined, b: [undefined, 1] }))).toEqual({ b: [null, 1] });
    expect(hex([undefined], { encodeUndefinedAsNil: false })).toBe("91d40000");
    expect(msgpack().decode(bytes("91d40000"))).toEqual([undefined]);
  });

  it("gives bytes of their own, as many as they need", () => {
    const first = codec.encode("first");
    const second = codec.encode("second");
    expect(first.constructor).toBe(Uint8Array);
    expect(first.buffer.byteLength).toBe(first.length);
    expect([codec.decode(first), codec.decode(second)]).toEqual(["first", "second"]);
    expect(codec.encode("x".repeat(100_000)).buffer.byteLength).toBe(100_005);
  });

  it.each([
    ["undefined", undefined, /MessagePack: undefined/],
    ["a function", { f: () => 1 }, /MessagePack: a function/],
    ["a symbol", Symbol("s"), /symbol/],
    ["a BigInt of more than 64 bits", 2n ** 64n, /too large/],
    ["an invalid date", [new Date(Number.NaN)], /MessagePack: an invalid date/],
    ["text with a lone surrogate, short", ["\ud800"], /lone surrogate/],
    ["text with a lone surrogate, long", `${"x".repeat(100)}\udfff`, /lone surrogate/],
    ["a key with a lone surrogate", { "\ud800": 1 }, /lone surrogate/],
    ["a Map's key with a lone surrogate", new Map([["\ud800", 1]]), /lone surrogate/],
    ["a typed array", { samples: Float32Array.of(1.5) }, /a typed array, without moreTypes/],
    [
      "a typed array that toJSON returns",
      new (class Samples {
        toJSON = () => [Int16Array.of(1)];
      })(),
      /a typed array/,
    ],
    ["a DataView", new Set([new DataView(new ArrayBuffer(2))]), /a typed array/],
  ])("refuses %s", (_, value, message) => {
    const error = failure(() => codec.encode(value));
    expect(error).toBeInstanceOf(MsgpackCodecError);
    expect(error).toMatchObject({ name: "MsgpackCodecError", code: "ENCODE_FAILED", cause: expect.any(Error) });
    expect(error.message).toMatch(/^the value has no MessagePack: /);
    expect(error.message).toMatch(message);
    expect(MqttError.is(error)).toBe(true);
  });

  it("refuses a cycle, and goes on as if it had not been", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    expect(failure(() => codec.encode(cycle)).cause).toBeInstanceOf(RangeError);
    expect(hex({ a: 1 })).toBe("81a16101");
  });

  it("keeps what a toJSON threw as the cause, whatever it is", () => {
    for (const cause of [new Error("not today"), "text", undefined, null]) {
      const value = new (class Failing {
        toJSON(): never {
          throw cause;
        }
      })();
      const error = failure(() => codec.encode(value));
      expect(error.code).toBe("ENCODE_FAILED");
      expect(error.cause).toBe(cause);
      expect(error.message).toBe(`the value has no MessagePack: ${cause instanceof Error ? cause.message : cause}`);
    }
  });

  it("may encode and decode inside of a toJSON", () => {
    const nested = new (class Nested {
      toJSON(): unknown {
        return codec.decode(codec.encode({ inner: "x".repeat(10_000) }));
      }
    })();
    expect(codec.decode(codec.encode({ before: 1, nested, after: 2 }))).toEqual({
      before: 1,
      nested: { inner: "x".repeat(10_000) },
      after: 2,
    });
  });
});

describe("decoding", () => {
  it.each<[unknown]>([
    [null],
    [true],
    [0],
    [-2_147_483_648],
    [4_294_967_295],
    [0.1],
    [""],
    ["\u{1f321}"],
    ["x".repeat(70_000)],
    [[]],
    [{}],
    [Array.from({ length: 70_000 }, (_, n) => n)],
    [{ a: [{ b: [1, null] }], ключ: "значение" }],
    [new Date(1)],
    [Object.fromEntries(Array.from({ length: 70_000 }, (_, n) => [`k${n}`, n]))],
    [Uint8Array.of(1, 2, 3)],
    [new Uint8Array(70_000)],
    [2 ** 53 + 2],
    [Number.POSITIVE_INFINITY],
    [2n ** 63n],
    [new Date(-1)],
    [-(2n ** 63n)],
  ])("gives back what was encoded", (value) => {
    expect(codec.decode(codec.encode(value))).toEqual(value);
  });

  it("decodes at once, without a promise, also a part of a larger buffer, and leaves no mark on it", () => {
    const part = bytes("ffff9201a16affff").subarray(2, 6);
    expect(codec.decode(part)).toEqual([1, "j"]);
    expect(Object.keys(part)).toEqual(["0", "1", "2", "3"]);
  });

  it("reads 64-bit integers as a number where it is exact, and as int64AsType says", () => {
    const payload = bytes("93d3000000000000002acf0020000000000001d3ffffffffffffffff");
    expect(codec.decode(payload)).toEqual([42, 9_007_199_254_740_993n, -1]);
    expect(msgpack({ int64AsType: "bigint" }).decode(payload)).toEqual([42n, 9_007_199_254_740_993n, -1n]);
    expect(msgpack({ int64AsType: "string" }).decode(payload)).toEqual(["42", "9007199254740993", "-1"]);
  });

  it("gives binary data of its own, or with copyBuffers: false a view of the payload", () => {
    const payload = bytes("c403010203");
    const own = codec.decode(payload) as Uint8Array;
    expect(own.constructor).toBe(Uint8Array);
    expect(own.buffer).not.toBe(payload.buffer);
    expect((msgpack({ copyBuffers: false }).decode(payload) as Uint8Array).buffer).toBe(payload.buffer);
  });

  it("reads maps as objects, or as Maps", () => {
    const payload = bytes("8201a178c3a179");
    expect(codec.decode(payload)).toEqual({ 1: "x", true: "y" });
    expect(msgpack({ mapsAsObjects: false }).decode(payload)).toEqual(
      new Map<unknown, unknown>([
        [1, "x"],
        [true, "y"],
      ]),
    );
  });

  it("renames a member __proto__, so that it changes no prototype", () => {
    const key = Buffer.from("__proto__").toString("hex");
    for (const header of ["a9", "d909"]) {
      const value = codec.decode(bytes(`82a16101${header}${key}81a561646d696ec3`)) as Record<string, unknown>;
      expect(Object.keys(value)).toEqual(["a", "__proto_"]);
      expect(Object.assign({}, value)).not.toHaveProperty("admin");
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
  });
});

describe("options", () => {
  it("passes on what msgpackr can do", () => {
    expect(hex({ a: 1 }, { variableMapSize: false, skipValues: undefined })).toBe("81a16101");
    expect(hex(1.5, { useFloat32: 3 })).toBe("ca3fc00000");
    expect(hex([() => 1, new Date(Number.NaN)], { writeFunction: () => 7, onInvalidDate: () => 8 })).toBe("920708");
    expect(hex(new URL("mqtt://a/b"), { useToJSON: false })).toBe("80");
    const large = 2n ** 70n;
    const big = msgpack<bigint>({ useBigIntExtension: true });
    expect(big.decode(big.encode(large))).toBe(large);
  });

  it("moreTypes brings sets, errors, expressions and typed arrays over", () => {
    const more = msgpack<unknown[]>({ moreTypes: true });
    const values = [new Set([1, [2]]), Float32Array.of(1.5, 2), /a+/g, new TypeError("t"), Uint8Array.of(1)];
    const decoded = more.decode(more.encode(values)) as unknown[];
    expect(decoded).toEqual(values);
    expect(decoded[1]).toBeInstanceOf(Float32Array);
    expect(failure(() => codec.decode(more.encode(values))).message).toMatch(/extension type 115/);
  });

  it("records are msgpackr's own to check, and errors are ours all the same", () => {
    const records = msgpack<unknown>({ useRecords: true });
    const value = [
      { a: 1, b: "x" },
      { a: 2, b: "y" },
    ];
    expect(records.decode(records.encode(value))).toEqual(value);
    expect(records.decode(records.encode(value))).toEqual(value);
    expect(failure(() => codec.decode(records.encode(value))).message).toMatch(/extension type 114/);
    for (const payload of ["", "d4", "dd7fffffff", "d472c1", "91".repeat(500_000), "d67000000001", "d67800000000"]) {
      expect(failure(() => records.decode(bytes(payload))).code).toBe("DECODE_FAILED");
    }
  });

  it.each(["maximumBytes", "maximumDepth"])("%s must be positive", (name) => {
    for (const value of [0, -1, Number.NaN, "x", {}, null]) {
      expect(() => msgpack({ [name]: value })).toThrow(new TypeError(`msgpack({ ${name} }): must be positive`));
    }
    expect(msgpack({ [name]: Infinity }).decode(bytes("93010203"))).toEqual([1, 2, 3]);
  });

  it("an option that is undefined is not there", () => {
    const options = { useRecords: undefined, maximumDepth: undefined, int64AsType: undefined, copyBuffers: undefined };
    expect(hex([{ a: 1 }], options)).toBe("9181a16101");
    expect(msgpack(options).decode(bytes("d30000000000000001"))).toBe(1);
  });
});
