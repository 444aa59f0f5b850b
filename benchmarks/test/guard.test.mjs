// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { countWork, excesses } from "../guard/measure.mjs";

const limits = JSON.parse(await readFile(new URL("../guard/limits.json", import.meta.url), "utf8"));

const SCENES = ["publish QoS 1", "receive QoS 0, callback"];

describe("the work of a message", () => {
  // guard/write-limits.mjs makes the work of now the limit: after an improvement, or with a reason in the commit.
  it("is within its limits: writes, bytes copied, promises, timers, turns, bytes allocated", async () => {
    const [counts] = await countWork([[]]);
    expect(Object.keys(counts)).toEqual(Object.keys(limits));
    expect(excesses(counts, limits)).toEqual([]);
  });

  it("is not, once a message costs one object, write, copy, promise or timer more", async () => {
    const [object, everything] = await countWork([
      ["object", ...SCENES],
      ["everything", ...SCENES],
    ]);
    for (const scene of SCENES) {
      expect(excesses(object, limits)).toContainEqual(expect.stringContaining(`${scene}: heap`));
      for (const name of ["writes", "copied", "promises", "timers"]) {
        expect(excesses(everything, limits)).toContainEqual(expect.stringContaining(`${scene}: ${name}`));
      }
    }
  });
});
