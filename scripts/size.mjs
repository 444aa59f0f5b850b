// SPDX-License-Identifier: Apache-2.0
// npm run size [-- --write]: what the packages weigh in a browser, and whether three bundlers make that of them with no plugin beyond what they need
// to find a package. Ends with 1 if something weighs more than size-budgets.json allows, or needs what browsers have not.
// `--write` makes the sizes of now the limits.
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import webpack from "webpack";
import { root } from "./command.mjs";

const budgetFile = join(root, "scripts", "size-budgets.json");
const budgets = JSON.parse(readFileSync(budgetFile, "utf8"));
const folder = join(root, ".size");

/** A folder in which all packages are installed, as built. */
function install() {
  rmSync(folder, { recursive: true, force: true });
  const scope = join(folder, "node_modules", "@mqttv5");
  mkdirSync(scope, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }\n');
  for (const name of ["wire", "core", "codec-json", "codec-msgpack", "transport-ws", "group"]) {
    const from = join(root, "packages", name);
    if (existsSync(from)) symlinkSync(from, join(scope, name), "junction");
  }
  // What is weighed beyond a library needs it by itself too.
  symlinkSync(
    join(root, "packages", "codec-msgpack", "node_modules", "msgpackr"),
    join(folder, "node_modules", "msgpackr"),
    "junction",
  );
}

function entryFile(name, code) {
  const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.js`);
  writeFileSync(file, `${code}\n`);
  return file;
}

async function minified(code) {
  const { code: text } = await esbuild.transform(code, { minify: true, format: "esm", target: "es2022" });
  return text;
}

/** Each bundler as its documentation says for browsers, and what it makes of a file. */
const bundlers = {
  async esbuild(file, external = []) {
    const { outputFiles } = await esbuild.build({
      entryPoints: [file],
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      platform: "browser",
      target: "es2022",
      external,
      logLevel: "error",
    });
    return outputFiles[0].text;
  },
  // Rollup finds no package at all without this plugin of its own.
  async rollup(file, external = []) {
    const bundle = await rollup({
      input: file,
      external,
      plugins: [nodeResolve({ browser: true })],
      logLevel: "silent",
    });
    const { output } = await bundle.generate({ format: "es", inlineDynamicImports: true });
    await bundle.close();
    return minified(output[0].code);
  },
  async webpack(file) {
    const out = `${file}.webpack.js`;
    await new Promise((resolve, reject) => {
      const compiler = webpack({
        mode: "production",
        target: ["web", "es2022"],
        entry: file,
        context: folder,
        output: { path: dirname(out), filename: out.slice(dirname(out).length + 1), library: { type: "module" } },
        experiments: { outputModule: true },
        performance: false,
      });
      compiler.run((error, stats) => {
        const wrong = error ?? (stats.hasErrors() ? new Error(stats.toString("errors-only")) : undefined);
        compiler.close(() => (wrong === undefined ? resolve() : reject(wrong)));
      });
    });
    return readFileSync(out, "utf8");
  },
};

/** What only Node has. Texts are no code, but a `node:` in one is an import. */
function foreign(code) {
  const names = code.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
  const found = ["Buffer", "process", "require"].filter((name) =>
    new RegExp(`(?<![.\\w$#])${name}\\b(?!:)`).test(names),
  );
  if (/["'`]node:/.test(code)) found.push("node:");
  return found;
}

const brotli = (code) => brotliCompressSync(code).length;
const problems = [];
const rows = [["what", "bundler", "minified", "gzip", "brotli", "limit", "target"]];
install();
for (const budget of budgets) {
  const { name, code, without, external, target } = budget;
  const file = entryFile(name, code);
  const rest =
    without === undefined ? 0 : brotli(await bundlers.esbuild(entryFile(`${name}-without`, without), external));
  for (const bundler of budget.bundlers ?? ["esbuild"]) {
    let text;
    try {
      text = await bundlers[bundler](file, external);
    } catch (error) {
      problems.push(`${bundler} can't bundle ${name}: ${error.message}`);
      continue;
    }
    // A library may ask for what only Node has, and do without.
    const needs = without === undefined ? foreign(text) : [];
    if (needs.length > 0) problems.push(`${name} by ${bundler} needs ${needs.join(", ")}`);
    const size = brotli(text) - rest;
    if (bundler === "esbuild") {
      if (process.argv.includes("--write")) budget.limit = Math.ceil((size * 1.01) / 50) * 50;
      if (size > budget.limit) problems.push(`${name} is ${size} bytes with brotli, more than its ${budget.limit}`);
    }
    const shown = bundler === "esbuild" ? [budget.limit, `${target}${size > target ? " NOT MET" : ""}`] : ["", ""];
    rows.push([name, bundler, Buffer.byteLength(text), gzipSync(text).length, size, ...shown].map(String));
  }
}
rmSync(folder, { recursive: true, force: true });
if (process.argv.includes("--write")) writeFileSync(budgetFile, `${JSON.stringify(budgets, undefined, 2)}\n`);

const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows) {
  const cells = row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])));
  console.log(cells.join("  ").trimEnd());
}
for (const problem of problems) console.log(`FAILED ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
