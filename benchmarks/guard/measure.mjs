// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { runToEnd } from "../run/processes.mjs";

/** Major version, as `limits.json` names it. */
export const NODE = process.versions.node.split(".")[0];

/** Interpreted only: what the compiler optimises away, and when, would change the counts from run to run. */
const FLAGS = [
  "--expose-gc",
  "--no-opt",
  "--no-sparkplug",
  "--no-maglev",
  "--no-flush-bytecode",
  "--single-threaded",
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
];

/**
 * The counts of each scene, a message, of core as its sources are now: one result for each list of arguments, which may have
 * `counted-work.mjs` do too much of something.
 */
export async function countWork(runs) {
  const folder = await mkdtemp(join(tmpdir(), "mqttv5-guard-"));
  try {
    const outfile = join(folder, "counted-work.mjs");
    await build({
      entryPoints: [fileURLToPath(new URL("counted-work.mjs", import.meta.url))],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      conditions: ["@mqttv5/source"],
    });
    const results = [];
    for (const args of runs) results.push(await runToEnd(process.execPath, [...FLAGS, outfile, ...args]));
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A limit, or one for each version of Node: an unknown version may have the highest. */
function limitFor(limit) {
  return typeof limit === "number" ? limit : (limit[NODE] ?? Math.max(...Object.values(limit)));
}

/** The counts that pass their limits, a sentence each. */
export function excesses(counts, limits) {
  const found = [];
  for (const [scene, count] of Object.entries(counts)) {
    for (const [name, limit] of Object.entries(limits[scene])) {
      const most = limitFor(limit);
      const value = count[name] ?? Number.NaN; // each run was cut short by a collection
      if (!(value <= most)) found.push(`${scene}: ${name} ${value.toFixed(3)} a message, at most ${most}`);
    }
  }
  return found;
}
