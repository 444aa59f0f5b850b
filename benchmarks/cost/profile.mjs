// SPDX-License-Identifier: Apache-2.0
// Reads a V8 CPU profile: who was running at each sample, by the source file where it was bundled from.
import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A function that makes of a place in a built file that in its source; `maps` has the maps by file, read when first needed. */
export function sourceLookup(maps = new Map()) {
  return (url, line, column) => {
    if (!url.startsWith("file:")) return url;
    const path = fileURLToPath(url);
    if (!maps.has(path)) maps.set(path, readMap(path));
    const source = maps.get(path)?.findEntry(line, column).originalSource;
    const where = source === undefined ? path : fileURLToPath(new URL(source, url));
    return where.startsWith(root) ? where.slice(root.length).replaceAll("\\", "/") : where;
  };
}

function readMap(path) {
  return existsSync(`${path}.map`) ? new SourceMap(JSON.parse(readFileSync(`${path}.map`, "utf8"))) : undefined;
}

/**
 * The samples of a profile as `{ name, source, caller, microseconds }`, one for each function of each place it was called from.
 * What is built in has no source; `caller` is then the nearest function that has one.
 */
export function selfTimes({ nodes, samples, timeDeltas }, sourceOf = sourceLookup()) {
  const microseconds = new Map();
  for (const [index, id] of samples.entries()) {
    // A sample stands for the time until the next one.
    microseconds.set(id, (microseconds.get(id) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  }
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const places = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber, columnNumber } }) => [
      id,
      { name: functionName, source: url === "" ? undefined : sourceOf(url, lineNumber, columnNumber) },
    ]),
  );
  const callerOf = (id) => {
    let at = parents.get(id);
    while (at !== undefined && places.get(at).source === undefined) at = parents.get(at);
    return at === undefined ? undefined : places.get(at);
  };
  return [...microseconds].map(([id, time]) => ({ ...places.get(id), caller: callerOf(id), microseconds: time }));
}
