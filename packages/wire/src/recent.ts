// SPDX-License-Identifier: Apache-2.0

/** Bytes of a word. */
const size = 8;
/** Where every packet brings other bytes, it would be in vain to keep those of each. */
const longestWait = 31;

/**
 * The last bytes of one kind that were validated, and what they stand for. Bytes that equal them are valid too, and to compare
 * takes less than to validate: eight bytes a step, as a double. It is a copy, because whoever gave the bytes may use that
 * memory again. Lives as long as the module.
 */
export class Recent<Value> {
  /** What the bytes stand for. */
  value: Value;
  private readonly words: Float64Array;
  private length: number;
  /** Offers to pass over until bytes are kept again, and how many it was the last time. */
  private wait: number;
  private patience: number;

  /** Keeps at most `limit` bytes. */
  constructor(limit: number, value: Value) {
    this.value = value;
    this.words = new Float64Array(limit / size);
    this.length = 0;
    this.wait = 0;
    this.patience = 0;
  }

  /** Whether the bytes are the ones that were kept; they are not if nothing could be. */
  equals(view: DataView, start: number, length: number): boolean {
    if (length !== this.length || length === 0) return false;
    const { words } = this;
    const last = start + length - size;
    let i = 0;
    let p = start;
    for (; p + size < last; p += 2 * size, i += 2) {
      if (view.getFloat64(p, true) !== words[i] || view.getFloat64(p + size, true) !== words[i + 1]) return false;
    }
    if (p < last && view.getFloat64(p, true) !== words[i++]) return false;
    if (view.getFloat64(last, true) !== words[i]) return false; // overlaps the one before
    this.patience = 0;
    this.wait = 0;
    return true;
  }

  /** Offers bytes that were validated to be kept in place of the ones before. */
  offer(view: DataView, start: number, length: number, value: Value): void {
    if (this.wait > 0) {
      this.wait--;
      return;
    }
    this.patience = this.wait = Math.min(2 * this.patience + 1, longestWait);
    if (length < size || length > this.words.length * size) return;
    this.length = this.keep(view, start, start + length - size) ? length : 0;
    this.value = value;
  }

  /** False if bytes can't be told by their words: 0 and -0 are equal. (NaN equals nothing, all else only itself.) */
  private keep(view: DataView, start: number, last: number): boolean {
    const { words } = this;
    let i = 0;
    for (let p = start; p < last; p += size) words[i++] = view.getFloat64(p, true);
    words[i] = view.getFloat64(last, true);
    while (i >= 0) if (words[i--] === 0) return false;
    return true;
  }
}
