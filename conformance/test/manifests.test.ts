// SPDX-License-Identifier: Apache-2.0
// What the packages' manifests have to agree on, whichever packages there are. The rules are fed with what they must find, too.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkForeign, checkPeers, checkPublished, pluginsOf } from "../src/architecture/manifests.js";
import { readSource } from "../src/architecture/source-file.js";
import { type Manifest, type Package, readWorkspace } from "../src/architecture/workspace.js";

const root = join(fileURLToPath(import.meta.url), "..", "..", "..");
const packages = readWorkspace(root);
const published = packages.filter(({ manifest }) => manifest.private !== true);
const manifestOfRoot: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const core = published.find(({ folder }) => folder === "packages/core") as Package;
const json = published.find(({ folder }) => folder === "packages/codec-json") as Package;

describe("the packages of this repository", () => {
  it("are all published from packages, and nothing else is", () => {
    expect(published.filter(({ folder }) => !folder.startsWith("packages/"))).toEqual([]);
    expect(published.length).toBeGreaterThanOrEqual(4);
  });

  it.each(published.map((pkg): [string, Package] => [pkg.folder, pkg]))(
    "%s says what the others say",
    (folder, pkg) => {
      expect(checkPublished(pkg, manifestOfRoot, core.manifest)).toEqual([]);
      expect(readFileSync(join(root, folder, "NOTICE"), "utf8")).toBe(readFileSync(join(root, "NOTICE"), "utf8"));
      const sources = Object.values(pkg.manifest.exports ?? {}).flatMap((target) => {
        return [...JSON.stringify(target).matchAll(/\.\/src\/[^"]+/g)].map(([path]) => path);
      });
      expect(sources.length).toBeGreaterThan(0);
      expect(sources.filter((path) => !existsSync(join(root, folder, path)))).toEqual([]);
    },
  );

  it("take core as a peer in the same versions, and none brings its own [decision 22]", () => {
    const plugins = pluginsOf(packages).map(({ folder }) => folder);
    expect(plugins).toContain("packages/codec-json");
    expect(plugins).not.toContain("packages/testing");
    expect(checkPeers(packages)).toEqual([]);
  });

  it("want one version of what comes from outside", () => {
    expect(checkForeign([manifestOfRoot, ...packages.map(({ manifest }) => manifest)])).toEqual([]);
  });

  it("are listed on the first page and on the map, with a link each", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    const map = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
    for (const { folder, manifest } of published) {
      expect(readme).toContain(`[\`${manifest.name}\`](${folder})`);
      expect(map).toContain(`\`${folder}\``);
    }
  });
});

describe("what the pages tell to type", () => {
  const pages = ["README.md", "CONTRIBUTING.md", "examples/README.md", "benchmarks/README.md"];
  const text = pages.map((page) => readFileSync(join(root, page), "utf8")).join("\n");
  const found = (form: RegExp): string[] => [...new Set([...text.matchAll(form)].map(([, name = ""]) => name))];

  it("names packages that there are", () => {
    const names = published.map(({ manifest }) => manifest.name);
    const installed = found(/`(@mqttv5\/[a-z-]+)`/g);
    expect(installed.length).toBeGreaterThan(4);
    expect(installed.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("names commands that there are", () => {
    const commands = found(/npm run ([a-z:-]+)/g);
    expect(commands.length).toBeGreaterThan(8);
    expect(commands.filter((name) => manifestOfRoot.scripts?.[name] === undefined)).toEqual([]);
  });
});

describe("the rules", () => {
  const changed = (pkg: Package, change: Partial<Manifest>): Package => ({
    ...pkg,
    manifest: { ...pkg.manifest, ...change },
  });
  const source = { "@mqttv5/source": "./src/index.ts" };

  it.each<[string, Partial<Manifest>, RegExp]>([
    ["another name", { name: "@mqttv5/kernel" }, /name/],
    ["a version that is a range", { version: "^1.0.0" }, /version/],
    ["no description", { description: "" }, /description/],
    ["no keywords", { keywords: ["mqtt"] }, /mqtt5, typescript/],
    ["another licence", { license: "MIT" }, /license/],
    ["another Node", { engines: { node: ">=22" } }, /engines/],
    ["another repository", { repository: { type: "git", url: "https://example.invalid/x.git" } }, /repository/],
    ["no NOTICE", { files: ["dist", "src", "!**/*.tsbuildinfo"] }, /files/],
    ["tests in the package", { files: ["dist", "src", "test", "NOTICE", "!**/*.tsbuildinfo"] }, /files/],
    ["restricted access", { publishConfig: { access: "restricted" } }, /publishConfig/],
    [
      "no source condition",
      { exports: { ".": { types: "./a.d.ts", default: "./a.js" } } },
      /begin with @mqttv5\/source/,
    ],
    ["types last", { exports: { ".": { ...source, default: "./a.js", types: "./a.d.ts" } } }, /and types/],
    ["a pinned dependency", { dependencies: { ws: "8.23.0" } }, /ws must have a caret/],
    ["a fixed version of ours", { dependencies: { "@mqttv5/wire": "workspace:*" } }, /wire must have a caret/],
  ])("find a manifest with %s", (_, change, message) => {
    const found = checkPublished(changed(core, change), manifestOfRoot, core.manifest);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  const importing = (change: Partial<Manifest>): Package => ({
    ...changed(json, { name: "@mqttv5/other", ...change }),
    folder: "packages/other",
    src: [readSource("index.ts", 'import { MqttError } from "@mqttv5/core";')],
  });
  const workspace = { "@mqttv5/core": "workspace:^" };

  it.each<[string, Partial<Manifest>, RegExp]>([
    ["no peer", { peerDependencies: {} }, /must be a peer/],
    ["another range", { peerDependencies: { "@mqttv5/core": "^0.1.0" } }, /range must be that of packages\/codec-json/],
    ["a core of its own", { dependencies: workspace }, /must not be a dependency/],
    ["a core of its own that may be absent", { optionalDependencies: workspace }, /must not be a dependency/],
    ["no core to be tested with", { devDependencies: {} }, /must be a dev dependency/],
  ])("find a plug-in with %s", (_, change, message) => {
    expect(checkPeers([core, json, importing({})])).toEqual([]);
    const found = checkPeers([core, json, importing(change)]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  it("find plug-ins that leave out the core of today", () => {
    const found = (version: string): string[] => checkPeers([changed(core, { version }), json]);
    expect([found("0.1.0"), found("0.99.9")]).toEqual([[], []]);
    expect(found("1.0.0")).toEqual(["packages/codec-json/package.json: core's range leaves out its version 1.0.0"]);
    expect(found("0.0.9")).toHaveLength(1);
  });

  it("find two versions of one package from outside, and a version outside of the range", () => {
    const wanting = (...versions: string[]): string[] =>
      checkForeign(versions.map((version) => ({ name: "p", devDependencies: { ws: version } })));
    expect(wanting("8.23.0", "^8.23.0", "8.23.0")).toEqual([]);
    expect(wanting("8.23.0", "8.23.1")).toEqual(["ws is wanted as 8.23.0 and 8.23.1"]);
    expect(wanting("^8.23.0", "^8.0.0")).toEqual(["ws is wanted as ^8.23.0 and ^8.0.0"]);
    expect(wanting("8.22.9", "^8.23.0")).toEqual(["ws is 8.22.9 here and ^8.23.0 there"]);
    expect(wanting("9.0.0", "^8.23.0")).toEqual(["ws is 9.0.0 here and ^8.23.0 there"]);
    expect([wanting("0.3.9", "^0.3.2"), wanting("0.4.0", "^0.3.2")].map(({ length }) => length)).toEqual([0, 1]);
  });
});
