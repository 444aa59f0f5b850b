// SPDX-License-Identifier: Apache-2.0
// npm run examples [-- NAME ...]: runs `examples/<name>/<name>.mjs`, each in a process of its own, against the broker it brings.
// Prints what those that fail said, and one table; ends with 0 only if every example did.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { node, root } from "./command.mjs";

/** An example that takes longer hangs, milliseconds. */
const LIMIT = 60_000;

const folder = join(root, "examples");
const script = (name) => join(folder, name, `${name}.mjs`);
const all = readdirSync(folder).filter((name) => existsSync(script(name)));
const wanted = process.argv.slice(2);
const strange = wanted.find((name) => !all.includes(name));
if (strange !== undefined) {
  console.error(`there is no example ${strange}: ${all.join(" ")}`);
  process.exit(1);
}

// What they say of the broker they use must not depend on who runs them.
const env = { MQTT_BROKER: "", NO_COLOR: "1" };
const rows = [["example", "exit", "seconds", "shows"]];
let failed = 0;
for (const name of wanted.length > 0 ? wanted : all) {
  const started = performance.now();
  const { code, output } = await node(script(name), [], { env, timeout: LIMIT });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (code !== 0) {
    failed++;
    console.log(`FAILED ${name} (${code})\n${output.trimEnd()}`);
  }
  for (const line of output.split("\n")) if (line.startsWith("skipped ")) console.log(`${name}: ${line}`);
  const { description } = JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8"));
  rows.push([name, String(code), seconds, description]);
}

const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows) {
  const cells = row.map((cell, column) =>
    column === 1 || column === 2 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
  );
  console.log(cells.join("  ").trimEnd());
}
console.log(`${rows.length - 1 - failed} of ${rows.length - 1} examples ended well`);
process.exitCode = failed > 0 ? 1 : 0;
