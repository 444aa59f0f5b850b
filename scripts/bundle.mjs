// SPDX-License-Identifier: Apache-2.0
// Makes the JavaScript of the package in the current folder: one file for each entry that its manifest names, because a hundred
// small files take longer to find and open than to run. Names stay readable, for stack traces; the declarations come from tsc.
import { readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { exports, imports = {} } = JSON.parse(readFileSync("package.json", "utf8"));

/** Every built file that the manifest leads to, whatever the condition. */
function targets(entry) {
  if (typeof entry === "object") return Object.values(entry).flatMap(targets);
  return /^\.\/dist\/.*\.js$/.test(entry) ? [entry] : [];
}

// Whatever an earlier build left must not be published.
rmSync("dist", { recursive: true, force: true });

for (const target of new Set(targets({ ...exports, ...imports }))) {
  await build({
    entryPoints: [target.replace("./dist/", "./src/").replace(/\.js$/, ".ts")],
    outfile: target,
    bundle: true,
    packages: "external",
    external: Object.keys(imports),
    format: "esm",
    platform: "neutral",
    target: "es2022",
    sourcemap: true,
    sourcesContent: false, // the sources are in the package
    logLevel: "warning",
  });
}
