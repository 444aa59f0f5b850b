// SPDX-License-Identifier: Apache-2.0

/** A `Set` that takes no memory until something is put in; see `LazyMap`. */
export class LazySet<T> {
  #set: Set<T> | undefined;

  get size(): number {
    return this.#set === undefined ? 0 : this.#set.size;
  }

  has(item: T): boolean {
    return this.#set?.has(item) === true;
  }

  add(item: T): void {
    this.#set ??= new Set();
    this.#set.add(item);
  }

  delete(item: T): boolean {
    return this.#set?.delete(item) === true;
  }

  clear(): void {
    this.#set = undefined;
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#set ?? NOTHING)[Symbol.iterator]() as Iterator<T>;
  }
}

const NOTHING: readonly never[] = [];
