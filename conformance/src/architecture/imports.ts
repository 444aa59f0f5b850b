// SPDX-License-Identifier: Apache-2.0
// Who may import whom: layers inside a package, and the graph of packages.
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { findCycle } from "./cycles.js";
import type { SourceFile } from "./source-file.js";
import type { Package, Violation } from "./workspace.js";

/** The layers of a package, bottom-up. An entry is a file (`errors`), a folder (`session/*`), or `*`: the files beside. */
export type Layers = readonly (readonly string[])[];

/** Files that may import only what is listed, and may not wait. */
export interface PureFiles {
  readonly files: string;
  readonly mayImport: readonly string[];
}

const moduleName = (path: string): string => path.replace(/(\.d)?\.ts$/, "");

function matches(pattern: string, module: string): boolean {
  if (pattern === "*") return !module.includes("/");
  return pattern.endsWith("/*") ? module.startsWith(pattern.slice(0, -1)) : module === pattern;
}

/** The index of a module's layer: an exact entry wins over a folder, a folder over `*`. -1: nowhere. */
function layerOf(layers: Layers, module: string): number {
  const exact = layers.findIndex((layer) => layer.includes(module));
  return exact === -1 ? layers.findIndex((layer) => layer.some((pattern) => matches(pattern, module))) : exact;
}

/** What a relative specifier means, as a module of the same folder tree; undefined when it leaves it. */
function resolveRelative(from: SourceFile, specifier: string): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(from.path), specifier));
  return target.startsWith("..") ? undefined : target.replace(/\.js$/, "");
}

const isRelative = (specifier: string): boolean => specifier.startsWith(".");

/** Module -> modules of the same package it imports; `aliases` maps `#name` to its module. */
export function fileGraph(pkg: Package, aliases: Readonly<Record<string, string>>): Map<string, string[]> {
  return new Map(
    pkg.src.map((file) => [
      moduleName(file.path),
      file.imports.flatMap(({ specifier }) => {
        const target = isRelative(specifier) ? resolveRelative(file, specifier) : aliases[specifier];
        return target === undefined ? [] : [target];
      }),
    ]),
  );
}

/** Relative imports: downwards only, to a file that exists, inside the package; every file placed; no cycle. */
export function checkLayers(pkg: Package, layers: Layers, aliases: Readonly<Record<string, string>>): Violation[] {
  const found: Violation[] = [];
  const modules = new Set(pkg.src.map((file) => moduleName(file.path)));
  for (const file of pkg.src) {
    const from = moduleName(file.path);
    const layer = layerOf(layers, from);
    if (layer === -1) {
      found.push(
        `${pkg.folder}/src/${file.path} has no place: add it to the layer it belongs to, in the table of this test`,
      );
      continue;
    }
    for (const { specifier, line, dynamic } of file.imports) {
      const at = `${pkg.folder}/src/${file.path}:${line}`;
      const target = isRelative(specifier) ? resolveRelative(file, specifier) : aliases[specifier];
      if (isRelative(specifier)) {
        if (!specifier.endsWith(".js")) found.push(`${at} imports "${specifier}": name the file, with .js`);
        if (target === undefined) found.push(`${at} imports "${specifier}", which is outside the package`);
        else if (!modules.has(target)) found.push(`${at} imports "${specifier}", which does not exist`);
        else if (Object.values(aliases).includes(target))
          found.push(`${at} imports "${specifier}": load it as a "#" import`);
      } else if (target !== undefined && !dynamic) found.push(`${at} imports "${specifier}" statically: use import()`);
      if (target === undefined || !modules.has(target)) continue;
      const below = layerOf(layers, target);
      if (below > layer) found.push(`${at} imports upwards: ${from} (layer ${layer}) -> ${target} (layer ${below})`);
    }
  }
  const cycle = findCycle(fileGraph(pkg, aliases));
  if (cycle !== undefined) found.push(`${pkg.folder}/src has a cycle of imports: ${cycle.join(" -> ")}`);
  return found;
}

/** Files that stay synchronous and know only what is listed. */
export function checkPure(pkg: Package, { files, mayImport }: PureFiles): Violation[] {
  const found: Violation[] = [];
  for (const file of pkg.src.filter(({ path }) => matches(files, moduleName(path)))) {
    const at = (line: number): string => `${pkg.folder}/src/${file.path}:${line}`;
    for (const { specifier, line } of file.imports) {
      const target = isRelative(specifier) ? (resolveRelative(file, specifier) ?? specifier) : specifier;
      if (!mayImport.some((allowed) => matches(allowed, target))) {
        found.push(`${at(line)} imports ${target}; ${files} may import only ${mayImport.join(", ")}`);
      }
    }
    for (const { what, line } of file.asynchronous) found.push(`${at(line)} uses ${what}; ${files} is synchronous`);
  }
  return found;
}

/** The package a bare specifier names: `@scope/name/sub` -> `@scope/name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Bare imports of src: only packages that the table allows, declared as the manifest must declare them. */
export function checkPackageImports(pkg: Package, allowed: readonly string[]): Violation[] {
  const found: Violation[] = [];
  const { dependencies, peerDependencies, optionalDependencies, imports } = pkg.manifest;
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies };
  for (const name of Object.keys(declared)) {
    if (!allowed.includes(name))
      found.push(`${pkg.folder}/package.json depends on ${name}; allowed: ${allowed.join(", ") || "nothing"}`);
  }
  for (const file of pkg.src) {
    for (const { specifier, line } of file.imports) {
      const at = `${pkg.folder}/src/${file.path}:${line}`;
      if (isRelative(specifier) || isBuiltin(specifier)) continue;
      if (specifier.startsWith("#")) {
        if (imports?.[specifier] === undefined)
          found.push(`${at} imports "${specifier}", which package.json does not map`);
        continue;
      }
      const name = packageOf(specifier);
      if (!allowed.includes(name))
        found.push(`${at} imports ${specifier}; allowed: ${allowed.join(", ") || "nothing"}`);
      else if (declared[name] === undefined) found.push(`${at} imports ${name}, which package.json does not declare`);
      else if (/\/(src|dist)\//.test(specifier))
        found.push(`${at} imports ${specifier}: go through the package's door`);
    }
  }
  return found;
}

/** Bare imports of tests: declared by the package (dev dependencies included) or by the root. */
export function checkTestImports(pkg: Package, ofRoot: readonly string[]): Violation[] {
  const { dependencies, devDependencies, peerDependencies, name } = pkg.manifest;
  const declared = new Set([
    name,
    ...ofRoot,
    ...Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }),
  ]);
  return pkg.test.flatMap((file) =>
    file.imports
      .filter(({ specifier }) => !isRelative(specifier) && !isBuiltin(specifier) && !declared.has(packageOf(specifier)))
      .map(
        ({ specifier, line }) => `${pkg.folder}/test/${file.path}:${line} imports ${specifier}, which nothing declares`,
      ),
  );
}

/** The graph of packages, dev and peer dependencies included, has no cycle. */
export function checkPackageGraph(packages: readonly Package[]): Violation[] {
  const names = new Set(packages.map(({ manifest }) => manifest.name));
  const graph = new Map(
    packages.map(({ manifest }) => {
      const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies };
      return [manifest.name, Object.keys(all).filter((name) => names.has(name))];
    }),
  );
  const cycle = findCycle(graph);
  return cycle === undefined ? [] : [`the packages have a cycle: ${cycle.join(" -> ")}`];
}
