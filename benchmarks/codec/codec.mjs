// SPDX-License-Identifier: Apache-2.0
// @mqttv5/wire beside mqtt-packet in the same process and the same rounds.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { comparisons } from "./cases.mjs";
import { measureBytes, measureTime, median } from "./measure.mjs";
import { assertStrict } from "./table.mjs";

const require = createRequire(import.meta.url);

async function versionOf(name) {
  const folder = name === "@mqttv5/wire" ? new URL("../../packages/wire/package.json", import.meta.url) : undefined;
  return JSON.parse(await readFile(folder ?? require.resolve(`${name}/package.json`), "utf8")).version;
}

async function describe() {
  return {
    date: new Date().toISOString(),
    machine: `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, ${process.platform} ${process.arch}`,
    node: process.version,
    wire: await versionOf("@mqttv5/wire"),
    mqttPacket: await versionOf("mqtt-packet"),
  };
}

/** Both sides of one comparison. The ratio is the median of the rounds' ratios: both sides of it ran in the same second. */
function compare({ name, theirs, ours }, settings) {
  const labels = Object.keys(ours);
  const tasks = [theirs, ...Object.values(ours)];
  const [reference, ...results] = measureTime(tasks, settings);
  const [referenceBytes, ...bytes] = tasks.map(measureBytes);
  return {
    name,
    mqttPacket: { ns: median(reference), bytes: referenceBytes },
    wire: labels.map((label, index) => ({
      label,
      ns: median(results[index]),
      bytes: bytes[index],
      ratio: median(results[index].map((ns, round) => reference[round] / ns)),
    })),
  };
}

function print({ name, mqttPacket, wire }) {
  const line = (label, ns, bytes, ratio) =>
    console.log(`  ${label.padEnd(36)}${ns.padStart(10)}${bytes.padStart(12)}${ratio.padStart(10)}`);
  console.log(`\n${name}`);
  line("", "ns/packet", "B/packet", "ratio");
  line("mqtt-packet", mqttPacket.ns.toFixed(0), mqttPacket.bytes.toFixed(0), "");
  for (const { label, ns, bytes, ratio } of wire) {
    line(`wire, ${label}`, ns.toFixed(1), bytes.toFixed(0), `${ratio.toFixed(1)}x`);
  }
}

export async function run(args) {
  const { values } = parseArgs({ args, options: { quick: { type: "boolean" }, json: { type: "string" } } });
  if (typeof globalThis.gc !== "function") throw new Error("start node with --expose-gc");
  const settings = values.quick ? { rounds: 5, milliseconds: 10 } : { rounds: 21, milliseconds: 30 };
  const { malformed, valid } = await assertStrict();
  const about = await describe();
  console.log(`A PUBLISH of 256 bytes at QoS 1; ${about.date}, ${about.machine}`);
  console.log(`Node ${about.node}, @mqttv5/wire ${about.wire}, mqtt-packet ${about.mqttPacket}`);
  console.log(
    `This build refuses all ${malformed} malformed rows of the byte table and takes all ${valid} valid ones.`,
  );
  console.log(`Median of ${settings.rounds} interleaved rounds; B/packet counts heap and array buffers.`);
  const results = [];
  for (const comparison of comparisons) {
    const result = compare(comparison, settings);
    results.push(result);
    print(result);
  }
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ ...about, malformed, settings, results }, undefined, 2)}\n`);
  }
}
