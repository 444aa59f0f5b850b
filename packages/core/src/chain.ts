// SPDX-License-Identifier: Apache-2.0

/** What a {@link Chain} may hold; a link belongs to one chain at a time, and only the chain writes these. */
export interface Link<T> {
  previous: T | undefined;
  next: T | undefined;
}

/**
 * A list in the order of addition, linked through its items: to add one and to take out any one is constant work, and unlike a
 * Set it neither hashes an item nor allocates, nor passes over what was taken out to find the first.
 */
export class Chain<T extends Link<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The oldest. */
  get first(): T | undefined {
    return this.#first;
  }

  /** Adds at the end an item that is in no chain. */
  add(item: T): void {
    const last = this.#last;
    item.previous = last;
    if (last === undefined) this.#first = item;
    else last.next = item;
    this.#last = item;
    this.#size++;
  }

  /** Takes an item out, if it is in. An item that is out refers to no other: a dead one must not keep the next ones alive. */
  delete(item: T): void {
    const { previous, next } = item;
    if (previous === undefined && this.#first !== item) return;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    item.previous = undefined;
    item.next = undefined;
    this.#size--;
  }

  clear(): void {
    for (const item of this) this.delete(item);
  }

  /** In order. Meanwhile the item at hand may be taken out, and no other. */
  *[Symbol.iterator](): Generator<T> {
    for (let item = this.#first; item !== undefined; ) {
      const { next } = item;
      yield item;
      item = next;
    }
  }
}
