// SPDX-License-Identifier: Apache-2.0

/** Latencies in memory that is there before the clock starts: a growing array would stop the client that is measured. */
export class Latencies {
  #values;
  #length = 0;

  constructor(capacity) {
    this.#values = new Float64Array(capacity);
  }

  add(milliseconds) {
    this.#values[this.#length++] = milliseconds;
  }

  get values() {
    return this.#values.subarray(0, this.#length);
  }
}
