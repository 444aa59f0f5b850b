// SPDX-License-Identifier: Apache-2.0
// The packages of the workspace as the rules see them; a test can make one up.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSource, type SourceFile } from "./source-file.js";

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly version?: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly license?: string;
  readonly type?: string;
  readonly sideEffects?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly repository?: { readonly type?: string; readonly url?: string; readonly directory?: string };
  readonly files?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly publishConfig?: Readonly<Record<string, unknown>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly imports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** Folder from the root: `packages/core`. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly src: readonly SourceFile[];
  readonly test: readonly SourceFile[];
  readonly hasReadme: boolean;
}

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** A broken rule, as one line: where, and what to do about it. */
export type Violation = string;

export function readWorkspace(root: string): Package[] {
  const folders = ["packages", "examples"].flatMap((parent) => {
    return existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [];
  });
  return [...folders, "conformance", "benchmarks"]
    .filter((folder) => existsSync(join(root, folder, "package.json")))
    .map((folder) => readPackage(root, folder));
}

function readPackage(root: string, folder: string): Package {
  const home = join(root, folder);
  const manifest: Manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  return {
    folder,
    manifest,
    src: readSources(join(home, "src")),
    test: readSources(join(home, "test")),
    hasReadme: existsSync(join(home, "README.md")),
  };
}

function readSources(folder: string): SourceFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .toSorted()
    .map((path) => readSource(path, readFileSync(join(folder, path), "utf8")));
}

const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".turbo", ".git", ".reports"]);

/** Every program of the repository, whatever it is written in: what carries a licence line. */
export function readPrograms(root: string, folder = ""): TextFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : readPrograms(root, path);
    const isProgram = /\.(ts|js|mjs|sh|ya?ml)$/.test(path) || path === ".ci/run";
    return isProgram && path !== "pnpm-lock.yaml" ? [{ path, text: readFileSync(join(root, path), "utf8") }] : [];
  });
}
