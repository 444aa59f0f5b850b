// SPDX-License-Identifier: Apache-2.0

/** A first-in, first-out queue on a growing ring: every operation in constant time, no shifting. */
export class Ring<T> {
  #slots: (T | undefined)[] = NONE;
  #head = 0;
  #size = 0;

  /** How many items wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds at the tail. */
  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
  }

  /** The item at the head, left in place. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  /** Takes the item at the head. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    return item;
  }

  /** Forgets everything. */
  clear(): void {
    this.#slots = NONE;
    this.#head = 0;
    this.#size = 0;
  }

  /** From head to tail. Not to be changed meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T;
  }

  /** The size of the slots is always a power of two, or 0 until something comes, so that a mask can stand for a modulo. */
  #grow(): void {
    const old = this.#slots;
    const slots: (T | undefined)[] = Array.from({ length: Math.max(LEAST, old.length * 2) });
    for (let i = 0; i < this.#size; i++) slots[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}

const LEAST = 4;

/** Shared by all that are empty: most rings of an idle client are. The first item brings slots of its own. */
const NONE: never[] = [];
