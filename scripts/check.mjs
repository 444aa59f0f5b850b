// SPDX-License-Identifier: Apache-2.0
// Checks everything: types, lint, format, packed packages, tests. The last line is `N passed, N failed[, N skipped]`;
// a step that fails (lint, say) counts as one failure beside the failed tests.
import { join } from "node:path";
import { bin, node, root } from "./command.mjs";
import { readReport, runTests } from "./report.mjs";

const steps = [
  { name: "type-check", script: bin("typescript", "tsc"), args: ["-p", "tsconfig.json", "--noEmit"] },
  { name: "lint", script: bin("oxlint"), args: ["--type-aware", "--deny-warnings"] },
  { name: "format", script: bin("@biomejs/biome", "biome"), args: ["format"] },
  { name: "packed packages", script: join(root, "scripts", "pack-check.mjs"), args: [], show: true },
  { name: "sizes", script: join(root, "scripts", "size.mjs"), args: [], show: true },
  { name: "examples", script: join(root, "scripts", "examples.mjs"), args: [], show: true },
];

/** A step that takes longer hangs, milliseconds. */
const STEP_LIMIT = 5 * 60_000;

const failedSteps = [];
console.log(`checks on Node ${process.versions.node}, ${process.platform} ${process.arch}`);
for (const { name, script, args, show = false } of steps) {
  const start = performance.now();
  const { code, output } = await node(script, args, { show, timeout: STEP_LIMIT });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (code !== 0) {
    failedSteps.push(name);
    if (output !== "") console.log(output.trimEnd());
  }
}

const exitCode = await runTests();
const report = readReport();
const count = { passed: 0, failed: 0, skipped: 0 };
const skips = new Map();
for (const { file, suite, title, status, reason } of report?.tests ?? []) {
  if (status === "passed") count.passed++;
  else if (status === "failed") count.failed++;
  else {
    count.skipped++;
    const what = `${file}: ${suite[0] ?? title}${reason === undefined ? "" : ` (${reason})`}`;
    skips.set(what, (skips.get(what) ?? 0) + 1);
  }
}
const broken = report?.brokenFiles ?? [];
for (const { file, message } of broken) failedSteps.push(`${file} ${message.split("\n")[0]}`);
if (report === undefined) failedSteps.push("vitest wrote no report");
else if (count.passed === 0) failedSteps.push("no test passed");
else if (exitCode !== 0 && count.failed + broken.length === 0) failedSteps.push(`vitest ended with ${exitCode}`);

for (const [what, times] of skips) console.log(`skipped ${times} in ${what}`);
for (const step of failedSteps) console.log(`failed: ${step}`);
const failed = count.failed + failedSteps.length;
console.log(`${count.passed} passed, ${failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
