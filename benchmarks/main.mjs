// SPDX-License-Identifier: Apache-2.0
// npm run bench -- [SUITE ...] [--quick] [--json FILE] [--row ID ...] [--profile DIRECTORY], or --publish
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { mosquittoVersion } from "./counterpart/mosquitto.mjs";
import { findPeers } from "./peers/peers.mjs";
import { describeRun } from "./run/machine.mjs";
import { runRow, Surroundings } from "./run/peer-rows.mjs";
import { printRow, printTargets } from "./run/print.mjs";
import { Progress } from "./run/progress.mjs";
import { judge, readTargets } from "./run/targets.mjs";
import { rows } from "./suites/rows.mjs";

const SUITES = [
  "codec",
  "publish",
  "receive",
  "roundtrip",
  "latency",
  "reconnect",
  "slow-consumer",
  "scale",
  "memory",
  "size",
  "import",
];

/** Suites that are run only where they are named. */
const NAMED = ["cost"];

/** Suites that are not runs of peers side by side. */
const OTHERS = {
  codec: () => import("./codec/codec.mjs"),
  size: () => import("./suites/size.mjs"),
  import: () => import("./suites/import.mjs"),
  cost: () => import("./suites/cost.mjs"),
};

/** Rounds, and milliseconds of warm-up and of each run. */
const FULL = { rounds: 5, warmUp: 500, duration: 800 };
const QUICK = { rounds: 3, warmUp: 60, duration: 80 };

const usage = `usage: npm run bench -- [${[...SUITES, ...NAMED].join(" | ")}] [--quick] [--json FILE] [--row ID] [--profile DIRECTORY] [--publish]`;

function parse() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean" },
      json: { type: "string" },
      row: { type: "string", multiple: true },
      profile: { type: "string" },
      publish: { type: "boolean" },
    },
  });
  const unknown = positionals.find((name) => !SUITES.includes(name) && !NAMED.includes(name));
  if (unknown !== undefined) throw new Error(`there is no suite ${unknown}`);
  const strange = values.row?.find((id) => rows.every((row) => row.id !== id));
  if (strange !== undefined) throw new Error(`there is no row ${strange}: ${rows.map(({ id }) => id).join(" ")}`);
  const suites = values.row === undefined ? SUITES : SUITES.filter((name) => OTHERS[name] === undefined);
  return { quick: values.quick === true, ...values, suites: positionals.length === 0 ? suites : positionals };
}

/** Six digits are more than any figure here is worth. */
function rounded(_key, value) {
  return typeof value === "number" ? Number(value.toPrecision(6)) : value;
}

async function measure({ suites, quick, json, row: only, profile }) {
  const { rounds, ...times } = quick ? QUICK : FULL;
  const wanted = rows.filter(({ suite, id }) => suites.includes(suite) && (only?.includes(id) ?? true));
  const needsGo = wanted.some(({ peers }) => peers.some((id) => id.startsWith("go-")));
  const peers = await findPeers({ go: needsGo });
  const about = await describeRun(peers);
  const { cpu, cores, system } = about.machine;
  console.log(`${about.date}, ${cpu}, ${cores} cores, ${system}, Node ${about.node}`);
  console.log(
    Object.entries(about.versions)
      .map((entry) => entry.join(" "))
      .join(", "),
  );
  if (wanted.length > 0)
    console.log(`Medians of ${rounds} interleaved runs, each in a fresh process; +- is half of their range.`);
  if (quick) console.log("--quick: short runs, to see that everything works. Not for comparing.");
  for (const { name, missing } of Object.values(peers))
    if (missing !== undefined) console.log(`SKIPPED ${name}: ${missing}`);
  const mosquitto = mosquittoVersion();
  if (mosquitto === undefined && suites.includes("roundtrip")) console.log("SKIPPED mosquitto: not installed");

  const others = suites.filter((name) => OTHERS[name] !== undefined);
  const progress = new Progress(wanted.length + others.length);
  const step = (what) => progress.step(what);
  const surroundings = new Surroundings(mosquitto);
  const results = [];
  const add = (row) => {
    progress.pause();
    results.push(row);
    printRow(row);
  };
  try {
    for (const suite of suites) {
      const load = OTHERS[suite];
      if (load !== undefined) {
        progress.next(suite);
        for (const row of await (await load()).run({ quick, progress: step })) add(row);
      }
      for (const row of wanted.filter((each) => each.suite === suite)) {
        progress.next(row.title);
        add(await runRow(row, { peers, surroundings, rounds, times, quick, profile, progress: step }));
      }
    }
  } finally {
    await surroundings.close();
  }

  const targets = judge(await readTargets(), results);
  printTargets(targets, quick);
  console.log(`\n${results.length} rows in ${progress.elapsed}`);
  if (json !== undefined) {
    // The cost suite, which is always run by itself, has rounds of its own.
    const settings = suites.includes("cost") ? (await OTHERS.cost()).settings(quick) : { rounds, ...times };
    const report = { ...about, quick, settings, targets, rows: results };
    await writeFile(json, `${JSON.stringify(report, rounded, 1)}\n`);
  }
  const failed = results.flatMap(({ id, failed: reasons }) => Object.keys(reasons).map((peer) => `${id}: ${peer}`));
  if (failed.length > 0) {
    console.error(`failed runs: ${failed.join(", ")}`);
    process.exitCode = 1;
  }
}

let options;
try {
  options = parse();
} catch (error) {
  console.error(`${error.message}\n${usage}`);
  process.exit(1);
}
if (options.publish) await (await import("./report/report.mjs")).publish();
else await measure(options);
