// SPDX-License-Identifier: Apache-2.0
// Compiled by the type-check; running it only shows that the expressions are valid.
import type { Codec } from "@mqttv5/core";
import * as v from "valibot";
import { expect, expectTypeOf, it } from "vitest";
import * as z from "zod";
import { JsonCodecError, json, type JsonIssue } from "../src/index.js";

interface Reading {
  device: string;
  temp: number;
}

it("json<T>() is a Codec<T>", () => {
  expectTypeOf(json<Reading>()).toEqualTypeOf<Codec<Reading>>();
});

it("json(schema) is a codec of the schema's output", () => {
  expectTypeOf(json(z.object({ device: z.string(), temp: z.number() }))).toEqualTypeOf<Codec<Reading>>();
  expectTypeOf(json(v.object({ device: v.string(), temp: v.number() }))).toEqualTypeOf<Codec<Reading>>();
});

it("a transforming schema gives the transformed type", () => {
  expectTypeOf(json(z.string().transform((text) => text.length))).toEqualTypeOf<Codec<number>>();
  expectTypeOf(
    json(
      v.pipe(
        v.string(),
        v.transform((text) => text.length),
      ),
    ),
  ).toEqualTypeOf<Codec<number>>();
});

it("publishing takes the same type that decoding yields", () => {
  const codec = json<Reading>();
  expectTypeOf(codec.encode).parameter(0).toEqualTypeOf<Reading>();
  expectTypeOf(codec.decode).returns.toEqualTypeOf<Reading | Promise<Reading>>();
  // @ts-expect-error -- a member is missing
  codec.encode({ device: "a1" });
});

it("what is no schema is no argument", () => {
  // @ts-expect-error -- not a Standard Schema
  expect(() => json({ parse: () => 1 })).toThrow(TypeError);
});

it("errors have a stable code and issues with paths", () => {
  expectTypeOf<JsonCodecError["code"]>().toEqualTypeOf<"ENCODE_FAILED" | "DECODE_FAILED">();
  expectTypeOf<JsonIssue["path"]>().toEqualTypeOf<readonly PropertyKey[]>();
});
