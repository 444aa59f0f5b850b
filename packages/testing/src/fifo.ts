// SPDX-License-Identifier: Apache-2.0

/** First in, first out, at constant cost however long it grows: a ring that doubles when it is full. */
export class Fifo<T> {
  #ring: (T | undefined)[] = emptyRing(16);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The oldest item, left in place. */
  get first(): T | undefined {
    return this.#size > 0 ? this.#ring[this.#head] : undefined;
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size += 1;
  }

  /** Takes the oldest item out. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size -= 1;
    return item;
  }

  clear(): void {
    this.#ring = emptyRing(16);
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const length = this.#ring.length;
    const old = this.#ring;
    this.#ring = emptyRing(length * 2);
    for (let index = 0; index < length; index++) this.#ring[index] = old[(this.#head + index) & (length - 1)];
    this.#head = 0;
  }
}

/** The length is a power of two. */
function emptyRing(length: number): undefined[] {
  return Array.from({ length }, () => undefined);
}
