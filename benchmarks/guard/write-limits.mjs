// SPDX-License-Identifier: Apache-2.0
// node benchmarks/guard/write-limits.mjs: makes what core costs now the limit. Heap counts differ between versions of V8: run it
// with each major version of Node that `limits.json` names. A limit that rises needs a reason in the commit.
import { readFile, writeFile } from "node:fs/promises";
import { countWork, NODE } from "./measure.mjs";

/** Smaller than any object: what the ends of V8's pages make of the heap's count, more of it on Node 20. */
const HEAP_SLACK = NODE === "20" ? 32 : 16;
const BUFFER_SLACK = 16;

function limitOf(name, value, before) {
  if (name === "heap") return { ...before, [NODE]: Math.ceil(value + HEAP_SLACK) };
  if (name === "buffers") return Math.ceil(value + BUFFER_SLACK);
  if (name === "copied") return Math.ceil(value);
  return value === 0 ? 0 : Math.ceil((value + 0.001) * 1000) / 1000;
}

const file = new URL("limits.json", import.meta.url);
const before = JSON.parse(await readFile(file, "utf8"));
const [counts] = await countWork([[]]);
const limits = {};
for (const [scene, count] of Object.entries(counts)) {
  limits[scene] = {};
  for (const [name, value] of Object.entries(count)) limits[scene][name] = limitOf(name, value, before[scene]?.[name]);
}
await writeFile(file, `${JSON.stringify(limits, undefined, 2)}\n`);
