// SPDX-License-Identifier: Apache-2.0

/** A cycle of the graph, as the names on the way round, or undefined. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (name: string): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    path.push(name);
    for (const next of graph.get(name) ?? []) {
      const cycle = walk(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  for (const name of graph.keys()) {
    const cycle = walk(name);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Everything reachable from `start`, itself included. */
export function reachable(graph: ReadonlyMap<string, readonly string[]>, start: string): Set<string> {
  const found = new Set([start]);
  for (const name of found) for (const next of graph.get(name) ?? []) found.add(next);
  return found;
}
