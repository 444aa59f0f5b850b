// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { selfTimes } from "../cost/profile.mjs";
import { modelOf, stageOf, stagesOf, sumOf } from "../cost/stages.mjs";
import { fillIn } from "../report/cost.mjs";

const frame = (functionName, url = "") => ({ functionName, url, lineNumber: 0, columnNumber: 0 });

/** (root) -> publish -> raw -> set, a built-in one; beside it the collector, the kernel's write and idleness. */
const profile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 5, 6, 7] },
    { id: 2, callFrame: frame("publish", "packages/core/src/client.ts"), children: [3] },
    { id: 3, callFrame: frame("raw", "packages/wire/src/writer.ts"), children: [4] },
    { id: 4, callFrame: frame("set") },
    { id: 5, callFrame: frame("(garbage collector)") },
    { id: 6, callFrame: frame("handleWriteReq", "node:internal/stream_base_commons"), children: [8] },
    { id: 7, callFrame: frame("(idle)") },
    { id: 8, callFrame: frame("writeBuffer") },
  ],
  samples: [2, 3, 4, 5, 8, 7, 2],
  timeDeltas: [0, 100, 100, 100, 200, 300, 400],
};
const times = selfTimes(profile, (url) => url);

describe("the cost model", () => {
  it("a sample stands for the time until the next one", () => {
    expect(times.map(({ name, microseconds }) => [name, microseconds])).toEqual([
      ["publish", 100],
      ["raw", 100],
      ["set", 100],
      ["(garbage collector)", 200],
      ["writeBuffer", 300],
      ["(idle)", 400],
    ]);
  });

  it("what is built in counts for whoever called it, unless it has a stage of its own", () => {
    expect(stagesOf(times, 0)).toEqual({
      "options, checks": 100,
      "copy into the chunk": 200,
      "garbage collector": 200,
      "socket write: kernel": 300,
    });
  });

  it("what the thread used beyond its samples is reading the socket", () => {
    const stages = stagesOf(times, 850);
    expect(stages["socket read: kernel, libuv"]).toBe(50);
    expect(Object.values(stages).reduce((sum, each) => sum + each)).toBe(850);
  });

  it("the stages of a message add up to its CPU time, other threads included", () => {
    const model = modelOf(sumOf([{ a: 100, b: 100 }, { a: 200 }]), { threadMicroseconds: 2, cpuMicroseconds: 2.5 });
    expect(model).toEqual([
      { stage: "a", nanoseconds: 1500, share: 0.6 },
      { stage: "b", nanoseconds: 500, share: 0.2 },
      { stage: "other threads: collector, compiler", nanoseconds: 500, share: 0.2 },
    ]);
  });

  it("a function that no line knows is shown as such", () => {
    expect(stageOf({ name: "strange", source: "somewhere.js" })).toBe("other");
    expect(stageOf({ name: "(root)" })).toBe("other");
  });

  it("tables replace what stands between their marks, and nothing else", () => {
    const text = "prose\n\n<!-- generated: a -->\nold\n<!-- end -->\n\nmore\n<!-- generated: b --><!-- end -->\n";
    const once = fillIn(text, { a: "| new |" });
    expect(once).toBe(
      "prose\n\n<!-- generated: a -->\n\n| new |\n\n<!-- end -->\n\nmore\n<!-- generated: b -->\n\nNo run is committed.\n\n<!-- end -->\n",
    );
    expect(fillIn(once, { a: "| new |" })).toBe(once);
  });
});
