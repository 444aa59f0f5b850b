// SPDX-License-Identifier: Apache-2.0
// What the manifests of the workspace have to agree on: what is published looks alike, plug-ins take the same cores, and what is
// brought from outside comes in one version.
import type { Manifest, Package, Violation } from "./workspace.js";

const CORE = "@mqttv5/core";
const OURS = /^@mqttv5\//;

/** What `src` is published for: source maps lead to it. No folder of tests is among them. */
const FILES = ["dist", "src", "NOTICE", "!**/*.tsbuildinfo"];

/** Of every published package. */
const KEYWORDS = ["mqtt", "mqtt5", "typescript"];

/** Packages that are added to core: those of which a source imports it. */
export function pluginsOf(packages: readonly Package[]): Package[] {
  return packages.filter(({ manifest, src }) => {
    const imported = src.flatMap(({ imports }) => imports.map(({ specifier }) => specifier));
    return manifest.private !== true && manifest.name !== CORE && imported.includes(CORE);
  });
}

/** What a published manifest says beside what `checkManifest` asks for. `example` is another one: the two have to agree. */
export function checkPublished({ folder, manifest }: Package, root: Manifest, example: Manifest): Violation[] {
  const found: Violation[] = [];
  const want = (right: boolean, what: string): void => {
    if (!right) found.push(`${folder}/package.json: ${what}`);
  };
  const { name, version = "", description = "", keywords = [], repository, engines, files } = manifest;
  want(name === `@mqttv5/${folder.split("/").at(-1)}`, "name must be that of the folder");
  want(/^\d+\.\d+\.\d+$/.test(version), "version must be three numbers");
  want(/\w{3}/.test(description) && !description.endsWith("."), "description must be one line without a full stop");
  const missing = KEYWORDS.filter((keyword) => !keywords.includes(keyword));
  want(missing.length === 0, `keywords must hold ${missing.join(", ")}`);
  want(engines?.["node"] === root.engines?.["node"], "engines.node must be that of the repository");
  want(manifest.license === root.license, "license must be that of the repository");
  want(
    repository?.type === "git" && repository.url === example.repository?.url,
    "repository must be the same as elsewhere",
  );
  want(JSON.stringify(files) === JSON.stringify(FILES), `files must be ${FILES.join(", ")}`);
  want(manifest.publishConfig?.["access"] === "public", "publishConfig.access must be public");
  for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
    if (typeof target === "string") continue;
    const right = Object.keys(target).join().startsWith("@mqttv5/source,types,");
    want(right, `exports["${entry}"] must begin with @mqttv5/source and types`);
  }
  for (const [needed, range] of Object.entries(manifest.dependencies ?? {})) {
    want(
      OURS.test(needed) ? range === "workspace:^" : /^\^\d/.test(range),
      `dependencies: ${needed} must have a caret`,
    );
  }
  return found;
}

/** Every plug-in takes the same cores, today's among them, and none brings its own. */
export function checkPeers(packages: readonly Package[]): Violation[] {
  const core = packages.find(({ manifest }) => manifest.name === CORE)?.manifest;
  const plugins = pluginsOf(packages);
  const rangeOf = ({ manifest }: Package): string | undefined => manifest.peerDependencies?.[CORE];
  const first = plugins[0];
  return plugins.flatMap((plugin) => {
    const { dependencies = {}, optionalDependencies = {}, devDependencies = {} } = plugin.manifest;
    const range = rangeOf(plugin);
    const found: string[] = [];
    if (range === undefined) found.push("core must be a peer");
    else if (range !== rangeOf(first as Package)) found.push(`core's range must be that of ${first?.folder}`);
    else if (!admits(range, core?.version ?? "")) found.push(`core's range leaves out its version ${core?.version}`);
    if (CORE in dependencies || CORE in optionalDependencies) found.push("core must not be a dependency");
    if (devDependencies[CORE] !== "workspace:^") found.push("core must be a dev dependency, as workspace:^");
    return found.map((what) => `${plugin.folder}/package.json: ${what}`);
  });
}

/** A package from outside has one version wherever one is named, one range wherever a range is, and the version is in the range. */
export function checkForeign(manifests: readonly Manifest[]): Violation[] {
  const named = new Map<string, Set<string>>();
  for (const { dependencies, devDependencies, peerDependencies, optionalDependencies } of manifests) {
    for (const part of [dependencies, devDependencies, peerDependencies, optionalDependencies]) {
      for (const [name, range] of Object.entries(part ?? {})) {
        if (!OURS.test(name)) named.set(name, (named.get(name) ?? new Set()).add(range));
      }
    }
  }
  return [...named].flatMap(([name, all]) => {
    const versions = [...all].filter((range) => /^\d/.test(range));
    const ranges = [...all].filter((range) => !/^\d/.test(range));
    const [version, range] = [versions[0], ranges[0]];
    if (versions.length > 1 || ranges.length > 1) return [`${name} is wanted as ${[...all].join(" and ")}`];
    if (version === undefined || range === undefined || admits(range, version)) return [];
    return [`${name} is ${version} here and ${range} there`];
  });
}

type Version = readonly [major: number, minor: number, patch: number];

function versionIn(text: string): Version | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)$/.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}

function before(one: Version, other: Version): boolean {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && (one[at] as number) < (other[at] as number);
}

/** Whether a range admits a version: `>=1.2.3 <2.0.0` and `^1.2.3` are all that is written here. */
function admits(range: string, text: string): boolean {
  const version = versionIn(text);
  const [, from = "", to] = /^(?:>=|\^)([\d.]+)(?: <([\d.]+))?$/.exec(range) ?? [];
  const least = versionIn(from);
  if (version === undefined || least === undefined) return false;
  const next = least[0] > 0 ? ([least[0] + 1, 0, 0] as const) : ([0, least[1] + 1, 0] as const);
  const end = to === undefined ? next : versionIn(to);
  return end !== undefined && !before(version, least) && before(version, end);
}
