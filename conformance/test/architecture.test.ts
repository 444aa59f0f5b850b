// SPDX-License-Identifier: Apache-2.0
// Who may import whom, and who may touch the platform. The tables come first; what the words mean is in src/architecture.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  checkLayers,
  checkPackageGraph,
  checkPackageImports,
  checkPure,
  checkTestImports,
  type Layers,
  type PureFiles,
} from "../src/architecture/imports.js";
import { checkLicence, checkManifest, checkPlugin, checkSource } from "../src/architecture/manners.js";
import { pluginsOf } from "../src/architecture/manifests.js";
import { checkEntry, checkPlatform } from "../src/architecture/platform.js";
import { type Manifest, type Package, readPrograms, readWorkspace } from "../src/architecture/workspace.js";

interface Rules {
  /** Bottom-up. A file imports from its own layer and from those below. */
  readonly layers: Layers;
  /** The packages its sources may import. */
  readonly mayImport: readonly string[];
  /** The files that may touch the platform; `undefined`: all of them. */
  readonly platform?: readonly string[];
  readonly pure?: PureFiles;
  /** Files that belong to another entry than `index`. */
  readonly otherEntries?: readonly string[];
  /** `#name` -> the module it stands for in this repository; loaded with import() only. */
  readonly aliases?: Readonly<Record<string, string>>;
}

const rules: Readonly<Record<string, Rules>> = {
  "packages/wire": {
    layers: [["*"], ["packets/*"], ["packet", "encode", "decode", "rewrite"], ["framer"], ["index"]],
    mayImport: [],
    platform: ["utf8"],
  },
  "packages/core": {
    layers: [
      [
        "ambient",
        "errors",
        "buffered-bytes",
        "pending-bytes",
        "check",
        "lazy-map",
        "lazy-set",
        "ring",
        "chain",
        "signal",
        "logger",
        "codec",
        "transport",
        "clock",
        "message",
        "topic-parameters",
      ],
      ["store", "queue", "backoff", "stats", "server-info", "client-state", "callbacks", "publish-options"],
      [
        "memory-store",
        "will",
        "publisher-pool-options",
        "broker-url",
        "broker-list",
        "credentials",
        "refusals",
        "server-redirect",
        "reconnect-delay",
      ],
      ["tcp", "no-tcp", "webcrypto", "page", "diagnostics"],
      ["auth/*"],
      ["session/*", "options"],
      ["subscribe/*", "disconnect-options"],
      [
        "connection/*",
        "publisher",
        "stored-session",
        "store-driver",
        "publisher-pool",
        "waiting-publishes",
        "request",
        "respond",
        "response-channel",
      ],
      ["supervisor"],
      ["lifecycle"],
      ["wiring"],
      ["typed/*"],
      ["client"],
      ["index"],
    ],
    mayImport: ["@mqttv5/wire"],
    platform: ["clock", "tcp", "webcrypto", "page", "diagnostics"],
    pure: {
      files: "session/*",
      mayImport: [
        "session/*",
        "errors",
        "buffered-bytes",
        "pending-bytes",
        "lazy-map",
        "lazy-set",
        "ring",
        "chain",
        "stats",
        "store",
        "@mqttv5/wire",
      ],
    },
    aliases: { "#tcp": "tcp" },
  },
  "packages/testing": {
    layers: [["*"], ["broker/*", "peer/*"], ["index"], ["node", "ws"]],
    mayImport: ["@mqttv5/wire", "ws"],
    platform: ["platform", "node", "ws"],
    otherEntries: ["node", "ws"],
  },
  "packages/codec-json": {
    layers: [["ambient", "standard-schema"], ["error"], ["parse"], ["json"], ["index"]],
    mayImport: ["@mqttv5/core"],
    platform: [],
  },
  "packages/codec-msgpack": {
    layers: [["ambient", "error"], ["structure"], ["options"], ["encodable"], ["msgpack"], ["index"]],
    mayImport: ["@mqttv5/core", "msgpackr"],
    platform: [],
  },
  "packages/transport-ws": {
    layers: [
      ["error", "options"],
      ["handshake"],
      ["node-link", "web-link"],
      ["node-transport", "web-transport"],
      ["index", "web"],
    ],
    mayImport: ["@mqttv5/core", "ws"],
    platform: ["node-link", "node-transport", "web-transport"],
    otherEntries: ["web", "web-transport", "web-link"],
  },
  "packages/group": {
    layers: [
      ["ambient", "success", "topic-hash", "group-error", "member", "group-message"],
      ["group-options", "gather", "group-stats"],
      ["deadline"],
      ["merge", "parts", "publishing"],
      ["group-subscription", "subscribing"],
      ["client-group"],
      ["index"],
    ],
    mayImport: ["@mqttv5/core"],
    platform: [],
  },
};

const root = join(fileURLToPath(import.meta.url), "..", "..", "..");
const packages = readWorkspace(root);
const plugins = pluginsOf(packages);
const published = packages.filter(({ manifest }) => manifest.private !== true);
const manifestOfRoot: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

it("every published package has its rules in this file", () => {
  expect(published.map(({ folder }) => folder).toSorted()).toEqual(Object.keys(rules).toSorted());
});

it("the packages depend on each other without a cycle, dev dependencies included", () => {
  expect(checkPackageGraph(packages)).toEqual([]);
});

it("every program names its licence in its first line", () => {
  const programs = readPrograms(root);
  expect(programs.map(({ path }) => path)).toContain(".ci/run");
  expect(programs.flatMap(checkLicence)).toEqual([]);
});

describe.each(published.map((pkg): [string, Package] => [pkg.folder, pkg]))("%s", (folder, pkg) => {
  const {
    layers,
    mayImport,
    platform,
    pure,
    otherEntries = [],
    aliases = {},
  } = rules[folder] ?? {
    layers: [],
    mayImport: [],
  };

  it("imports downwards only, without a cycle", () => {
    expect(checkLayers(pkg, layers, aliases)).toEqual([]);
  });

  it("imports the packages it may, and declares them", () => {
    expect(checkPackageImports(pkg, mayImport)).toEqual([]);
  });

  it("declares what its tests import", () => {
    expect(checkTestImports(pkg, Object.keys(manifestOfRoot.devDependencies ?? {}))).toEqual([]);
  });

  it("touches the platform in its declared files only", () => {
    expect(platform === undefined ? [] : checkPlatform(pkg, platform)).toEqual([]);
    expect(checkEntry(pkg, otherEntries, aliases)).toEqual([]);
  });

  it("keeps its pure files pure", () => {
    expect(pure === undefined ? [] : checkPure(pkg, pure)).toEqual([]);
  });

  it("has no file that is too long, hides state, says nothing or talks to the console", () => {
    expect(pkg.src.flatMap((file) => checkSource(`${folder}/src`, file))).toEqual([]);
  });

  it("has a manifest fit to publish", () => {
    expect([...checkManifest(pkg), ...(plugins.includes(pkg) ? checkPlugin(pkg) : [])]).toEqual([]);
  });
});
