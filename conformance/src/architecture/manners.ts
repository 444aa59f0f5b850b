// SPDX-License-Identifier: Apache-2.0
// The shape of source files and of published manifests.
import type { SourceFile } from "./source-file.js";
import type { Package, TextFile, Violation } from "./workspace.js";

const SPDX = "SPDX-License-Identifier: Apache-2.0";
const LONGEST_FILE = 400;
const SAYS_NOTHING = /(^|\/)(utils?|helpers?|common|misc|shared)(\.ts$|\/)/;

/** One source file of `src`: says what it is, keeps no hidden state, writes to no console. */
export function checkSource(where: string, file: SourceFile): Violation[] {
  const found: Violation[] = [];
  const at = `${where}/${file.path}`;
  if (file.problem !== undefined) found.push(`${at} can't be parsed: ${file.problem}`);
  found.push(...checkLicence({ path: at, text: file.text }));
  if (SAYS_NOTHING.test(file.path)) found.push(`${at} has a name that says nothing: name it after what it holds`);
  const lines = file.text.split("\n").length - (file.text.endsWith("\n") ? 1 : 0);
  if (lines > LONGEST_FILE) found.push(`${at} has ${lines} lines: past ${LONGEST_FILE} it holds a second concept`);
  for (const { what, line } of file.statements) {
    if (what === "let" || what === "var") found.push(`${at}:${line} keeps state in a module-level ${what}`);
    if (what === "export *") found.push(`${at}:${line} has an export *: name what you export`);
    if (/(^|\/)index\.ts$/.test(file.path) && what !== "re-export" && what !== "export *") {
      found.push(`${at}:${line} is a door: names only, no ${what}`);
    }
  }
  for (const { what, line } of file.globals) {
    if (what.startsWith("console")) found.push(`${at}:${line} writes to the console`);
  }
  return found;
}

/** The licence stands in the first line, or in the second behind a `#!`. */
export function checkLicence({ path, text }: TextFile): Violation[] {
  const [first, second] = text.split("\n", 2);
  const line = first?.startsWith("#!") === true ? second : first;
  const comment = /\.(ts|mjs|js)$/.test(path) ? "//" : "#";
  return line === `${comment} ${SPDX}` ? [] : [`${path} does not start with "${comment} ${SPDX}"`];
}

/** The manifest of a package that is published. */
export function checkManifest(pkg: Package): Violation[] {
  const { manifest, folder, hasReadme } = pkg;
  const found: Violation[] = [];
  const want = (right: boolean, what: string): void => {
    if (!right) found.push(`${folder}/package.json: ${what}`);
  };
  want(manifest.license === "Apache-2.0", 'license must be "Apache-2.0"');
  want(manifest.type === "module", 'type must be "module"');
  want(manifest.sideEffects === false, "sideEffects must be false");
  want(manifest.engines?.["node"] === ">=20.19.0", 'engines.node must be ">=20.19.0"');
  want(manifest.repository?.directory === folder, `repository.directory must be "${folder}"`);
  want(manifest.exports?.["./package.json"] === "./package.json", "exports must offer ./package.json");
  for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
    if (typeof target === "string") continue;
    // "@mqttv5/source" is ours alone: it leads this repository's tests and type-check to the sources.
    const conditions = Object.keys(target).filter((condition) => condition !== "@mqttv5/source");
    want(conditions[0] === "types", `exports["${entry}"] must name types first`);
    want(conditions.at(-1) === "default", `exports["${entry}"] must end with default`);
  }
  if (!hasReadme) found.push(`${folder} has no README.md`);
  return found;
}

/**
 * Which versions of core a plug-in takes. Before 1.0 a caret ends at the next minor, and changesets answers a peer that leaves its range
 * with a major: the range then says where it ends. From core 1.0 on it is `workspace:^`.
 */
const CORE_RANGE = /^>=0\.\d+\.\d+ <1\.0\.0$/;

/** A plug-in takes core from its user: any compatible version, one copy. */
export function checkPlugin(pkg: Package): Violation[] {
  const { dependencies, peerDependencies, devDependencies } = pkg.manifest;
  const found: Violation[] = [];
  if (dependencies?.["@mqttv5/core"] !== undefined)
    found.push(`${pkg.folder} must take core as a peer, not as a dependency`);
  if (!CORE_RANGE.test(peerDependencies?.["@mqttv5/core"] ?? ""))
    found.push(`${pkg.folder} must list core under peerDependencies as >=0.1.0 <1.0.0`);
  if (devDependencies?.["@mqttv5/core"] !== "workspace:^")
    found.push(`${pkg.folder} must list core under devDependencies as workspace:^`);
  return found;
}
