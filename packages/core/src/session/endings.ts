// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from "../errors.js";
import { LazyMap } from "../lazy-map.js";
import { LazySet } from "../lazy-set.js";
import { Outcome, type Settle } from "../store.js";
import { Ending, type OutboundPublish, type PublishWaiter } from "./outbound-publish.js";
import type { PacketIdentifiers } from "./packet-identifiers.js";
import type { RecordPort } from "./record-port.js";

/** The failures of a tracked publish that are its outcome; after any other its owner may publish again. */
const OUTCOMES: Partial<Record<ErrorCode, number>> = {
  SESSION_LOST: Outcome.SessionLost,
  MESSAGE_EXPIRED: Outcome.Expired,
  PACKET_TOO_LARGE: Outcome.PacketTooLarge,
  RETAIN_NOT_SUPPORTED: Outcome.RetainNotSupported,
  QOS_NOT_SUPPORTED: Outcome.QoSNotSupported,
};

const NO_BYTES = new Uint8Array(0);

export function outcomeOf(code: ErrorCode): number | undefined {
  return OUTCOMES[code];
}

/**
 * Publishes that are done and whose record is not gone: the owner of a tracked one is told its outcome first, then the
 * record is deleted, and only then the identifier is free. Belongs to the session and outlives connections.
 */
export class Endings {
  readonly #port: { readonly records?: RecordPort | undefined };
  readonly #ids: PacketIdentifiers<unknown>;
  readonly #ending = new LazySet<OutboundPublish>();
  /** Publishes with a `ref`, by it, done or not. */
  readonly #tracked = new LazyMap<string, OutboundPublish>();

  constructor(port: { readonly records?: RecordPort | undefined }, ids: PacketIdentifiers<unknown>) {
    this.#port = port;
    this.#ids = ids;
  }

  get size(): number {
    return this.#ending.size;
  }

  /** From here it can be adopted. */
  track(publish: OutboundPublish): void {
    if (publish.ref !== undefined) this.#tracked.set(keyOf(publish.ref), publish);
  }

  /** The publish that its owner knows by `ref`; from here `settle` and `waiter` are told its end, at once if it is over. */
  adopt(ref: Uint8Array, settle: Settle, waiter: PublishWaiter | undefined): OutboundPublish | undefined {
    const publish = this.#tracked.get(keyOf(ref));
    if (publish === undefined) return undefined;
    publish.settle = settle;
    publish.waiter = waiter;
    if (publish.ending === Ending.Orphaned && publish.writes === 0) this.#settle(publish);
    return publish;
  }

  /** A record that says that its publish is done. */
  restore(publish: OutboundPublish): void {
    this.#ending.add(publish);
    if (publish.ending === Ending.Corrupt) return;
    if (publish.ref === undefined) this.#delete(publish);
    else publish.ending = Ending.Orphaned;
  }

  /** Deletes the records that nobody can read. */
  discardCorrupt(): void {
    for (const publish of this.#ending) if (publish.ending === Ending.Corrupt) this.#delete(publish);
  }

  /** Whether somebody may still ask for an outcome. */
  get tracking(): boolean {
    return this.#tracked.size > 0;
  }

  /** Waiters to whom a refusal is still owed hear it. */
  tell(): void {
    for (const publish of this.#ending) tell(publish);
  }

  /** Forgets all, and says what. */
  clear(): OutboundPublish[] {
    const forgotten = [...this.#ending];
    this.#ending.clear();
    this.#tracked.clear();
    for (const publish of forgotten) publish.ending = Ending.None;
    return forgotten;
  }

  /** Gives its identifier back, once nothing in a store could bring it back. `outcome`: what its owner has to be told. */
  leave(publish: OutboundPublish, outcome: number | undefined): void {
    if (!publish.recorded) {
      if (publish.packetId !== 0) this.#ids.free(publish.packetId);
      if (publish.ref !== undefined) this.#tracked.delete(keyOf(publish.ref));
      return;
    }
    this.#ending.add(publish);
    if (publish.ref === undefined || outcome === undefined) {
      this.#delete(publish);
      return;
    }
    publish.outcome = outcome;
    if (outcome === Outcome.Accepted && publish.settle !== undefined) {
      this.#settle(publish);
      return;
    }
    publish.ending = Ending.Recording;
    if (this.#port.records !== undefined) putRecord(this.#port.records, publish);
    if (publish.writes === 0) this.#settle(publish);
  }

  /** All changes of its record are durable. */
  stored(publish: OutboundPublish): void {
    if (publish.ending === Ending.Recording) this.#settle(publish);
    else if (publish.ending === Ending.Orphaned && publish.settle !== undefined) this.#settle(publish); // adopted meanwhile
  }

  /** Its owner was told its outcome, or could not be. */
  settled(publish: OutboundPublish, done: boolean): void {
    if (!this.#ending.has(publish)) return;
    if (done) {
      this.#delete(publish);
      return;
    }
    publish.ending = Ending.Orphaned;
    publish.settle = undefined;
    const { records } = this.#port;
    if (records !== undefined && publish.outcome === Outcome.Accepted) putRecord(records, publish); // else it is there
    tell(publish);
  }

  /** Its record is gone. */
  gone(publish: OutboundPublish): void {
    publish.ending = Ending.None;
    publish.recorded = false;
    this.#ending.delete(publish);
    if (publish.ref !== undefined) this.#tracked.delete(keyOf(publish.ref));
    if (publish.packetId !== 0 && this.#ids.owner(publish.packetId) === publish) this.#ids.free(publish.packetId);
    tell(publish);
  }

  #settle(publish: OutboundPublish): void {
    const { records } = this.#port;
    if (publish.settle === undefined || records === undefined) {
      publish.ending = Ending.Orphaned;
      tell(publish);
      return;
    }
    publish.ending = Ending.Settling;
    if (records.settle(publish)) this.#delete(publish);
  }

  #delete(publish: OutboundPublish): void {
    publish.ending = Ending.Deleting;
    if (publish.writes === 0) publish.frame = NO_BYTES; // a store that takes its time must not hold the message
    if (this.#port.records?.delete(publish) === false) publish.writes++;
    else this.gone(publish);
  }
}

/** Has the record of a publish written as it is now. */
export function putRecord(records: RecordPort, publish: OutboundPublish): void {
  const fresh = !publish.recorded;
  publish.recorded = true;
  if (!records.put(publish, fresh)) publish.writes++;
}

/** Its waiter hears of the refusal that was kept back. */
function tell(publish: OutboundPublish): void {
  const { refusal } = publish;
  if (refusal === undefined) return;
  publish.refusal = undefined;
  publish.waiter?.acknowledged(refusal);
}

/** Bytes as a key: every byte a character. */
function keyOf(ref: Uint8Array): string {
  return String.fromCharCode(...ref);
}
