// SPDX-License-Identifier: Apache-2.0

import type { Timer } from "./clock.js";

/** Timers of a virtual clock, the earliest first; of two that are due together, the one added first. */
export class TimerHeap {
  readonly #heap: VirtualTimer[] = [];
  #added = 0;
  /** Of those that wait, the timers that nobody would miss. */
  #unreferenced = 0;

  /** How many wait, without those that are unreferenced. */
  get size(): number {
    return this.#heap.length - this.#unreferenced;
  }

  get first(): VirtualTimer | undefined {
    return this.#heap[0];
  }

  add(due: number, callback: () => void): VirtualTimer {
    const timer = new VirtualTimer(this, due, this.#added++, callback);
    this.#rise(this.#heap.length, timer);
    return timer;
  }

  /** Takes a timer out; does nothing if it is out already. */
  remove(timer: VirtualTimer): void {
    const index = timer.index;
    if (index < 0) return;
    timer.index = -1;
    if (timer.unreferenced) this.#unreferenced--;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    const parent = this.#heap[(index - 1) >> 1];
    if (index > 0 && parent && last.before(parent)) this.#rise(index, last);
    else this.#sink(index, last);
  }

  /** Counts a timer no longer. */
  unref(timer: VirtualTimer): void {
    if (timer.index < 0 || timer.unreferenced) return;
    timer.unreferenced = true;
    this.#unreferenced++;
  }

  #rise(start: number, timer: VirtualTimer): void {
    let index = start;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (!parent || !timer.before(parent)) break;
      this.#place(index, parent);
      index = parentIndex;
    }
    this.#place(index, timer);
  }

  #sink(start: number, timer: VirtualTimer): void {
    let index = start;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = right && left && right.before(left) ? right : left;
      if (!child?.before(timer)) break;
      const childIndex = child.index;
      this.#place(index, child);
      index = childIndex;
    }
    this.#place(index, timer);
  }

  #place(index: number, timer: VirtualTimer): void {
    this.#heap[index] = timer;
    timer.index = index;
  }
}

/** One callback in a {@link TimerHeap}. */
export class VirtualTimer implements Timer {
  readonly #heap: TimerHeap;
  readonly due: number;
  readonly #order: number;
  readonly callback: () => void;
  /** Its place in the heap, which alone sets it; -1 once it is out. */
  index = -1;
  /** Set by the heap alone. */
  unreferenced = false;

  constructor(heap: TimerHeap, due: number, order: number, callback: () => void) {
    this.#heap = heap;
    this.due = due;
    this.#order = order;
    this.callback = callback;
  }

  before(other: VirtualTimer): boolean {
    return this.due < other.due || (this.due === other.due && this.#order < other.#order);
  }

  cancel(): void {
    this.#heap.remove(this);
  }

  unref(): void {
    this.#heap.unref(this);
  }
}
