// SPDX-License-Identifier: Apache-2.0
// The tables of COST.md. Its prose is written by hand and has no figures; they go between `<!-- generated: NAME -->` and
// `<!-- end -->`, and come from `results/cost-node-*.json` and `results/node-*.json`.
import { boundOf, floorReaches, short, valueOf, whole } from "../run/print.mjs";
import { judge } from "../run/targets.mjs";
import { markdown } from "./markdown.mjs";

const NOTHING = "No run is committed.";
const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** Fills in every marked place; one that nothing is made for says so. */
export function fillIn(text, parts) {
  return text.replace(/<!-- generated: ([\w-]+) -->[\s\S]*?<!-- end -->/g, (_, name) => {
    // A row that no committed run has leaves a note, not an old table.
    const part = parts[name] ?? NOTHING;
    return `<!-- generated: ${name} -->\n\n${part}\n\n<!-- end -->`;
  });
}

export function whereAndWhen(runs) {
  if (runs.length === 0) return NOTHING;
  return runs
    .map(({ node, v8, date, commit, machine, versions, quick, rows }) => {
      const rounds = Math.max(0, ...rows.filter(isProfiled).map(({ peers }) => peers.mqttv5?.runs.length ?? 0));
      const { cpu, cores, memoryGigabytes, system } = machine;
      const names = ["@mqttv5/core", "mqtt", "mqtt-packet"].map((name) => `${name} ${versions[name]}`);
      const note = quick ? " **A quick run: not for comparing.**" : "";
      return `- Node ${node}: ${date.slice(0, 10)}, ${cpu}, ${cores} cores, ${memoryGigabytes} GB, ${system}; V8 ${v8}; commit ${commit ?? "unknown"}; ${names.join(", ")}; medians of ${rounds} runs.${note}`;
    })
    .join("\n");
}

/** A table for each row that was run, by the row's name: a line a stage, and for each Node ours and the floor's. */
export function stageTables(runs) {
  const ids = new Set(runs.flatMap((run) => run.rows.filter(isProfiled).map(({ id }) => id)));
  return Object.fromEntries([...ids].map((id) => [id, stageTable(runs, id)]));
}

const isProfiled = ({ peers }) => Object.values(peers).some(({ stages }) => stages !== undefined);

function stageTable(runs, id) {
  const found = runs.flatMap((run) => run.rows.filter((row) => row.id === id).map((row) => ({ node: run.node, row })));
  const names = [...new Set(found.flatMap(({ row }) => row.peers.mqttv5?.stages.map(({ stage }) => stage) ?? []))];
  const headings = ["stage", ...found.flatMap(({ node }) => [`Node ${node}, ns`, "share", "bare socket, ns"])];
  const of = (peer, name) => peer?.stages.find(({ stage }) => stage === name);
  const lines = names.map((name) => [
    name,
    ...found.flatMap(({ row: { peers } }) => {
      const ours = of(peers.mqttv5, name);
      const floor = of(peers.floor, name);
      return [
        ours === undefined ? "" : whole(ours.nanoseconds),
        ours === undefined ? "" : percent(ours.share),
        floor === undefined ? "" : whole(floor.nanoseconds),
      ];
    }),
  ]);
  const cpu = (peer) => (peer === undefined ? "" : whole(peer.summary.cpuMicroseconds.median * 1000));
  lines.push([
    "**CPU of a message**",
    ...found.flatMap(({ row: { peers } }) => [cpu(peers.mqttv5), "", cpu(peers.floor)]),
  ]);
  lines.push(["MQTT.js, the same", ...found.flatMap(({ row: { peers } }) => [cpu(peers.mqtt), "", ""])]);
  return markdown(headings, lines);
}

/** What single steps cost, and both codecs for one packet. */
export function stepTable(runs) {
  if (runs.length === 0) return NOTHING;
  const values = runs.map(({ rows }) => {
    const found = new Map();
    for (const { id, title, peers } of rows.filter((row) => !isProfiled(row))) {
      for (const { name, summary } of Object.values(peers)) {
        const text = id === "cost-steps" ? name : `${title}: ${name}`;
        const { cpuNanoseconds, nanoseconds, bytes } = summary;
        const ns = cpuNanoseconds ?? nanoseconds;
        found.set(
          text,
          bytes === undefined ? `${short(ns.median)} ±${Math.round(ns.spread * 100)}%` : `${whole(bytes.median)} B`,
        );
      }
    }
    return found;
  });
  const names = new Set(values.flatMap((found) => [...found.keys()]));
  const headings = ["step", ...runs.map(({ node }) => `Node ${node}, ns`)];
  return markdown(
    headings,
    [...names].map((name) => [name, ...values.map((found) => found.get(name) ?? "")]),
  );
}

/** The targets that a committed run misses. */
export function missedTargets(runs, targets) {
  if (runs.length === 0) return NOTHING;
  const judged = runs.map((run) => new Map(judge(targets, run.rows).map((target) => [target.id, target])));
  const missed = targets.filter(({ id }) => judged.some((run) => run.get(id)?.met === false));
  if (missed.length === 0) return "All targets that were run are met.";
  const headings = ["workload", "measure", "target", ...runs.flatMap(({ node }) => [`Node ${node}`, "a bare socket"])];
  const lines = missed.map((target) => [
    target.workload,
    target.measure,
    boundOf(target),
    ...judged.flatMap((run) => {
      const found = run.get(target.id);
      if (found === undefined) return ["not run", ""];
      const value = valueOf(found) || (found.reason ?? "");
      return [found.met ? `${value}, met` : value, floorReaches(found)];
    }),
  ]);
  return markdown(headings, lines, 3);
}
