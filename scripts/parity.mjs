// SPDX-License-Identifier: Apache-2.0
// Which lines of conformance/parity.json are proven. A line counts when a test whose full title, that of the describe
// blocks around it included, cites it ([parity 7], [parity 7, 9], [parity 7-9]) passed in the last run and none that
// cites it failed; a skipped test counts for nothing. So do the decisions on hard questions, [decision 7].
//   npm run parity                      every line
//   npm run parity -- --require 1-26    exit 1 unless these are proven
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "./command.mjs";
import { readReport, reportFile, runTests } from "./report.mjs";

/** "7, 9-11" -> [7, 9, 10, 11] */
function numbers(list) {
  return list.split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map((side) => Number.parseInt(side, 10));
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function reportIsCurrent() {
  if (!existsSync(reportFile)) return false;
  const written = statSync(reportFile).mtimeMs;
  const packages = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
  const folders = [...packages, join(root, "conformance")].flatMap((home) => [join(home, "src"), join(home, "test")]);
  return folders.filter(existsSync).every((folder) => {
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return [".", ...files].every((file) => statSync(join(folder, file)).mtimeMs <= written);
  });
}

if (!reportIsCurrent()) {
  console.log("no report of these sources: running the tests\n");
  await runTests();
}
const report = readReport();
if (report === undefined) throw new Error("the tests left no report");

const lines = JSON.parse(readFileSync(join(root, "conformance", "parity.json"), "utf8"));
const cited = new Map(lines.map(({ line }) => [line, { passed: 0, failed: 0 }]));
let unknown = 0;
for (const { file, suite, title, status } of report.tests) {
  for (const [, list] of [...suite, title].join(" ").matchAll(/\[parity ([\d\s,-]+)\]/g)) {
    for (const line of numbers(list)) {
      const count = cited.get(line);
      if (count === undefined) {
        unknown++;
        console.log(`no such line: [parity ${line}] in ${file}: ${title}`);
      } else if (status === "passed") count.passed++;
      else if (status === "failed") count.failed++;
    }
  }
}
const proven = new Set([...cited].filter(([, count]) => count.passed > 0 && count.failed === 0).map(([line]) => line));

const owners = [...new Set(lines.flatMap((line) => line.owners))];
for (const owner of owners) {
  const own = lines.filter((line) => line.owners[0] === owner);
  const done = own.filter(({ line }) => proven.has(line));
  console.log(`${owner}: ${done.length} of ${own.length}`);
  for (const { line, owners, text } of own) {
    const count = cited.get(line);
    const verdict = proven.has(line) ? "proven  " : count.failed > 0 ? "FAILED  " : "unproven";
    const also = owners.length > 1 ? ` (also ${owners.slice(1).join(", ")})` : "";
    console.log(
      `  ${verdict} ${String(line).padStart(3)}  ${text}${also}${count.passed > 0 ? `  [${count.passed} tests]` : ""}`,
    );
  }
}

/** Decision -> whether every test that names it passed. */
const decisions = new Map();
for (const { suite, title, status } of report.tests) {
  if (status !== "passed" && status !== "failed") continue;
  for (const [, number] of [...suite, title].join(" ").matchAll(/\[decision (\d+)\]/g)) {
    decisions.set(Number(number), status === "passed" && (decisions.get(Number(number)) ?? true));
  }
}
const kept = [...decisions].filter(([, passed]) => passed).map(([number]) => number);
console.log(`decisions named by tests that passed: ${kept.toSorted((a, b) => a - b).join(", ")}`);

const required = process.argv.includes("--require") ? numbers(process.argv[process.argv.indexOf("--require") + 1]) : [];
const missing = required.filter((line) => !proven.has(line));
if (missing.length > 0) console.log(`required and not proven: ${missing.join(", ")}`);
console.log(`parity: ${proven.size} of ${lines.length}`);
process.exitCode = missing.length + unknown > 0 ? 1 : 0;
