// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "@mqttv5/core";
import { describe, expect, it } from "vitest";
import { JsonCodecError, json, type StandardIssue, type StandardResult, type StandardSchema } from "../src/index.js";

interface Reading {
  device: string;
  temp: number;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function schemaOf<Output>(
  validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>,
): StandardSchema<unknown, Output> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

function checkReading(value: unknown): StandardResult<Reading> {
  const issues: StandardIssue[] = [];
  const reading = value as Partial<Reading> | null;
  if (typeof reading?.device !== "string") issues.push({ message: "expected a string", path: ["device"] });
  if (typeof reading?.temp !== "number") issues.push({ message: "expected a number", path: [{ key: "temp" }] });
  return issues.length > 0 ? { issues } : { value: reading as Reading };
}

const sync = schemaOf(checkReading);
const async = schemaOf(async (value) => checkReading(value));

/** The JsonCodecError that `action` throws. */
function failure(action: () => unknown): JsonCodecError {
  try {
    action();
  } catch (error) {
    if (error instanceof JsonCodecError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("json<T>()", () => {
  const codec = json<Reading>();

  it("names its content type", () => {
    expect(codec.contentType).toBe("application/json");
  });

  it("encodes a value as the UTF-8 of its JSON", () => {
    expect(text(codec.encode({ device: "Käte", temp: 22.5 }))).toBe('{"device":"Käte","temp":22.5}');
  });

  it("decodes what it encoded", () => {
    for (const value of [
      { device: "a1", temp: -0.5 },
      [],
      null,
      false,
      0,
      "",
      "\u{1f321}",
      { a: [{ b: [1, null] }] },
    ]) {
      const any = json<unknown>();
      expect(any.decode(any.encode(value))).toEqual(value);
    }
  });

  it("decodes at once, without a promise", () => {
    expect(codec.decode(utf8('{"device":"a1","temp":1}'))).toEqual({ device: "a1", temp: 1 });
  });

  it("decodes a view into a larger buffer", () => {
    expect(json<number[]>().decode(utf8("xx[1,2]xx").subarray(2, 7))).toEqual([1, 2]);
  });

  it("ignores a byte order mark", () => {
    expect(json<number>().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x37))).toBe(7);
  });

  it("escapes a lone surrogate, so that every string survives", () => {
    const any = json<string>();
    expect(any.decode(any.encode("\ud800"))).toBe("\ud800");
  });

  it("leaves out members without JSON, as JSON.stringify does", () => {
    expect(text(json<object>().encode({ a: undefined, b: () => {}, c: Number.NaN }))).toBe('{"c":null}');
  });

  it.each([
    ["undefined", undefined, /no JSON: it is undefined/],
    ["a function", () => {}, /no JSON: it is function/],
    ["a symbol", Symbol("s"), /no JSON: it is symbol/],
    ["a toJSON that returns nothing", { toJSON: () => undefined }, /no JSON: it is object/],
    ["a BigInt", { big: 1n }, /no JSON: .*BigInt/],
  ])("refuses to encode %s", (_, value, message) => {
    const error = failure(() => json<unknown>().encode(value));
    expect(error.code).toBe("ENCODE_FAILED");
    expect(error.message).toMatch(message);
    expect(error.issues).toEqual([]);
  });

  it("refuses to encode a cycle, says so on one line and keeps the cause", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const error = failure(() => json<unknown>().encode(cycle));
    expect(error.code).toBe("ENCODE_FAILED");
    expect(error.message).toMatch(/circular/i);
    expect(error.message).not.toContain("\n");
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it("keeps what a toJSON threw as the cause", () => {
    const cause = new Error("not today");
    const value = {
      toJSON() {
        throw cause;
      },
    };
    expect(failure(() => json<unknown>().encode(value)).cause).toBe(cause);
  });

  it.each([
    ["an empty payload", Uint8Array.of(), /not JSON/],
    ["invalid UTF-8", Uint8Array.of(0x22, 0xff, 0x22), /utf-8/i],
    ["a truncated character", Uint8Array.of(0x22, 0xe2, 0x82), /utf-8/i],
    ["text that is no JSON", utf8("{temp: 1}"), /not JSON/],
    ["JSON that stops early", utf8('{"temp":'), /not JSON/],
    ["something behind the JSON", utf8("1 2"), /not JSON/],
  ])("refuses to decode %s", (_, payload, message) => {
    const error = failure(() => codec.decode(payload));
    expect(error.code).toBe("DECODE_FAILED");
    expect(error.name).toBe("JsonCodecError");
    expect(error.message).toMatch(message);
  });

  it("decodes after a failure as if it had not been", () => {
    failure(() => codec.decode(Uint8Array.of(0xe2, 0x82)));
    expect(codec.decode(utf8('{"device":"a","temp":1}'))).toEqual({ device: "a", temp: 1 });
  });

  it("names its errors as core does, and they are errors of core", () => {
    const error = failure(() => codec.decode(utf8("{")));
    expect(error).toMatchObject({ name: "JsonCodecError", code: "DECODE_FAILED", cause: expect.any(SyntaxError) });
    expect(MqttError.is(error)).toBe(true);
  });

  it.each([
    ["written out", '{"a":1,"__proto__":{"admin":true},"b":[{"__proto__":1}]}'],
    ["escaped", '{"a":1,"\\u005f_proto__":{"admin":true},"b":[{"__\\u0070roto__":1}]}'],
  ])("drops a __proto__ member that is %s", (_, payload) => {
    const value = json<Record<string, unknown>>().decode(utf8(payload)) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(["a", "b"]);
    expect(Object.assign({}, value)).not.toHaveProperty("admin");
    expect(Reflect.ownKeys((value["b"] as object[])[0] as object)).toEqual([]);
    expect(Object.prototype).not.toHaveProperty("admin");
  });

  it("keeps a string that merely mentions __proto__", () => {
    expect(json<string[]>().decode(utf8('["__proto__","\\u0041"]'))).toEqual(["__proto__", "A"]);
  });
});

describe("json(schema)", () => {
  it("returns what a synchronous schema returns, at once", () => {
    expect(json(sync).decode(utf8('{"device":"a1","temp":22.5}'))).toEqual({ device: "a1", temp: 22.5 });
  });

  it("returns a promise when the schema is asynchronous", async () => {
    const result = json(async).decode(utf8('{"device":"a1","temp":22.5}'));
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toEqual({ device: "a1", temp: 22.5 });
  });

  it("returns the schema's output, not its input", () => {
    const length = schemaOf((value) => ({ value: String(value).length }));
    expect(json(length).decode(utf8('"seven77"'))).toBe(7);
  });

  it("names every issue with its path", () => {
    const error = failure(() => json(sync).decode(utf8('{"temp":"warm"}')));
    expect(error.code).toBe("DECODE_FAILED");
    expect(error.message).toBe(
      "the payload does not match the schema (2): device: expected a string; temp: expected a number",
    );
    expect(error.issues).toEqual([
      { message: "expected a string", path: ["device"] },
      { message: "expected a number", path: ["temp"] },
    ]);
  });

  it("names the first three issues in the message and keeps all of them", () => {
    const many = schemaOf(
      (): StandardResult<never> => ({
        issues: ["a", "b", "c", "d", "e"].map((message) => ({ message })),
      }),
    );
    const error = failure(() => json(many).decode(utf8("1")));
    expect(error.message).toMatch(/schema \(5\): a; b; c$/);
    expect(error.issues).toHaveLength(5);
  });

  it("rejects with the same error when the schema is asynchronous", async () => {
    await expect(json(async).decode(utf8("{}"))).rejects.toMatchObject({
      name: "JsonCodecError",
      code: "DECODE_FAILED",
      issues: [{ path: ["device"] }, { path: ["temp"] }],
    });
  });

  it("makes its own error of what a schema throws or rejects with", async () => {
    const cause = new Error("validator broke");
    const throws = schemaOf((): StandardResult<never> => {
      throw cause;
    });
    const rejects = schemaOf((): Promise<StandardResult<never>> => Promise.reject(cause));
    const error = failure(() => json(throws).decode(utf8("1")));
    expect(error).toMatchObject({ code: "DECODE_FAILED", cause, issues: [] });
    await expect(json(rejects).decode(utf8("1"))).rejects.toMatchObject({ code: "DECODE_FAILED", cause });
  });

  it("does not run the schema on what is not JSON", () => {
    let runs = 0;
    const counting = schemaOf((value) => {
      runs++;
      return { value };
    });
    failure(() => json(counting).decode(utf8("{")));
    expect(runs).toBe(0);
  });

  it("gives the schema a value without __proto__ members", () => {
    const keys = schemaOf((value) => ({ value: Object.keys(value as object) }));
    expect(json(keys).decode(utf8('{"__proto__":{},"a":1}'))).toEqual(["a"]);
  });

  it("trusts what is published, unless told to check both directions", () => {
    const wrong = { device: "a1", temp: "warm" } as unknown as Reading;
    expect(text(json(sync).encode(wrong))).toBe('{"device":"a1","temp":"warm"}');
    const error = failure(() => json(sync, { validate: "both" }).encode(wrong));
    expect(error.code).toBe("ENCODE_FAILED");
    expect(error.issues).toEqual([{ message: "expected a number", path: ["temp"] }]);
  });

  it("checks the JSON of a published value, as a receiver would see it", () => {
    const date = schemaOf(
      (value): StandardResult<Date> =>
        typeof value === "string" ? { value: new Date(value) } : { issues: [{ message: "expected an ISO string" }] },
    );
    const codec = json(date, { validate: "both" });
    const day = new Date("2026-11-22T00:00:00.000Z");
    expect(text(codec.encode(day))).toBe('"2026-11-22T00:00:00.000Z"');
    expect(codec.decode(codec.encode(day))).toEqual(day);
  });

  it("can't check both directions with an asynchronous schema, and says so", () => {
    const error = failure(() => json(async, { validate: "both" }).encode({ device: "a1", temp: 1 }));
    expect(error).toMatchObject({ code: "ENCODE_FAILED" });
    expect(error.message).toMatch(/asynchronous/);
  });

  it("leaves no unhandled rejection when such a schema also rejects", async () => {
    const rejects = schemaOf((): Promise<StandardResult<number>> => Promise.reject(new Error("late")));
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    failure(() => json(rejects, { validate: "both" }).encode(1));
    await new Promise((done) => setImmediate(done));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  it("accepts a schema that is a function", () => {
    const callable = Object.assign(() => {}, { "~standard": sync["~standard"] });
    expect(json(callable).decode(utf8('{"device":"a","temp":1}'))).toEqual({ device: "a", temp: 1 });
  });

  it.each([null, {}, "string", { "~standard": {} }, { "~standard": { validate: true } }])(
    "rejects %j as a schema when called, not at the first message",
    (notASchema) => {
      expect(() => json(notASchema as unknown as StandardSchema)).toThrow(/Standard Schema/);
    },
  );

  it("rejects an unknown value of validate", () => {
    expect(() => json(sync, { validate: "encode" as "both" })).toThrow(/"decode" or "both"/);
  });
});
