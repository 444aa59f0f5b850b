// SPDX-License-Identifier: Apache-2.0
// Where the nanoseconds of one message go: rows of the other suites, each run without and then with a CPU profile; and what the
// single steps cost in loops of their own.
import { modelOf, sumOf } from "../cost/stages.mjs";
import { findPeers } from "../peers/peers.mjs";
import { runRow, Surroundings } from "../run/peer-rows.mjs";
import { runPeer } from "../run/processes.mjs";
import { summarise } from "../run/statistics.mjs";
import { rows } from "./rows.mjs";

const ROWS = [
  "publish-qos0",
  "publish-qos1-256",
  "publish-qos1-1",
  "receive-qos0",
  "receive-qos0-view",
  "receive-qos0-iterator",
  "receive-qos0-single",
  "receive-qos1",
];
const PEERS = ["floor", "mqttv5", "mqtt"];
const CODEC = ["codec-decode", "codec-encode"];

const FULL = { rounds: 3, times: { warmUp: 400, duration: 700 }, micro: 120 };
const QUICK = { rounds: 1, times: { warmUp: 60, duration: 100 }, micro: 20 };

/** The row with `stages` in each of its peers: nanoseconds a message, and the share. */
async function profile(row, { rounds, times, quick, peers, surroundings, progress }) {
  const settings = { ...row.settings, profile: true };
  const wanted = { ...row, settings, allocation: false, measure: "cpuMicroseconds" };
  wanted.peers = row.peers.filter((id) => PEERS.includes(id));
  const result = await runRow(wanted, { peers, surroundings, rounds, times, quick, progress });
  for (const peer of Object.values(result.peers)) {
    const { threadMicroseconds, cpuMicroseconds } = peer.summary;
    const sum = sumOf(peer.runs.map(({ stages }) => stages));
    for (const run of peer.runs) delete run.stages;
    peer.stages = modelOf(sum, {
      threadMicroseconds: Math.min(threadMicroseconds.median, cpuMicroseconds.median),
      cpuMicroseconds: cpuMicroseconds.median,
    });
  }
  return { ...result, suite: "cost", id: `cost-${row.id}` };
}

/** The single steps, each a line of its own. */
async function steps({ rounds, micro, surroundings, progress }) {
  const runs = [];
  const failed = {};
  const settings = { workload: "micro", duration: micro, flags: [], ...(await surroundings.of("sink")) };
  for (let round = 0; round < rounds; round++) {
    progress(`single steps, round ${round + 1} of ${rounds}`);
    try {
      runs.push(await runPeer({ id: "steps" }, settings));
    } catch (error) {
      failed.steps = error.message; // the rows before it are not to be lost
    }
  }
  const peers = {};
  for (const name of Object.keys(runs[0] ?? {})) {
    const bytes = name.startsWith("the bytes");
    const each = runs.map((run) => ({ [bytes ? "bytes" : "cpuNanoseconds"]: run[name] }));
    peers[name] = { name, runs: each, summary: summarise(each) };
  }
  const title = "single steps, each in a loop of its own";
  return { suite: "cost", id: "cost-steps", title, measure: "cpuNanoseconds", peers, notRun: {}, failed };
}

/** For the report: rounds, and milliseconds of warm-up and of each run. */
export function settings(quick) {
  const { rounds, times } = quick ? QUICK : FULL;
  return { rounds, ...times };
}

export async function run({ quick, progress }) {
  const { rounds, times, micro } = quick ? QUICK : FULL;
  const peers = await findPeers({ go: false });
  const surroundings = new Surroundings(undefined);
  const results = [];
  try {
    for (const id of ROWS) {
      const row = rows.find((each) => each.id === id);
      if (row === undefined) continue;
      const step = (what) => progress(`${row.title}: ${what}`);
      results.push(await profile(row, { rounds, times, quick, peers, surroundings, progress: step }));
    }
    results.push(await steps({ rounds, micro, surroundings, progress }));
  } finally {
    await surroundings.close();
  }
  const codec = await import("../codec/codec.mjs");
  const compared = await codec.run({ quick, progress, only: CODEC });
  return [...results, ...compared.map((row) => ({ ...row, suite: "cost", id: `cost-${row.id}` }))];
}
