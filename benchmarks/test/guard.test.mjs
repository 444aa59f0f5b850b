// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { countWork, excesses } from "../guard/measure.mjs";

const limits = JSON.parse(await readFile(new URL("../guard/limits.json", import.meta.url), "utf8"));

const SCENES = ["publish QoS 1", "receive QoS 0, callback"];
const PLANTS = { allocation: "heap", write: "writes", copy: "copied", promise: "promises", timer: "timers" };

describe("the work of a message", () => {
  // A limit that fails for a good reason is raised in guard/limits.json, in a commit that says why; one that could be lower, lowered.
  it("is within its limits: writes, bytes copied, promises, timers, turns, bytes allocated", async () => {
    const [counts] = await countWork([[]]);
    expect(Object.keys(counts)).toEqual(Object.keys(limits));
    expect(excesses(counts, limits)).toEqual([]);
  });

  it("is not, once a message costs one object, write, copy, promise or timer more", async () => {
    const results = await countWork(Object.keys(PLANTS).map((plant) => [plant, ...SCENES]));
    for (const [index, name] of Object.values(PLANTS).entries()) {
      const found = excesses(results[index], limits).join("\n");
      for (const scene of SCENES) expect(found).toContain(`${scene}: ${name}`);
    }
  });
});
