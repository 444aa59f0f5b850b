// SPDX-License-Identifier: Apache-2.0

interface Node<T> {
  /** By level; `+` is a level like any other here. */
  readonly children: Map<string, Node<T>>;
  /** The filter that ends here. */
  exact: T | undefined;
  /** The filter that ends here with a further `#`. */
  below: T | undefined;
}

/** Topic Filters to what was registered for them: a tree of levels (section 4.7). One entry a filter. */
export class Router<T> {
  readonly #root: Node<T> = newNode();

  /** Registers, or replaces, the entry of a filter. */
  set(filter: string, entry: T): void {
    let node = this.#root;
    for (const level of levels(filter)) {
      if (level === "#") {
        node.below = entry;
        return;
      }
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    node.exact = entry;
  }

  /** Removes the entry of a filter, and what was only there for it. */
  delete(filter: string): void {
    remove(this.#root, filter.split("/"), 0);
  }

  /**
   * Adds the entries whose filter matches the Topic Name to `into`. Wildcards at the first level do not match names
   * that begin with `$` (section 4.7.2).
   */
  match(topic: string, into: T[]): void {
    collect(this.#root, topic, 0, into);
  }
}

function newNode<T>(): Node<T> {
  return { children: new Map(), exact: undefined, below: undefined };
}

function levels(filter: string): string[] {
  return filter.split("/");
}

function remove<T>(node: Node<T>, path: readonly string[], depth: number): void {
  const level = path[depth];
  if (level === undefined) {
    node.exact = undefined;
    return;
  }
  if (level === "#") {
    node.below = undefined;
    return;
  }
  const child = node.children.get(level);
  if (child === undefined) return;
  remove(child, path, depth + 1);
  if (child.children.size === 0 && child.exact === undefined && child.below === undefined) node.children.delete(level);
}

/** `at` is where the level to match begins; past the end of the topic when every level has matched. */
function collect<T>(node: Node<T>, topic: string, at: number, into: T[]): void {
  const system = at === 0 && topic.charCodeAt(0) === 0x24;
  if (node.below !== undefined && !system) into.push(node.below); // also matches the parent itself (section 4.7.1.2)
  if (at > topic.length) {
    if (node.exact !== undefined) into.push(node.exact);
    return;
  }
  if (node.children.size === 0) return;
  const slash = topic.indexOf("/", at);
  const end = slash === -1 ? topic.length : slash;
  const exact = node.children.get(topic.slice(at, end));
  if (exact !== undefined) collect(exact, topic, end + 1, into);
  const any = system ? undefined : node.children.get("+");
  if (any !== undefined && any !== exact) collect(any, topic, end + 1, into);
}
