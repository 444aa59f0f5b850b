// SPDX-License-Identifier: Apache-2.0
// Runs the rows: in each round every peer once, one after the other, each in a fresh process, the order turned by one from
// round to round. What is slow about the machine in that minute is slow for all.
import { startMosquitto } from "../counterpart/mosquitto.mjs";
import { runPeer, startCounterpart } from "./processes.mjs";
import { summarise } from "./statistics.mjs";

/** Sinks, sources and brokers, started when a row first needs them. */
export class Surroundings {
  #counterparts = new Map();
  #broker;

  /** `mosquitto`: its command, where it is installed. */
  constructor(mosquitto) {
    this.mosquitto = mosquitto;
  }

  async of(through) {
    if (through === "nothing") return {};
    if (!this.#counterparts.has(through)) {
      if (through === "mosquitto") this.#broker = await startMosquitto(this.mosquitto.command);
      const brokerPort = through === "mosquitto" ? this.#broker.port : undefined;
      this.#counterparts.set(through, await startCounterpart(brokerPort));
    }
    const { port, control } = this.#counterparts.get(through);
    return { port, control };
  }

  async close() {
    for (const counterpart of this.#counterparts.values()) counterpart.close();
    await this.#broker?.close();
  }
}

/** Why a peer is not in a row, or undefined. */
function reasonNotToRun(peer, row) {
  if (peer.missing !== undefined) return peer.missing;
  const need = row.needs?.find((name) => peer.lacks[name] !== undefined);
  return need === undefined ? undefined : peer.lacks[need];
}

/** Node's flags for a CPU profile of the whole run. */
function profiling(directory, name) {
  if (directory === undefined) return [];
  return ["--cpu-prof", `--cpu-prof-dir=${directory}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`];
}

/** One row: its peers' runs and their summaries. A peer whose run fails is out, and `failed` says why. */
export async function runRow(row, { peers, surroundings, rounds, times, quick, profile, progress }) {
  const { suite, id, title, through, measure } = row;
  const result = { suite, id, title, through, measure, peers: {}, notRun: {}, failed: {} };
  if (through === "mosquitto" && surroundings.mosquitto === undefined) {
    for (const peer of row.peers) result.notRun[peer] = "mosquitto is not installed";
    return result;
  }
  const count = (quick ? row.quick?.rounds : undefined) ?? rounds;
  const settings = {
    ...times,
    through,
    ...row.settings,
    ...(quick ? row.quick : {}),
    ...(await surroundings.of(through)),
  };
  const running = [];
  for (const peer of row.peers.map((name) => peers[name])) {
    if (peer === undefined) continue;
    const reason = reasonNotToRun(peer, row);
    if (reason === undefined) running.push(peer);
    else result.notRun[peer.id] = reason;
  }
  for (const { id: peer, name } of running) result.peers[peer] = { name, runs: [] };

  const attempt = async (peer, extra, keep) => {
    if (result.failed[peer.id] !== undefined) return;
    try {
      keep(await runPeer(peer, { ...settings, ...extra, flags: profiling(profile, `${id}-${peer.id}`) }));
    } catch (error) {
      result.failed[peer.id] = error.message;
    }
  };
  for (let round = 0; round < count; round++) {
    progress(`round ${round + 1} of ${count}`);
    for (let i = 0; i < running.length; i++) {
      const peer = running[(i + round) % running.length];
      await attempt(peer, {}, (run) => result.peers[peer.id].runs.push(run));
    }
  }
  for (const { id: peer } of running) {
    if (result.failed[peer] !== undefined) delete result.peers[peer];
    else result.peers[peer].summary = summarise(result.peers[peer].runs);
  }
  if (row.allocation) {
    progress("allocations");
    for (const peer of running.filter(({ id: name, binary }) => name !== "floor" && binary === undefined)) {
      await attempt(peer, { allocation: true }, ({ allocatedBytes }) => {
        if (typeof allocatedBytes !== "number") return;
        result.peers[peer.id].summary.allocatedBytes = { median: allocatedBytes, spread: 0 };
      });
    }
  }
  return result;
}
