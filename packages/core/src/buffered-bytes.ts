// SPDX-License-Identifier: Apache-2.0

/**
 * What received messages occupy while they wait: QoS 0 until their consumer takes them, QoS 1 and 2 until they are acked.
 * Full at its maximum, and until half of that is free again. Lives as long as the client.
 */
export class BufferedBytes {
  readonly maximum: number;
  #held = 0;
  #full = false;
  /** Consumers that have more than they want to hold. */
  #crowded = 0;
  readonly #freed: () => void;

  /** `freed` is called each time that more may be read. */
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

  /** Nothing more is read than has to be: they are full, or a consumer has more than it wants to hold. */
  get stopped(): boolean {
    return this.#full || this.#crowded > 0;
  }

  /** A consumer has more than it wants to hold, until it calls `roomy`. */
  crowded(): void {
    this.#crowded++;
  }

  roomy(): void {
    if (--this.#crowded === 0) this.#freed();
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
