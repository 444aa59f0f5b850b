// SPDX-License-Identifier: Apache-2.0
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { json } from "../src/index.js";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const good = utf8('{"device":"a1","readings":[{"temp":22.5}],"at":"2026-11-22T00:00:00.000Z"}');
const bad = utf8('{"device":"a1","readings":[{"temp":"warm"}],"at":"2026-11-22T00:00:00.000Z"}');
const value = { device: "a1", readings: [{ temp: 22.5 }], at: new Date("2026-11-22T00:00:00.000Z") };

const zod = z.object({
  device: z.string(),
  readings: z.array(z.object({ temp: z.number() })),
  at: z.iso.datetime().transform((iso) => new Date(iso)),
});

const valibot = v.object({
  device: v.string(),
  readings: v.array(v.object({ temp: v.number() })),
  at: v.pipe(
    v.string(),
    v.isoTimestamp(),
    v.transform((iso) => new Date(iso)),
  ),
});

const asyncZod = zod.refine(async () => true);
const asyncValibot = v.pipeAsync(
  valibot,
  v.checkAsync(async () => true),
);

describe.each([
  ["zod", json(zod)],
  ["valibot", json(valibot)],
  ["zod, asynchronously", json(asyncZod)],
  ["valibot, asynchronously", json(asyncValibot)],
])("a schema of %s", (_, codec) => {
  it("decodes into the schema's output", async () => {
    expect(await codec.decode(good)).toEqual(value);
  });

  it("names the path of what is wrong", async () => {
    await expect(async () => codec.decode(bad)).rejects.toMatchObject({
      code: "DECODE_FAILED",
      issues: [{ path: ["readings", 0, "temp"] }],
    });
  });

  it("decodes what it encoded", async () => {
    expect(await codec.decode(codec.encode(value))).toEqual(value);
  });
});

describe("validating both directions", () => {
  it.each([
    ["zod", json(zod, { validate: "both" })],
    ["valibot", json(valibot, { validate: "both" })],
  ])("works with %s", (_, codec) => {
    expect(codec.decode(codec.encode(value))).toEqual(value);
    expect(() => codec.encode({ ...value, device: 7 as unknown as string })).toThrow(/device: /);
  });
});
