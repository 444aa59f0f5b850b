// SPDX-License-Identifier: Apache-2.0
// The one run of all tests, and the reading of its JSON report.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { bin, node, root } from "./command.mjs";

export const reportFile = join(root, ".reports", "vitest.json");

/** A run that takes longer hangs, milliseconds. */
const RUN_LIMIT = 30 * 60_000;

/** Runs every test of the repository once. Resolves with vitest's exit code. */
export async function runTests() {
  mkdirSync(dirname(reportFile), { recursive: true });
  rmSync(reportFile, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const { code } = await node(bin("vitest"), ["run", ...reporters], { show: true, timeout: RUN_LIMIT });
  return code;
}

/** Every test of the last run: `{ file, title, suite, status }`, and the files that failed without a failing test. */
export function readReport() {
  if (!existsSync(reportFile)) return undefined;
  const { testResults } = JSON.parse(readFileSync(reportFile, "utf8"));
  const tests = [];
  const brokenFiles = [];
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(root, name).replaceAll("\\", "/");
    for (const { title, ancestorTitles, status, meta } of assertionResults) {
      tests.push({ file, title, suite: ancestorTitles.filter(Boolean), status, reason: meta?.skipped });
    }
    if (status === "failed" && !assertionResults.some((result) => result.status === "failed")) {
      brokenFiles.push({ file, message });
    }
  }
  return { tests, brokenFiles };
}
