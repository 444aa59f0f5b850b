// SPDX-License-Identifier: Apache-2.0

/**
 * What received messages occupy while they wait: QoS 0 until their consumer takes them, QoS 1 and 2 until they are acked.
 * Full at its maximum, and until half of that is free again. Lives as long as the client.
 */
export class BufferedBytes {
  readonly maximum: number;
  #held = 0;
  #full = false;
  readonly #freed: () => void;

  /** `freed` is called each time it is no longer full. */
  constructor(maximum: number, freed: () => void) {
    this.maximum = maximum;
    this.#freed = freed;
  }

  get held(): number {
    return this.#held;
  }

  /** QoS 0 is dropped, and nothing more is read than has to be. */
  get full(): boolean {
    return this.#full;
  }

  add(bytes: number): void {
    this.#held += bytes;
    if (this.#held >= this.maximum) this.#full = true;
  }

  remove(bytes: number): void {
    this.#held -= bytes;
    if (!this.#full || this.#held > this.maximum / 2) return;
    this.#full = false;
    this.#freed();
  }
}
