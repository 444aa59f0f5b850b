// SPDX-License-Identifier: Apache-2.0
// The rules of the architecture test, fed with what they must find. Without these a rule that finds nothing looks kept.
import { describe, expect, it } from "vitest";
import {
  checkLayers,
  checkPackageGraph,
  checkPackageImports,
  checkPure,
  checkTestImports,
} from "../src/architecture/imports.js";
import { checkLicence, checkManifest, checkPlugin, checkSource } from "../src/architecture/manners.js";
import { checkEntry, checkPlatform } from "../src/architecture/platform.js";
import { readSource } from "../src/architecture/source-file.js";
import type { Manifest, Package } from "../src/architecture/workspace.js";

type Sources = Readonly<Record<string, string>>;

function plant(src: Sources, manifest: Partial<Manifest> = {}, test: Sources = {}): Package {
  const read = (files: Sources) => Object.entries(files).map(([path, text]) => readSource(path, text));
  return {
    folder: "p",
    manifest: { name: "@mqttv5/p", ...manifest },
    src: read(src),
    test: read(test),
    hasReadme: true,
  };
}

const layers = [["errors", "clock"], ["session/*"], ["client"], ["index"]];

describe("layers", () => {
  const find = (src: Sources, aliases = {}) => checkLayers(plant(src), layers, aliases);

  it("lets a file import its own layer and those below", () => {
    const client = 'import { a } from "./errors.js"; import type { b } from "./session/send.js";';
    const send = 'import { a } from "../errors.js"; import { c } from "./ids.js";';
    expect(find({ "errors.ts": "", "client.ts": client, "session/send.ts": send, "session/ids.ts": "" })).toEqual([]);
  });

  it.each([
    ["an import", 'import { a } from "../client.js";'],
    ["a type import", 'import type { a } from "../client.js";'],
    ["an inline type import", 'import { type a } from "../client.js";'],
    ["a side-effect import", 'import "../client.js";'],
    ["a re-export", 'export { a } from "../client.js";'],
    ["an export *", 'export * from "../client.js";'],
    ["an import()", 'const a = import("../client.js");'],
    ["an import type", 'type A = import("../client.js").A;'],
  ])("finds %s that goes upwards", (_, text) => {
    const found = find({ "session/send.ts": `\n${text}`, "client.ts": "" });
    expect(found).toEqual(["p/src/session/send.ts:2 imports upwards: session/send (layer 1) -> client (layer 2)"]);
  });

  it("is not misled by comments, strings and templates", () => {
    const text = [
      '// import "../client.js";',
      '/* import "../client.js"; */',
      "const a = 'import \"../client.js\"';",
      'const b = `import "../client.js" ${"import \\"../client.js\\""}`;',
      "const c = /import '..\\/client.js'/;",
    ].join("\n");
    expect(find({ "session/send.ts": text, "client.ts": "" })).toEqual([]);
  });

  it("asks where a new file belongs", () => {
    expect(find({ "brand-new.ts": "" })[0]).toMatch(/brand-new\.ts has no place: add it to the layer/);
  });

  it("finds a cycle inside a layer, type imports included", () => {
    const found = find({ "errors.ts": 'import "./clock.js";', "clock.ts": 'import type { a } from "./errors.js";' });
    expect(found).toEqual(["p/src has a cycle of imports: errors -> clock -> errors"]);
  });

  it("finds a way out of the package, a missing file and a missing .js", () => {
    const found = find({
      "client.ts": 'import "../../wire/src/a.js"; import "./gone.js"; import "./errors";',
      "errors.ts": "",
    });
    expect(found).toHaveLength(3);
    expect(found.join()).toMatch(/outside the package.*does not exist.*with \.js/);
  });

  it("lets a platform file be loaded by its # name with import() only", () => {
    const table = [["tcp"], ["client"]];
    const ask = (text: string) => checkLayers(plant({ "tcp.ts": "", "client.ts": text }), table, { "#tcp": "tcp" });
    expect(ask('const load = () => import("#tcp");')).toEqual([]);
    expect(ask('import { dial } from "#tcp";')[0]).toMatch(/statically/);
    expect(ask('import { dial } from "./tcp.js";')[0]).toMatch(/"#" import/);
  });
});

describe("pure files", () => {
  const rule = { files: "session/*", mayImport: ["session/*", "errors", "@mqttv5/wire"] };
  const find = (text: string) => checkPure(plant({ "session/send.ts": text, "session/ids.ts": "" }), rule);

  it("may import what is listed", () => {
    const text = 'import "../errors.js"; import "./ids.js"; import { a } from "@mqttv5/wire"; export const x = 1;';
    expect(find(text)).toEqual([]);
  });

  it.each([
    ['import type { Clock } from "../clock.js";', /imports clock/],
    ['import { a } from "node:fs";', /imports node:fs/],
    ["export async function a() {}", /async or await/],
    ["export const a = async () => {};", /async or await/],
    ["export const a = { async b() {} };", /async or await/],
    ["export const a = Promise.resolve();", /Promise/],
    ["export let a: Promise<void>;", /Promise/],
  ])("finds %s", (text, message) => {
    expect(find(text)[0]).toMatch(message);
  });
});

describe("packages", () => {
  it("finds a cycle made by a dev dependency", () => {
    const a = plant({}, { name: "a", devDependencies: { b: "workspace:^" } });
    const b = plant({}, { name: "b", peerDependencies: { a: "workspace:^" } });
    expect(checkPackageGraph([a, b])).toEqual(["the packages have a cycle: a -> b -> a"]);
    expect(checkPackageGraph([a, plant({}, { name: "b" })])).toEqual([]);
  });

  it("finds a third-party dependency and its import", () => {
    const found = checkPackageImports(plant({ "a.ts": 'import x from "ms";' }, { dependencies: { ms: "^2" } }), []);
    expect(found).toEqual([
      "p/package.json depends on ms; allowed: nothing",
      "p/src/a.ts:1 imports ms; allowed: nothing",
    ]);
  });

  it("finds an import that is allowed and not declared, and one past the door", () => {
    const text = 'import type { Packet } from "@mqttv5/wire"; import "@mqttv5/wire/dist/reader.js";';
    const ask = (manifest: Partial<Manifest>) =>
      checkPackageImports(plant({ "a.ts": text }, manifest), ["@mqttv5/wire"]);
    expect(ask({}).join()).toMatch(/does not declare/);
    expect(ask({ dependencies: { "@mqttv5/wire": "workspace:^" } })).toEqual([
      "p/src/a.ts:1 imports @mqttv5/wire/dist/reader.js: go through the package's door",
    ]);
  });

  it("finds a # import that the manifest does not map", () => {
    expect(checkPackageImports(plant({ "a.ts": 'import("#tcp");' }), [])[0]).toMatch(/does not map/);
    expect(checkPackageImports(plant({ "a.ts": 'import("#tcp");' }, { imports: { "#tcp": {} } }), [])).toEqual([]);
  });

  it("finds a test that imports what nobody declares", () => {
    const pkg = plant(
      {},
      { devDependencies: { zod: "4" } },
      { "a.test.ts": 'import "zod"; import "vitest"; import "ms";' },
    );
    expect(checkTestImports(pkg, ["vitest"])).toEqual(["p/test/a.test.ts:1 imports ms, which nothing declares"]);
  });
});

describe("platform", () => {
  const find = (text: string, path = "session.ts") => checkPlatform(plant({ [path]: text }), ["clock"]);

  it.each([
    ['import { readFile } from "node:fs";', "node:fs"],
    ['import type { Socket } from "net";', "net"],
    ['const net = await import("node:net");', "node:net"],
    ["export const a = process.pid;", "process"],
    ["export const a = Buffer.alloc(1);", "Buffer"],
    ["export let a: Buffer;", "Buffer"],
    ["export let a: NodeJS.Timeout;", "NodeJS"],
    ["setTimeout(() => {}, 1);", "setTimeout"],
    ["const { a = setInterval } = {};", "setInterval"],
    ["const a = { setImmediate };", "setImmediate"],
    ["queueMicrotask(() => {});", "queueMicrotask"],
    ["export const a = Date.now();", "Date.now"],
    ["export const a = new Date();", "new Date()"],
    ["const D = Date;", "Date"],
    ["export const a = performance.now();", "performance"],
    ["export const a = Math.random();", "Math.random"],
    ["const { random } = Math;", "Math"],
    ["crypto.getRandomValues(new Uint8Array(1));", "crypto"],
    ['document.addEventListener("x", () => {});', "document"],
    ["if (navigator.onLine) {}", "navigator"],
    ["globalThis.x;", "globalThis"],
    ['export const a = `${globalThis["x"]}`;', "globalThis"],
    ["export const a = typeof window;", "window"],
    ["AbortSignal.timeout(5);", "AbortSignal.timeout"],
    ["declare const setTimeout: () => void; setTimeout();", "setTimeout"],
    ['fetch("x");', "fetch"],
  ])("finds %s", (text, what) => {
    const found = find(`\n${text}`);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toMatch(/^p\/src\/session\.ts:2 (uses|imports) /);
    expect(found[0]).toContain(` ${what}: only in clock`);
  });

  it.each([
    "// setTimeout, Date.now() and process\nexport const a = 1;",
    "/** Not a Buffer. */ export const a = 'process.env';",
    "export const a = `setTimeout ${1} Math.random()`;",
    "export const a = /Date.now/;",
    "export interface Clock { setTimeout(run: () => void): void; performance: number; now: Clock['performance'] }",
    "export class A { process(): void {} static Buffer = 1; } new A().process();",
    "export const run = (clock: { setTimeout(ms: number): void }) => clock.setTimeout(1);",
    "export const a = (process: number) => process + 1;",
    "export const a = { window: 10 }; export const b = a.window; const { window: w } = a;",
    "export const at = (ms: number): Date => new Date(ms); export const n = Math.max(1, 2);",
    "export const stop = (signal: AbortSignal): boolean => signal.aborted;",
    "import { performance } from './clock.js'; export const now = performance.now();",
  ])("leaves alone %s", (text) => {
    expect(find(text)).toEqual([]);
  });

  it("lets the declared files do it", () => {
    expect(find("export const now = () => performance.now();", "clock.ts")).toEqual([]);
  });

  it("finds a file of another entry behind the main one", () => {
    const src = { "index.ts": 'export { a } from "./a.js";', "a.ts": 'import "./node.js";', "node.ts": "" };
    expect(checkEntry(plant(src), ["node"], {})).toEqual([
      "p/src/index.ts reaches node, which belongs to another entry",
    ]);
    expect(checkEntry(plant({ ...src, "a.ts": "" }), ["node"], {})).toEqual([]);
  });
});

describe("manners", () => {
  const spdx = "// SPDX-License-Identifier: Apache-2.0\n";
  const find = (text: string, path = "session.ts") => checkSource("p/src", readSource(path, text));

  it.each([
    ["a missing licence line", "export const a = 1;", "a.ts", /does not start with/],
    ["a module-level let", `${spdx}let count = 0;`, "a.ts", /a\.ts:2 .*module-level let/],
    ["an exported let", `${spdx}export let count = 0;`, "a.ts", /module-level let/],
    ["a module-level var", `${spdx}var count = 0;`, "a.ts", /module-level var/],
    ["the console", `${spdx}console.log("x");`, "a.ts", /console/],
    ["an export *", `${spdx}export * from "./a.js";`, "a.ts", /export \*/],
    ["an export * behind the door", `${spdx}export * as a from "./a.js";`, "index.ts", /export \*/],
    ["logic in the door", `${spdx}export const a = 1;`, "index.ts", /door/],
    ["an import in the door", `${spdx}import "./a.js";`, "index.ts", /door/],
    ["401 lines", spdx + "//\n".repeat(400), "a.ts", /401 lines/],
    ["a file named utils", spdx, "utils.ts", /says nothing/],
    ["a folder named helpers", spdx, "helpers/a.ts", /says nothing/],
    ["what can't be parsed", `${spdx}const = 1;`, "a.ts", /can't be parsed/],
  ])("finds %s", (_, text, path, message) => {
    expect(find(text, path).join("\n")).toMatch(message);
  });

  it("looks for the licence behind a #! and in the comments of the language", () => {
    const line = "SPDX-License-Identifier: Apache-2.0";
    expect(checkLicence({ path: ".ci/run", text: `#!/bin/sh\n# ${line}\n` })).toEqual([]);
    expect(checkLicence({ path: "a.yml", text: `# ${line}\n` })).toEqual([]);
    expect(checkLicence({ path: "a.mjs", text: `# ${line}\n` })).toHaveLength(1);
    expect(checkLicence({ path: "a.yml", text: `name: a\n# ${line}\n` })).toHaveLength(1);
  });

  it("is content with a well-made file", () => {
    expect(find(`${spdx}export { a, type B } from "./a.js";`, "index.ts")).toEqual([]);
    expect(find(`${spdx}export function f(): void { let a = 1; a++; }\n${"//\n".repeat(398)}`)).toEqual([]);
    expect(find(`${spdx}export const note = (console: string): string => console;`)).toEqual([]);
  });

  const manifest: Manifest = {
    name: "@mqttv5/p",
    license: "Apache-2.0",
    type: "module",
    sideEffects: false,
    engines: { node: ">=20.19.0" },
    repository: { directory: "p" },
    exports: {
      ".": { "@mqttv5/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./package.json": "./package.json",
    },
  };

  it.each<[string, Partial<Manifest>, RegExp]>([
    ["another licence", { license: "MIT" }, /license/],
    ["CommonJS", { type: "commonjs" }, /type/],
    ["side effects", { sideEffects: true }, /sideEffects/],
    ["another Node", { engines: { node: ">=18" } }, /engines/],
    ["another folder", { repository: { directory: "q" } }, /directory/],
    ["types second", { exports: { ".": { default: "./a.js", types: "./a.d.ts" } } }, /types first/],
    ["no default", { exports: { ".": { types: "./a.d.ts", import: "./a.js" } } }, /default/],
    ["a hidden package.json", { exports: { ".": { types: "./a.d.ts", default: "./a.js" } } }, /package\.json/],
  ])("finds a manifest with %s", (_, change, message) => {
    expect(checkManifest(plant({}, manifest))).toEqual([]);
    expect(checkManifest(plant({}, { ...manifest, ...change })).join("\n")).toMatch(message);
  });

  it("finds a package without a README", () => {
    expect(checkManifest({ ...plant({}, manifest), hasReadme: false })).toEqual(["p has no README.md"]);
  });

  it("finds a plug-in that brings its own core", () => {
    const core = { "@mqttv5/core": "workspace:^" };
    const range = { "@mqttv5/core": ">=0.1.0 <1.0.0" };
    expect(checkPlugin(plant({}, { peerDependencies: range, devDependencies: core }))).toEqual([]);
    expect(checkPlugin(plant({}, { peerDependencies: core, devDependencies: core }))).toHaveLength(1);
    expect(checkPlugin(plant({}, { dependencies: core })).join()).toMatch(
      /as a peer.*peerDependencies.*devDependencies/,
    );
  });
});
