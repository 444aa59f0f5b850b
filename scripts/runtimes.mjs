// SPDX-License-Identifier: Apache-2.0
// npm run runtimes [-- NAME ...]: the conformance suite, against TestBroker and with the built packages, on every runtime we support.
// The runtimes come from npm. Prints one table; ends with 0 only if every one was found and nothing failed.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./command.mjs";

const platform = process.platform === "win32" ? "win" : process.platform;
const nodeOf = (major) => ({
  name: `Node ${major}`,
  version: `Node ${major}.`,
  // The package `node` would need an install script, and without it npm quietly runs the Node that is there.
  packages: `node-${platform}-${process.arch}@${major}`,
  command: ["node"],
});
const RUNTIMES = [
  nodeOf(20),
  nodeOf(22),
  nodeOf(24),
  nodeOf(26),
  { name: "Bun", version: "Bun 1.", packages: "bun@1.4.5", command: ["bun", "run"] },
  { name: "Deno", version: "Deno 2.", packages: "deno@2.9.6", command: ["deno", "run", "--allow-all", "--no-lock"] },
];

/** A runtime that takes longer hangs, milliseconds. */
const LIMIT = 5 * 60_000;

const wanted = process.argv.slice(2).map((name) => name.toLowerCase());
const strange = wanted.find((name) => RUNTIMES.every((runtime) => runtime.name.toLowerCase() !== name));
if (strange !== undefined) {
  console.error(`there is no runtime ${strange}: ${RUNTIMES.map(({ name }) => `"${name}"`).join(" ")}`);
  process.exit(1);
}

const conformance = join(root, "conformance");
// Beside the sources, so that each runtime finds `@mqttv5/*` by itself, with the conditions it has, and the certificates are found.
const suite = join(conformance, "dist", "suite.mjs");
await build({
  entryPoints: [join(conformance, "runtimes", "main.ts")],
  outfile: suite,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  external: ["@mqttv5/*"],
  alias: { vitest: join(conformance, "runtimes", "runner.ts") },
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "warning",
});

/** What the runtime's run said in its last line, or why there is none. */
function run({ packages, command }) {
  const started = performance.now();
  return new Promise((done) => {
    const child = spawn("npx", ["--yes", "-p", packages, "--", ...command, suite], {
      cwd: conformance,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT,
      shell: process.platform === "win32", // npx is a .cmd there
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (output += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk) => (errors += chunk));
    child.on("error", (error) => done({ broken: error.message }));
    child.on("close", (code, signal) => {
      const seconds = (performance.now() - started) / 1000;
      const line = output.split("\n").findLast((each) => each.startsWith('{"runtime"'));
      if (line !== undefined) return done({ ...JSON.parse(line), seconds });
      done({ broken: `ended with ${signal ?? code} before its result\n${output}${errors}`.trim() });
    });
  });
}

const rows = [];
let failed = false;
for (const runtime of RUNTIMES) {
  if (wanted.length > 0 && !wanted.includes(runtime.name.toLowerCase())) continue;
  console.log(`${runtime.name} ...`);
  const result = await run(runtime);
  const wrong =
    result.broken ??
    (result.runtime.startsWith(runtime.version) ? undefined : `${result.runtime} ran instead of ${runtime.name}`);
  for (const { title, reason } of result.failures ?? []) console.log(`FAILED ${title}\n${reason}`);
  if (wrong !== undefined) console.log(`FAILED ${runtime.name}: ${wrong}`);
  failed ||= wrong !== undefined || result.failures.length > 0;
  rows.push({
    runtime: result.runtime ?? runtime.name,
    passed: result.passed ?? 0,
    failed: result.failures?.length ?? "not run",
    skipped: result.skipped ?? 0,
    seconds: result.seconds?.toFixed(1) ?? "-",
  });
}

const columns = ["runtime", "passed", "failed", "skipped", "seconds"];
const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))];
const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index].length)));
for (const row of cells) {
  console.log(
    row.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index]))).join("  "),
  );
}
process.exitCode = failed ? 1 : 0;
