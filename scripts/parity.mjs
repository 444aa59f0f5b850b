// SPDX-License-Identifier: Apache-2.0
// Which lines of conformance/parity.json are proven. A line counts when a test whose full title, that of the describe
// blocks around it included, cites it ([parity 7], [parity 7, 9], [parity 7-9]) passed in the last run and none that
// cites it failed; a skipped test counts for nothing. So do the decisions on hard questions, [decision 7].
//   npm run parity                      every line
//   npm run parity -- --require 1-26    exit 1 unless these are proven, or explained
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
/** proven, explained, FAILED or unproven */
function verdictOf({ line, explained }) {
  const { passed, failed } = cited.get(line);
  if (failed > 0) return "FAILED";
  if (passed === 0) return "unproven";
  return explained === undefined ? "proven" : "explained";
}
const verdicts = new Map(lines.map((entry) => [entry.line, verdictOf(entry)]));
const having = (verdict, of) => of.filter(({ line }) => verdicts.get(line) === verdict);

const owners = [...new Set(lines.flatMap((line) => line.owners))];
for (const owner of owners) {
  const own = lines.filter((line) => line.owners[0] === owner);
  const explained = having("explained", own).length;
  console.log(
    `${owner}: ${having("proven", own).length} of ${own.length}${explained > 0 ? `, ${explained} explained` : ""}`,
  );
  for (const { line, owners, text, explained } of own) {
    const { passed } = cited.get(line);
    const verdict = verdicts.get(line);
    const also = owners.length > 1 ? ` (also ${owners.slice(1).join(", ")})` : "";
    const tests = passed > 0 ? `  [${passed} tests]` : "";
    console.log(`  ${verdict.padEnd(9)} ${String(line).padStart(3)}  ${text}${also}${tests}`);
    if (explained !== undefined) console.log(`                 because ${explained}`);
  }
}

const required = process.argv.includes("--require") ? numbers(process.argv[process.argv.indexOf("--require") + 1]) : [];
const settled = new Set([...having("proven", lines), ...having("explained", lines)].map(({ line }) => line));
const missing = required.filter((line) => !settled.has(line));
if (missing.length > 0) console.log(`required and neither proven nor explained: ${missing.join(", ")}`);
console.log(
  `explained: ${
    having("explained", lines)
      .map(({ line }) => line)
      .join(", ") || "none"
  }`,
);
console.log(
  `unproven: ${
    lines
      .filter(({ line }) => !settled.has(line))
      .map(({ line }) => line)
      .join(", ") || "none"
  }`,
);
console.log(`parity: ${having("proven", lines).length} of ${lines.length}`);
process.exitCode = missing.length + unknown > 0 ? 1 : 0;
