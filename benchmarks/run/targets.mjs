// SPDX-License-Identifier: Apache-2.0
// Marks what a run reached of `targets.json`.
import { readFile } from "node:fs/promises";
import { ratioOf } from "./statistics.mjs";

export async function readTargets() {
  return JSON.parse(await readFile(new URL("../targets.json", import.meta.url), "utf8"));
}

/**
 * Each target whose row was run, with the `value` and whether it is `met`; or with the reason why there is no value. With `versus`
 * the value is the median of the rounds' ratios, peer to versus. Where the row has a floor, `floor` is what that reaches of the same
 * target, and `floorMeets` whether it would meet it: what a bare socket doesn't reach is hardly in any client's reach here.
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
      const value = reached(target, row, target.peer);
      if (value === undefined) return { ...target, met: false, reason: "no value" };
      return { ...target, value, met: meets(target, value), ...floorOf(target, row) };
    });
}

/** What a peer reaches of a target, undefined if the row doesn't have it. */
function reached({ versus, field }, row, peer) {
  const { runs, summary } = row.peers[peer];
  const value = versus === undefined ? summary[field]?.median : ratioOf(runs, row.peers[versus].runs, field);
  return Number.isFinite(value) ? value : undefined;
}

function meets({ atLeast, atMost }, value) {
  return atLeast === undefined ? value <= atMost : value >= atLeast;
}

function floorOf(target, row) {
  if (row.peers.floor === undefined || target.versus === "floor") return {};
  const floor = reached(target, row, "floor");
  return floor === undefined ? {} : { floor, floorMeets: meets(target, floor) };
}
