// SPDX-License-Identifier: Apache-2.0

/**
 * A client whose options carry this has no identifiers above the number given. For tests that want the pool to run dry: neither
 * exported nor a public option.
 */
export const HIGHEST_PACKET_ID: unique symbol = Symbol("highestPacketId");

/** What the options of a client say of {@link HIGHEST_PACKET_ID}. */
export function highestPacketId(options: object): number | undefined {
  return (options as { readonly [HIGHEST_PACKET_ID]?: number })[HIGHEST_PACKET_ID];
}

/**
 * The Packet Identifiers of one session and who holds each: one pool for PUBLISH, SUBSCRIBE and UNSUBSCRIBE, never 0,
 * never one still in use, round robin [MQTT-2.2.1-3]. Lives as long as the session.
 */
export class PacketIdentifiers<Owner> {
  readonly #owners = new Map<number, Owner>();
  readonly #highest: number;
  #last = 0;

  /** `highest` is for tests that want the pool to run dry. */
  constructor(highest = 65_535) {
    this.#highest = highest;
  }

  /** The owner of an identifier in use. */
  owner(id: number): Owner | undefined {
    return this.#owners.get(id);
  }

  /** All are in use. */
  get exhausted(): boolean {
    return this.#owners.size >= this.#highest;
  }

  /** Takes the next free identifier, or 0 when all are in use. */
  allocate(owner: Owner): number {
    if (this.exhausted) return 0;
    let id = this.#last;
    do {
      id = id === this.#highest ? 1 : id + 1;
    } while (this.#owners.has(id));
    this.#last = id;
    this.#owners.set(id, owner);
    return id;
  }

  /** Takes this very identifier, as it was taken before a restart. */
  take(id: number, owner: Owner): void {
    this.#owners.set(id, owner);
  }

  /** Makes an identifier free again. */
  free(id: number): void {
    this.#owners.delete(id);
  }
}
