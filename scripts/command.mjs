// SPDX-License-Identifier: Apache-2.0
// Child processes, the same way on every platform: a tool is started as `node <its script>`, never through a shell or a .cmd shim.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The script behind the executable `name` (default: the package's own name) of an installed root dependency. */
export function bin(packageName, name = packageName) {
  const folder = join(root, "node_modules", packageName);
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) throw new Error(`${packageName} is not installed: run "npm run bootstrap" first`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  const script = typeof bin === "string" ? bin : bin?.[name];
  if (script === undefined) throw new Error(`${packageName} has no executable named ${name}`);
  return join(folder, script);
}

/** npm's own script: the one that started us, or the one beside this Node. */
export function npm() {
  const ours = process.env.npm_execpath;
  if (ours !== undefined && /npm-cli\.c?js$/.test(ours)) return ours;
  const home = dirname(process.execPath);
  const places = [
    join(home, "node_modules"),
    join(home, "..", "lib", "node_modules"),
    join(home, "..", "share", "nodejs"),
  ];
  const found = places.map((place) => join(place, "npm", "bin", "npm-cli.js")).find(existsSync);
  if (found === undefined) throw new Error(`npm was not found beside ${process.execPath}`);
  return found;
}

function environment(extra) {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", ...extra };
  // turbo looks for pnpm on the PATH; it is one of our devDependencies.
  const path = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  env[path] = [join(root, "node_modules", ".bin"), env[path]].filter(Boolean).join(delimiter);
  return env;
}

/**
 * Runs `node script ...args`. With `show` the output goes straight to ours, otherwise it is collected.
 * Resolves with the exit code (128 and more: ended by a signal, or not to be started) and what was collected.
 */
export function node(script, args = [], { cwd = root, env = {}, show = false, timeout = 0 } = {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd,
      env: environment(env),
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
      timeout,
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk) => (output += chunk));
    child.stderr?.setEncoding("utf8").on("data", (chunk) => (output += chunk));
    child.on("error", (error) => done({ code: 128, output: `${output}${error.message}\n` }));
    child.on("close", (code, signal) => {
      done({ code: code ?? 129, output: signal === null ? output : `${output}(ended by ${signal})\n` });
    });
  });
}
