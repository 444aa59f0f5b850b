// SPDX-License-Identifier: Apache-2.0
// Marks what a run reached of `targets.json`.
import { readFile } from "node:fs/promises";
import { ratioOf } from "./statistics.mjs";

export async function readTargets() {
  return JSON.parse(await readFile(new URL("../targets.json", import.meta.url), "utf8"));
}

/**
 * Each target whose row was run, with the `value` and whether it is `met`; or with the reason why there is no value. With `versus`
 * the value is the median of the rounds' ratios, peer to versus.
 */
export function judge(targets, rows) {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return targets
    .filter(({ row }) => byId.has(row))
    .map((target) => {
      const row = byId.get(target.row);
      const missing = [target.peer, target.versus].find((id) => id !== undefined && row.peers[id] === undefined);
      if (missing !== undefined) {
        const failed = row.failed?.[missing];
        if (failed !== undefined) return { ...target, met: false, reason: `failed: ${failed}` };
        return { ...target, reason: `not run: ${row.notRun?.[missing] ?? `${missing} is not part of this run`}` };
      }
      const ours = row.peers[target.peer];
      const value =
        target.versus === undefined
          ? ours.summary[target.field]?.median
          : ratioOf(ours.runs, row.peers[target.versus].runs, target.field);
      if (value === undefined || !Number.isFinite(value)) return { ...target, met: false, reason: "no value" };
      return { ...target, value, met: target.atLeast === undefined ? value <= target.atMost : value >= target.atLeast };
    });
}
