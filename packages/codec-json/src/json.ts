// SPDX-License-Identifier: Apache-2.0
import type { Codec } from "@mqttv5/core";
import { check, JsonCodecError, schemaError } from "./error.js";
import { type JsonLimits, parser } from "./parse.js";
import type { SchemaOutput, StandardResult, StandardSchema } from "./standard-schema.js";

/** What {@link json} decodes, and how it uses its schema. */
export interface JsonOptions extends JsonLimits {
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
 * JSON in valid UTF-8, for more than `maximumBytes`, and for more than `maximumDepth`. Members named `__proto__` are
 * dropped from what arrives, so that copying a value can't change the copy's prototype. Throws a `TypeError` for a wrong
 * option.
 */
export function json<T>(schema?: undefined, options?: JsonLimits): Codec<T>;
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
  const parse = parser(options);
  const { validate } = options;
  const known = schema === undefined || typeof schema?.["~standard"]?.validate === "function";
  check(known, "json(schema): must be a Standard Schema");
  const both = validate === "both";
  check(
    both || validate === undefined || validate === "decode",
    'json(schema, { validate }): must be "decode" or "both"',
  );
  return {
    contentType: "application/json",
    encode(value) {
      const text = stringify(value);
      if (schema !== undefined && both) {
        const checked = run(schema, JSON.parse(text), "ENCODE_FAILED", "the value's JSON");
        if (checked instanceof Promise) {
          checked.catch(() => {});
          throw failure("ENCODE_FAILED", "the schema failed", "asynchronous");
        }
      }
      return encoder.encode(text);
    },
    decode(payload) {
      let value: unknown;
      try {
        value = parse(payload);
      } catch (cause) {
        throw failure("DECODE_FAILED", "the payload is not JSON", cause);
      }
      return schema === undefined ? value : run(schema, value, "DECODE_FAILED", "the payload");
    },
  };
}

function stringify(value: unknown): string {
  try {
    const text = JSON.stringify(value) as string | undefined;
    // Undefined, a function, a symbol, or what has a toJSON that returns one of these.
    check(text !== undefined, `it is ${typeof value}`);
    return text as string;
  } catch (cause) {
    throw failure("ENCODE_FAILED", "the value has no JSON", cause);
  }
}

/** The schema's output, at once or later; whatever it objects to, throws or rejects with becomes our error. */
function run(schema: StandardSchema, value: unknown, code: JsonCodecError["code"], what: string): unknown {
  const output = (result: StandardResult<unknown>): unknown => {
    if (result.issues !== undefined) throw schemaError(code, what, result.issues);
    return result.value;
  };
  const failed = (cause: unknown): never => {
    throw failure(code, "the schema failed", cause);
  };
  let result: ReturnType<StandardSchema["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    return failed(cause);
  }
  return "then" in result ? Promise.resolve(result).then(output, failed) : output(result);
}

function failure(code: JsonCodecError["code"], what: string, cause: unknown): JsonCodecError {
  const problem = (cause as Error | null | undefined)?.message ?? cause;
  // Of a cycle, V8 draws the path over several lines: the first says what it is.
  return new JsonCodecError(code, `${what}: ${String(problem).split("\n", 1)[0]}`, { cause });
}
