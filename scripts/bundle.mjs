// SPDX-License-Identifier: Apache-2.0
// Makes the JavaScript of the package in the current folder: one file for each entry that its manifest names, because a hundred
// small files take longer to find and open than to run. Names stay readable, for stack traces; the declarations come from tsc.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { build } from "esbuild";

const { exports, imports = {} } = JSON.parse(readFileSync("package.json", "utf8"));

/** Every built file that the manifest leads to, whatever the condition. */
function targets(entry) {
  if (typeof entry === "object") return Object.values(entry).flatMap(targets);
  return /^\.\/dist\/.*\.js$/.test(entry) ? [entry] : [];
}

// Whatever an earlier build left must not be published.
rmSync("dist", { recursive: true, force: true });

/**
 * esbuild makes `var` of every `const` at the top of a module, and V8 then reads anew, on each use, what it would compile in as
 * a constant: a decoded PUBLISH takes longer. No module of ours has a variable at its top. The length stays the
 * same, so that the source map still fits.
 */
function constants(code) {
  return code.replace(/^var ([\w$]+) = /gm, "const $1=");
}

/**
 * Without the comments that stand on lines of their own: V8 would read them at each start, and a single character beyond Latin-1
 * makes it hold all of the text in two bytes a character. The lines stay, empty, so that the source map still fits; the comments
 * are in `src` and in the declarations.
 */
function code(source) {
  return source.replace(/^ *(?:\/\*\*[^]*?\*\/|\/\/.*)$/gm, (comment) => comment.replace(/[^\n]+/g, ""));
}

const withoutComments = {
  name: "without-comments",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({ contents: code(readFileSync(path, "utf8")), loader: "ts" }));
  },
};

/** `index-browser.js` is `index.ts` as it is where there certainly is nothing of Node. */
const BROWSER = /-browser\.js$/;

for (const target of new Set(targets({ ...exports, ...imports }))) {
  const { outputFiles } = await build({
    entryPoints: [target.replace("./dist/", "./src/").replace(BROWSER, ".js").replace(/\.js$/, ".ts")],
    define: BROWSER.test(target) ? { "globalThis.Buffer": "undefined" } : {},
    outfile: target,
    bundle: true,
    write: false,
    packages: "external",
    external: Object.keys(imports),
    format: "esm",
    platform: "neutral",
    target: "es2022",
    plugins: [withoutComments],
    sourcemap: true,
    sourcesContent: false, // the sources are in the package
    logLevel: "warning",
  });
  mkdirSync(dirname(target), { recursive: true });
  for (const { path, text } of outputFiles) writeFileSync(path, path.endsWith(".js") ? constants(text) : text);
}
