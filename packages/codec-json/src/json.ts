// SPDX-License-Identifier: Apache-2.0
import type { Codec } from "@mqttv5/core";
import { JsonCodecError, schemaError } from "./error.js";
import type { SchemaOutput, StandardResult, StandardSchema } from "./standard-schema.js";

/** How {@link json} uses its schema. */
export interface JsonOptions {
  /**
   * `"decode"` (default) validates what arrives: the one direction in which a type is only a hope. `"both"` also checks,
   * before anything is sent, that the JSON of a published value would pass at a receiver with this schema; it costs a
   * parse and a validation per message and needs a schema that validates synchronously.
   */
  readonly validate?: "decode" | "both" | undefined;
}

/**
 * Values as UTF-8 JSON, content type `application/json`, unchecked: the payload is taken to be a `T`.
 *
 * Encoding follows `JSON.stringify`, so members that are `undefined` or functions are left out and `NaN` becomes
 * `null`; a value with no JSON at all (`undefined`, a function, a symbol), a BigInt and a cycle throw a
 * {@link JsonCodecError} with `code` `ENCODE_FAILED`. Decoding throws one with `DECODE_FAILED` for anything but valid
 * JSON in valid UTF-8. Members named `__proto__` are dropped from what arrives, so that copying a value can't change
 * the copy's prototype.
 */
export function json<T>(): Codec<T>;
/**
 * Values as UTF-8 JSON, validated on arrival with any Standard Schema (zod, valibot, arktype, ...).
 *
 * What is decoded is the schema's *output*: defaults filled in, transforms applied; an asynchronous schema makes decoding
 * asynchronous. Publishing takes the same type and, unless `validate` says otherwise, trusts it. A schema that
 * transforms runs in one direction only: publish values whose JSON it accepts (a `Date` from a schema that reads ISO
 * strings is one, because its JSON is such a string).
 */
export function json<Schema extends StandardSchema>(schema: Schema, options?: JsonOptions): Codec<SchemaOutput<Schema>>;
export function json(schema?: StandardSchema, options: JsonOptions = {}): Codec<unknown> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const contentType = "application/json";
  const parse = (payload: Uint8Array): unknown => parsePayload(payload, (bytes) => decoder.decode(bytes));
  if (schema === undefined) {
    return { contentType, encode: (value) => encoder.encode(stringify(value)), decode: parse };
  }
  checkArguments(schema, options);
  const check = options.validate === "both";
  return {
    contentType,
    encode(value) {
      const text = stringify(value);
      if (check) checkEncoded(schema, text);
      return encoder.encode(text);
    },
    decode(payload) {
      const result = validate(schema, parse(payload), "DECODE_FAILED");
      return result instanceof Promise ? result.then(decoded) : decoded(result);
    },
  };
}

function checkArguments(schema: StandardSchema, { validate }: JsonOptions): void {
  if (typeof schema?.["~standard"]?.validate !== "function") {
    throw new TypeError(
      "json(schema): schema must implement Standard Schema version 1 (a ~standard.validate function)",
    );
  }
  if (validate !== undefined && validate !== "decode" && validate !== "both") {
    throw new TypeError(`json(schema, { validate }): must be "decode" or "both", not ${String(validate)}`);
  }
}

function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new JsonCodecError("ENCODE_FAILED", `the value has no JSON: ${messageOf(cause)}`, { cause });
  }
  if (text === undefined) throw new JsonCodecError("ENCODE_FAILED", `the value has no JSON: it is ${nameOf(value)}`);
  return text;
}

function parsePayload(payload: Uint8Array, decodeUtf8: (bytes: Uint8Array) => string): unknown {
  if (payload.length === 0) throw new JsonCodecError("DECODE_FAILED", "the payload is not JSON: it is empty");
  let text: string;
  try {
    text = decodeUtf8(payload);
  } catch (cause) {
    throw new JsonCodecError("DECODE_FAILED", "the payload is not JSON: it is not valid UTF-8", { cause });
  }
  try {
    // The slow way only where such a key is possible: written out, or with \u escapes.
    const suspicious = text.includes("__proto__") || text.includes("\\u00");
    return suspicious ? JSON.parse(text, withoutProto) : JSON.parse(text);
  } catch (cause) {
    throw new JsonCodecError("DECODE_FAILED", `the payload is not JSON: ${messageOf(cause)}`, { cause });
  }
}

function withoutProto(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}

/** Runs the schema; whatever it throws or rejects with becomes our error. */
function validate(
  schema: StandardSchema,
  value: unknown,
  code: JsonCodecError["code"],
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  const failed = (cause: unknown): never => {
    throw new JsonCodecError(code, `the schema failed: ${messageOf(cause)}`, { cause });
  };
  try {
    const result = schema["~standard"].validate(value);
    return "then" in result ? Promise.resolve(result).catch(failed) : result;
  } catch (cause) {
    return failed(cause);
  }
}

function decoded(result: StandardResult<unknown>): unknown {
  if (result.issues !== undefined) throw schemaError("DECODE_FAILED", "the payload", result.issues);
  return result.value;
}

function checkEncoded(schema: StandardSchema, text: string): void {
  const result = validate(schema, JSON.parse(text), "ENCODE_FAILED");
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new JsonCodecError("ENCODE_FAILED", 'validate: "both" needs a schema that validates synchronously');
  }
  if (result.issues !== undefined) throw schemaError("ENCODE_FAILED", "the value's JSON", result.issues);
}

function messageOf(cause: unknown): string {
  // Of a cycle, V8 draws the path over several lines: the first says what it is.
  return String(cause instanceof Error ? cause.message : cause).split("\n", 1)[0] ?? "";
}

function nameOf(value: unknown): string {
  if (value === undefined) return "undefined";
  return typeof value === "object" ? "an object whose toJSON returns nothing" : `a ${typeof value}`;
}
