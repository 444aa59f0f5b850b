// SPDX-License-Identifier: Apache-2.0
// The platform rule: time, randomness, I/O and the host's globals only in declared files.
import { isBuiltin } from "node:module";
import { fileGraph } from "./imports.js";
import { reachable } from "./cycles.js";
import type { Package, Violation } from "./workspace.js";

const GLOBALS = new Set(
  [
    "process Buffer NodeJS global globalThis self require module __dirname __filename Deno Bun",
    "setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask MessageChannel",
    "requestAnimationFrame requestIdleCallback performance crypto document window navigator location localStorage",
    "addEventListener removeEventListener dispatchEvent fetch WebSocket XMLHttpRequest Worker SharedArrayBuffer Atomics",
    "console eval Function",
  ].flatMap((names) => names.split(" ")),
);

/** Why a global may not be used, or undefined when it may. */
function forbidden(what: string): string | undefined {
  const [name = ""] = what.replace(/^(new|type) /, "").split(/[.(]/);
  if (GLOBALS.has(name)) return name;
  if (name === "Date") return /^(type Date|new Date\(…\)|Date\.(UTC|parse|prototype))$/.test(what) ? undefined : what;
  if (name === "Math") return what === "Math.random" || what === "Math" ? what : undefined;
  return what === "AbortSignal.timeout" ? what : undefined;
}

/** Platform access outside the declared files; ambient declarations only name things and are left alone. */
export function checkPlatform(pkg: Package, declaredFiles: readonly string[]): Violation[] {
  const found: Violation[] = [];
  for (const file of pkg.src) {
    if (file.path.endsWith(".d.ts") || declaredFiles.includes(file.path.replace(/\.ts$/, ""))) continue;
    const at = (line: number): string => `${pkg.folder}/src/${file.path}:${line}`;
    const hint = `only in ${declaredFiles.join(", ") || "no file"} of this package`;
    for (const { specifier, line } of file.imports) {
      if (isBuiltin(specifier)) found.push(`${at(line)} imports ${specifier}: ${hint}`);
    }
    for (const { what, line } of file.globals) {
      const name = forbidden(what);
      if (name !== undefined) found.push(`${at(line)} uses ${name}: ${hint}`);
    }
  }
  return found;
}

/** What the entry `index` reaches must not include these files. */
export function checkEntry(
  pkg: Package,
  unreachable: readonly string[],
  aliases: Readonly<Record<string, string>>,
): Violation[] {
  const reached = reachable(fileGraph(pkg, aliases), "index");
  return unreachable
    .filter((module) => reached.has(module))
    .map((module) => `${pkg.folder}/src/index.ts reaches ${module}, which belongs to another entry`);
}
