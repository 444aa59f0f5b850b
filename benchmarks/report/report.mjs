// SPDX-License-Identifier: Apache-2.0
// Makes RESULTS.md and the charts from the runs in `results/`, one file for each version of Node. No figure is typed by hand, and a
// test says when they are out of date.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { boundOf, floorReaches, remarksOf, tableOf, valueOf, verdictOf } from "../run/print.mjs";
import { judge, readTargets } from "../run/targets.mjs";
import { chartsOf } from "./charts.mjs";
import { fillIn, missedTargets, stageTables, stepTable, whereAndWhen } from "./cost.mjs";
import { markdown } from "./markdown.mjs";

const here = new URL("../", import.meta.url);

/** The committed runs whose files begin with `prefix`, the oldest Node first. */
async function readRuns(prefix) {
  const folder = new URL("results/", here);
  const pattern = new RegExp(`^${prefix}\\d+\\.json$`);
  const names = existsSync(folder) ? (await readdir(folder)).filter((name) => pattern.test(name)) : [];
  const runs = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(new URL(`results/${name}`, here), "utf8"))),
  );
  return runs.toSorted((a, b) => Number.parseInt(a.node, 10) - Number.parseInt(b.node, 10));
}

function targetTable(runs, targets) {
  const judged = runs.map((run) => new Map(judge(targets, run.rows).map((target) => [target.id, target])));
  const headings = [
    "workload",
    "measure",
    "target",
    ...runs.flatMap(({ node }) => [`Node ${node}`, "what the floor reaches"]),
  ];
  const lines = targets.map((target) => [
    target.workload,
    target.measure,
    boundOf(target),
    ...judged.flatMap((run) => {
      const found = run.get(target.id);
      if (found === undefined) return ["not run", ""];
      return [[valueOf(found), verdictOf(found)].filter((text) => text !== "").join(", "), floorReaches(found)];
    }),
  ]);
  return markdown(headings, lines, 3);
}

function section(run) {
  const { cpu, cores, memoryGigabytes, system } = run.machine;
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `## Node ${run.node}`,
    `${run.date.slice(0, 10)}, ${cpu}, ${cores} cores, ${memoryGigabytes} GB, ${system}; V8 ${run.v8}${run.commit === undefined ? "" : `; commit ${run.commit}`}. ${versions.join(", ")}.`,
    ...(run.quick ? ["**A quick run: these figures are not for comparing.**"] : []),
    ...run.rows.flatMap((row) => {
      const { headings, lines } = tableOf(row);
      const remarks = remarksOf(row).map((remark) => `- ${remark}`);
      return [
        `### ${row.title}`,
        ...(lines.length === 0 ? [] : [markdown(headings, lines)]),
        ...(remarks.length === 0 ? [] : [remarks.join("\n")]),
      ];
    }),
  ].join("\n\n");
}

/** The files that the runs make, by their paths in this folder. */
export async function render() {
  const runs = await readRuns("node-");
  const costs = await readRuns("cost-node-");
  const targets = await readTargets();
  const newest = runs.at(-1);
  const charts = newest === undefined ? [] : chartsOf(newest);
  const parts = [
    "# Results",
    "Made by `npm run bench -- --publish` from the runs in `results/`; [README.md](README.md) says how they are measured. A ratio is the median of the rounds' ratios; `+-` is half of the range of the runs.",
    ...charts.map(({ file, title }) => `![${title}](charts/${file})`),
    "## Targets",
    "The floor is the same bytes through a bare socket, without MQTT. What it reaches is its own figure in the place of ours: a target that even it misses is marked as out of reach; two figures closer than their spread are equal.",
    targetTable(runs, targets),
    ...(runs.length === 0 ? ["No run is committed."] : runs.map(section)),
  ];
  return {
    "RESULTS.md": `${parts.join("\n\n")}\n`,
    "COST.md": fillIn(await readFile(new URL("COST.md", here), "utf8"), {
      runs: whereAndWhen(costs),
      ...stageTables(costs),
      steps: stepTable(costs),
      missed: missedTargets(runs, targets),
    }),
    ...Object.fromEntries(charts.map(({ file, svg }) => [`charts/${file}`, svg])),
  };
}

export async function publish() {
  const files = await render();
  await mkdir(new URL("charts/", here), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await writeFile(new URL(path, here), text);
    console.log(`benchmarks/${path}`);
  }
}
