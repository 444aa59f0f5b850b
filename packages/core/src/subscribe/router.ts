// SPDX-License-Identifier: Apache-2.0
import { LazyMap } from "../lazy-map.js";

interface Node<T> {
  /** By level; `+` is a level like any other here. */
  readonly children: LazyMap<string, Node<T>>;
  /** The filter that ends here. */
  exact: T | undefined;
  /** The filter that ends here with a further `#`. */
  below: T | undefined;
}

/**
 * Topic Filters to what was registered for them: a tree of levels (section 4.7). One entry a filter. Never
 * walked by recursion: a legal topic has up to 65,536 levels, more than a stack holds.
 */
export class Router<T> {
  readonly #root: Node<T> = newNode();
  /** Where a `+` matched beside the level itself, and the level after it; kept between calls, so that none allocates. */
  readonly #branches: (Node<T> | undefined)[] = [];
  readonly #starts: number[] = [];

  /** Registers, or replaces, the entry of a filter. */
  set(filter: string, entry: T): void {
    let node = this.#root;
    for (const level of filter.split("/")) {
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
    const levels = filter.split("/");
    const path = [this.#root];
    let node = this.#root;
    for (const level of levels) {
      if (level === "#") break;
      const child = node.children.get(level);
      if (child === undefined) return;
      node = child;
      path.push(node);
    }
    if (path.length > levels.length) node.exact = undefined;
    else node.below = undefined;
    for (let depth = path.length - 1; depth > 0; depth--) {
      const { children, exact, below } = path[depth] as Node<T>;
      if (children.size > 0 || exact !== undefined || below !== undefined) return;
      (path[depth - 1] as Node<T>).children.delete(levels[depth - 1] as string);
    }
  }

  /**
   * Adds the entries whose filter matches the Topic Name to `into`. Wildcards at the first level do not match names
   * that begin with `$` (section 4.7.2).
   */
  match(topic: string, into: T[]): void {
    const branches = this.#branches;
    const starts = this.#starts;
    let left = 0;
    let node = this.#root;
    // Where the level to match begins; past the end of the topic when every level has matched.
    let at = 0;
    for (;;) {
      const system = at === 0 && topic.charCodeAt(0) === 0x24;
      if (node.below !== undefined && !system) into.push(node.below); // also matches the parent itself (section 4.7.1.2)
      let onward: Node<T> | undefined;
      if (at > topic.length) {
        if (node.exact !== undefined) into.push(node.exact);
      } else if (node.children.size > 0) {
        const slash = topic.indexOf("/", at);
        const end = slash === -1 ? topic.length : slash;
        const exact = node.children.get(topic.slice(at, end));
        const any = system ? undefined : node.children.get("+");
        at = end + 1;
        onward = exact ?? any;
        if (exact !== undefined && any !== undefined && any !== exact) {
          branches[left] = any;
          starts[left++] = at;
        }
      }
      if (onward === undefined) {
        if (left === 0) return;
        onward = branches[--left] as Node<T>;
        branches[left] = undefined;
        at = starts[left] as number;
      }
      node = onward;
    }
  }
}

function newNode<T>(): Node<T> {
  return { children: new LazyMap(), exact: undefined, below: undefined };
}
