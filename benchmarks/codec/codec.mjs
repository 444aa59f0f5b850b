// SPDX-License-Identifier: Apache-2.0
// @mqttv5/wire beside mqtt-packet in the same process and the same rounds.
import { summarise } from "../run/statistics.mjs";
import { comparisons } from "./cases.mjs";
import { measureBytes, measureTime } from "./measure.mjs";
import { assertStrict } from "./table.mjs";

/** All sides of one comparison as a row: a run is a round, and the first peer is always mqtt-packet. */
function compare({ id, name, theirs, ours }, settings) {
  const labels = ["mqtt-packet", ...Object.keys(ours)];
  const tasks = [theirs, ...Object.values(ours)];
  const times = measureTime(tasks, settings);
  const peers = {};
  labels.forEach((label, index) => {
    const runs = times[index].map((nanoseconds) => ({ nanoseconds }));
    const summary = summarise(runs);
    summary.allocatedBytes = { median: measureBytes(tasks[index]), spread: 0 };
    peers[label] = { name: index === 0 ? label : `@mqttv5/wire, ${label}`, runs, summary };
  });
  return { suite: "codec", id, title: name, measure: "nanoseconds", peers, notRun: {}, failed: {} };
}

/** `only` has the identifiers of the comparisons to make, if not all. */
export async function run({ quick, progress, only }) {
  if (typeof globalThis.gc !== "function") throw new Error("start node with --expose-gc");
  const settings = quick ? { rounds: 5, milliseconds: 10 } : { rounds: 21, milliseconds: 30 };
  const { malformed, valid } = await assertStrict();
  progress(`this build refuses all ${malformed} malformed rows of the byte table and takes all ${valid} valid ones`);
  const wanted = comparisons.filter(({ id }) => only?.includes(id) ?? true);
  return wanted.map((comparison) => {
    progress(comparison.name);
    return compare(comparison, settings);
  });
}
