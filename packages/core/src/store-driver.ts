// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "./clock.js";
import { MqttError } from "./errors.js";
import { OutboundPublish } from "./session/outbound-publish.js";
import type { Recorded, RecordPort } from "./session/record-port.js";
import type { Stats } from "./stats.js";
import { Direction, type SessionKey, type SessionMeta, type SessionRecord, type SessionStore } from "./store.js";
import { keyOf, receivedRecordOf, recordOf, type RestoredSession, restoreSession } from "./stored-session.js";

/** What the driver tells the session and the client. */
export interface StoreDriverPort {
  stored(owner: Recorded): void;
  deleted(owner: Recorded): void;
  failed(publish: OutboundPublish, error: MqttError): void;
  settled(publish: OutboundPublish, done: boolean): void;
  /** What the store kept, before the first connection that uses it. */
  restore(session: RestoredSession): void;
  /** The session can't be trusted to be durable any more. Once until the next `load`. */
  broken(error: MqttError): void;
}

/** One change of one record, or of the meta. */
interface Job {
  /** Whom to tell. */
  readonly owner: Recorded | undefined;
  readonly key: number;
  /** What is put. Undefined: the record is deleted. */
  readonly record: SessionRecord | SessionMeta | undefined;
  readonly fresh: boolean;
  next: Job | undefined;
}

/** The key of the meta; no record has it. */
const META = 0;

/**
 * Performs what the session asks of its store: changes of one record one after the other, those of different records at
 * once. A store that is done at once costs no promise. Lives as long as the client.
 */
export class StoreDriver implements RecordPort {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #port: StoreDriverPort;
  readonly #stats: Stats;
  /** The last job of each record that has any. */
  readonly #tails = new Map<number, Job>();
  /** Calls of the store and of `settle` that have not returned. */
  #pending = 0;
  #idle: (() => void)[] = [];
  /** Rises with each failure: what was under way then means nothing any more. */
  #epoch = 0;
  #broken = false;
  #loaded = false;
  #loading: Promise<void> | undefined;
  /** What is durable, or about to be. */
  #meta: SessionMeta | undefined;
  /** Records of received messages that were left out. */
  #corrupt: SessionKey[] = [];

  constructor(store: SessionStore, clock: Clock, port: StoreDriverPort, stats: Stats) {
    this.#store = store;
    this.#clock = clock;
    this.#port = port;
    this.#stats = stats;
  }

  // Life

  /** Loads the session, the first time and after a failure. Undefined: that is done. Rejects with `STORE_FAILED`; the next call tries again. */
  load(): Promise<void> | undefined {
    if (this.#loaded) return undefined;
    if (this.#loading === undefined) {
      this.#loading = this.#load();
      this.#loading.catch(() => {}); // who asked for it handles it
    }
    return this.#loading;
  }

  /** Resolves when nothing is under way; undefined if nothing is. Never rejects. */
  idle(): Promise<void> | undefined {
    if (this.#pending === 0) return undefined;
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Deletes everything, after what is under way. Never rejects: a failure breaks the session. */
  async reset(): Promise<void> {
    await this.idle();
    if (this.#broken) return;
    this.#meta = undefined;
    this.#corrupt = [];
    const done = attempt(() => this.#store.reset());
    if (done !== undefined) await this.#follow(done, nothing, (cause) => this.#break(cause));
  }

  /** Deletes the records of received messages that were left out. A failure breaks the session. */
  discardCorrupt(): void {
    for (const key of this.#corrupt) {
      this.#submit({ owner: undefined, key: keyOf(key), record: undefined, fresh: false, next: undefined });
    }
    this.#corrupt = [];
  }

  /** Keeps the meta. True: it is durable. Otherwise `idle` tells when; a failure breaks the session. */
  setMeta(meta: SessionMeta): boolean {
    const { clientId, sessionExpiryInterval } = meta;
    if (this.#meta?.clientId === clientId && this.#meta.sessionExpiryInterval === sessionExpiryInterval) {
      return !this.#tails.has(META);
    }
    this.#meta = meta;
    return this.#submit({ owner: undefined, key: META, record: meta, fresh: false, next: undefined });
  }

  /** The broker keeps the session longer, shorter or not at all after this connection: that is kept, if there is a session. */
  expire(sessionExpiryInterval: number): void {
    if (this.#loaded && this.#meta !== undefined) this.setMeta({ ...this.#meta, sessionExpiryInterval });
  }

  // What the session asks

  put(owner: Recorded, fresh: boolean): boolean {
    const record = owner instanceof OutboundPublish ? recordOf(owner, this.#clock) : receivedRecordOf(owner);
    return this.#submit({ owner, key: keyOf(record), record, fresh, next: undefined });
  }

  delete(owner: Recorded): boolean {
    const direction = owner instanceof OutboundPublish ? Direction.Outbound : Direction.Inbound;
    const key = keyOf({ direction, packetId: owner.packetId });
    return this.#submit({ owner, key, record: undefined, fresh: false, next: undefined });
  }

  settle(publish: OutboundPublish): boolean {
    if (this.#broken) return false;
    const settling = attempt(() => publish.settle?.(publish.outcome));
    if (settling === undefined) return true;
    void this.#follow(
      settling,
      () => this.#port.settled(publish, true),
      () => this.#port.settled(publish, false),
    );
    return false;
  }

  // Inside

  async #load(): Promise<void> {
    await this.idle(); // of what failed
    try {
      const session = restoreSession(await this.#store.load(), this.#clock);
      this.#broken = false; // the session may ask for changes as it takes over
      this.#meta = session.meta;
      this.#corrupt = session.corrupt.flatMap(({ key }) => (key?.direction === Direction.Inbound ? [key] : []));
      this.#stats.storeCorruptRecords += session.corrupt.length;
      this.#port.restore(session);
      this.#loaded = true;
    } catch (error) {
      this.#stats.storeErrors++;
      this.#forget();
      throw storeFailed("The session could not be loaded", error);
    }
  }

  /** Adds a job. True: it is done already. */
  #submit(job: Job): boolean {
    if (this.#broken) return false;
    const tail = this.#tails.get(job.key);
    if (tail !== undefined) {
      tail.next = job;
      this.#tails.set(job.key, job);
      return false;
    }
    const done = this.#perform(job);
    if (done === undefined) return true;
    this.#tails.set(job.key, job);
    this.#await(job, done);
    return false;
  }

  #perform({ record, key }: Job): Promise<void> | undefined {
    if (record === undefined) return attempt(() => this.#store.delete(sessionKeyOf(key)));
    return attempt(() => ("clientId" in record ? this.#store.setMeta(record) : this.#store.put(record)));
  }

  #await(job: Job, done: Promise<void>): void {
    void this.#follow(
      done,
      () => {
        this.#advance(job);
        this.#tell(job);
      },
      (cause) => {
        const { owner } = job;
        if (!job.fresh || !(owner instanceof OutboundPublish)) {
          this.#break(cause);
          return;
        }
        this.#stats.storeErrors++;
        this.#advance(job);
        this.#port.failed(owner, storeFailed("The session store failed", cause, "not-sent"));
      },
    );
  }

  /** The next change of the same record, if there is one. */
  #advance(job: Job): void {
    const { next } = job;
    if (next === undefined) {
      this.#tails.delete(job.key);
      return;
    }
    const done = this.#perform(next) ?? Promise.resolve();
    this.#await(next, done);
  }

  #tell({ owner, record }: Job): void {
    if (owner === undefined) return;
    if (record === undefined) this.#port.deleted(owner);
    else this.#port.stored(owner);
  }

  /** Tells how it ended, unless the session has broken since. */
  async #follow(promise: Promise<void>, resolved: () => void, rejected: (error: unknown) => void): Promise<void> {
    const epoch = this.#epoch;
    this.#pending++;
    let failure: { readonly error: unknown } | undefined;
    try {
      await promise;
    } catch (error) {
      failure = { error };
    }
    this.#pending--;
    if (epoch === this.#epoch) {
      if (failure === undefined) resolved();
      else rejected(failure.error);
    }
    if (this.#pending > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #break(cause: unknown): void {
    this.#stats.storeErrors++;
    this.#forget();
    this.#port.broken(storeFailed("The session store failed", cause));
  }

  /** What is under way means nothing any more; only a load makes the store usable again. */
  #forget(): void {
    this.#epoch++;
    this.#broken = true;
    this.#loaded = false;
    this.#loading = undefined;
    this.#tails.clear();
    this.#meta = undefined;
  }
}

function sessionKeyOf(key: number): SessionKey {
  return { direction: key > 0xffff ? Direction.Inbound : Direction.Outbound, packetId: key & 0xffff };
}

function nothing(): void {}

/** A store may throw where it should have rejected. */
function attempt(call: () => Promise<void> | undefined): Promise<void> | undefined {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}

function storeFailed(text: string, cause: unknown, delivery?: "not-sent"): MqttError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new MqttError("STORE_FAILED", `${text}${reason}`, { cause, delivery });
}
