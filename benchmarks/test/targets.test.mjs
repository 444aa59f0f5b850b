// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { judge, readTargets } from "../run/targets.mjs";
import { summarise } from "../run/statistics.mjs";
import { rows } from "../suites/rows.mjs";

function row(id, values, rest = {}) {
  const peers = Object.entries(values).map(([peer, rates]) => {
    const runs = rates.map((rate) => ({ rate }));
    return [peer, { name: peer, runs, summary: summarise(runs) }];
  });
  return { id, peers: Object.fromEntries(peers), ...rest };
}

const faster = { row: "r", peer: "ours", versus: "theirs", field: "rate", atLeast: 10, unit: "x" };

describe("targets", () => {
  it("a target is met or not by the median of the rounds' ratios", () => {
    const met = judge([faster], [row("r", { ours: [100, 90, 110], theirs: [10, 9, 10] })]);
    expect(met).toEqual([{ ...faster, value: 10, met: true }]);
    const missed = judge([faster], [row("r", { ours: [99, 99, 99], theirs: [10, 10, 10] })]);
    expect(missed).toEqual([{ ...faster, value: 9.9, met: false }]);
  });

  it("a bound from above is met below it", () => {
    const bytes = { row: "r", peer: "ours", field: "rate", atMost: 400, unit: "B" };
    expect(judge([bytes], [row("r", { ours: [399, 400, 500] })])[0].met).toBe(true);
    expect(judge([bytes], [row("r", { ours: [399, 401, 500] })])[0].met).toBe(false);
  });

  it("says what the floor reaches of a target, and whether it would meet it", () => {
    const results = [row("r", { ours: [30, 40, 50], theirs: [10, 10, 10], floor: [99, 90, 120] })];
    expect(judge([faster], results)[0]).toMatchObject({ value: 4, met: false, floor: 9.9, floorMeets: false });
    expect(judge([{ ...faster, atLeast: 9 }], results)[0]).toMatchObject({ met: false, floor: 9.9, floorMeets: true });
    const bytes = { row: "r", peer: "ours", field: "rate", atMost: 45, unit: "B" };
    expect(judge([bytes], results)[0]).toMatchObject({ value: 40, met: true, floor: 99, floorMeets: false });
  });

  it("the ratio to the floor has no floor of its own", () => {
    const results = [row("r", { ours: [30], floor: [60] })];
    expect(judge([{ ...faster, versus: "floor" }], results)[0]).toEqual({
      ...faster,
      versus: "floor",
      value: 0.5,
      met: false,
    });
  });

  it("a peer that was not run leaves the target open and says why", () => {
    const results = [row("r", { ours: [1] }, { notRun: { theirs: "not here" }, failed: {} })];
    expect(judge([faster], results)).toEqual([{ ...faster, reason: "not run: not here" }]);
  });

  it("a run that failed does not meet a target", () => {
    const results = [row("r", { theirs: [1] }, { notRun: {}, failed: { ours: "a message was lost" } })];
    expect(judge([faster], results)[0]).toMatchObject({ met: false, reason: "failed: a message was lost" });
  });

  it("a row that was not part of the run is left out", () => {
    expect(judge([faster], [row("other", { ours: [1] })])).toEqual([]);
  });

  it("each target names a row that there is, and a peer in it", async () => {
    const known = new Map(rows.map(({ id, peers }) => [id, peers]));
    const wrong = (await readTargets()).filter(({ row: name, peer, versus = peer, atLeast, atMost }) => {
      if ((atLeast === undefined) === (atMost === undefined)) return true;
      if (name.startsWith("codec-") || name === "import") return false;
      return known.get(name)?.includes(peer) !== true || !known.get(name).includes(versus);
    });
    expect(wrong).toEqual([]);
  });
});
