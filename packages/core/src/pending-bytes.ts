// SPDX-License-Identifier: Apache-2.0

/** What one message costs besides its packet: the promise, the closures and the records around it. An estimate, on the safe side. */
const OVERHEAD = 512;

/** What is held of a message whose PUBLISH has so many bytes. */
export function pendingCost(packetSize: number): number {
  return packetSize + OVERHEAD;
}

/**
 * What accepted QoS 1/2 publishes occupy until a connection is first handed them: they wait for send quota, for a Packet
 * Identifier or for a connection. Lives as long as the client.
 */
export class PendingBytes {
  readonly maximum: number;
  #held = 0;
  readonly #freed: () => void;

  /** `freed` is called each time there is room again. */
  constructor(maximum: number, freed: () => void) {
    this.maximum = maximum;
    this.#freed = freed;
  }

  get held(): number {
    return this.#held;
  }

  add(bytes: number): void {
    this.#held += bytes;
  }

  remove(bytes: number): void {
    const full = this.#held >= this.maximum;
    this.#held -= bytes;
    if (full && this.#held < this.maximum) this.#freed();
  }
}
