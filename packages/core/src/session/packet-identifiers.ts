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

/** Identifiers in a page, a power of two. */
const PAGE = 256;

/** The owners of {@link PAGE} identifiers in a row. */
class Page<Owner> {
  readonly owners: (Owner | undefined)[] = [];
  used = 0;

  constructor() {
    for (let i = 0; i < PAGE; i++) this.owners.push(undefined);
  }
}

/**
 * The Packet Identifiers of one session and who holds each: one pool for PUBLISH, SUBSCRIBE and UNSUBSCRIBE, never 0,
 * never one still in use, round robin [MQTT-2.2.1-3]. Lives as long as the session.
 *
 * A table in pages, of which only those with an identifier in use are there: faster than a Map, and as small.
 */
export class PacketIdentifiers<Owner> {
  readonly #pages: (Page<Owner> | undefined)[] = [];
  /** An empty page for the next that is needed: one identifier that is taken again and again must not cost a page each time. */
  #spare: Page<Owner> | undefined;
  readonly #highest: number;
  #size = 0;
  #last = 0;

  /** `highest` is for tests that want the pool to run dry. */
  constructor(highest = 65_535) {
    this.#highest = highest;
  }

  /** The owner of an identifier in use. */
  owner(id: number): Owner | undefined {
    return this.#pages[(id / PAGE) | 0]?.owners[id % PAGE];
  }

  /** All are in use. */
  get exhausted(): boolean {
    return this.#size >= this.#highest;
  }

  /** Takes the next free identifier, or 0 when all are in use. */
  allocate(owner: Owner): number {
    if (this.exhausted) return 0;
    let id = this.#last;
    do {
      id = id === this.#highest ? 1 : id + 1;
    } while (this.owner(id) !== undefined);
    this.#last = id;
    this.take(id, owner);
    return id;
  }

  /** Takes this very identifier, as it was taken before a restart. */
  take(id: number, owner: Owner): void {
    const page = this.#page((id / PAGE) | 0);
    const at = id % PAGE;
    if (page.owners[at] === undefined) {
      page.used++;
      this.#size++;
    }
    page.owners[at] = owner;
  }

  /** Makes an identifier free again. */
  free(id: number): void {
    const index = (id / PAGE) | 0;
    const page = this.#pages[index];
    const at = id % PAGE;
    if (page?.owners[at] === undefined) return;
    page.owners[at] = undefined;
    this.#size--;
    if (--page.used > 0) return;
    this.#pages[index] = undefined;
    this.#spare = page;
  }

  #page(index: number): Page<Owner> {
    const { length } = this.#pages;
    for (let i = length; i <= index; i++) this.#pages.push(undefined);
    return (this.#pages[index] ??= this.#fresh());
  }

  #fresh(): Page<Owner> {
    const page = this.#spare ?? new Page<Owner>();
    this.#spare = undefined;
    return page;
  }
}
