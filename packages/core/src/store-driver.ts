// SPDX-License-Identifier: Apache-2.0
import { decode, type Publish } from "@mqttv5/wire";
import type { Clock } from "./clock.js";
import { MqttError } from "./errors.js";
import { OutboundPublish, Phase } from "./session/outbound-publish.js";
import type { Recorded, RecordPort } from "./session/record-port.js";
import { Direction, RecordPhase, type SessionKey, type SessionMeta, type SessionRecord } from "./store.js";
import type { SessionStore } from "./store.js";

/** What the driver tells the session and the client. */
export interface StoreDriverPort {
  stored(owner: Recorded): void;
  deleted(owner: Recorded): void;
  failed(publish: OutboundPublish, error: MqttError): void;
  settled(publish: OutboundPublish, done: boolean): void;
  /** What the store kept, before the first connection that uses it. */
  restore(publishes: readonly OutboundPublish[], received: readonly number[], meta: SessionMeta | undefined): void;
  /** The session can't be trusted to be durable any more. Once until the next `load`. */
  broken(error: MqttError): void;
}

/** One change of one record. */
interface Job {
  readonly owner: Recorded;
  readonly key: number;
  /** Undefined: the record is deleted. */
  readonly record: SessionRecord | undefined;
  readonly fresh: boolean;
  next: Job | undefined;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Performs what the session asks of its store: changes of one record one after the other, those of different records at
 * once. A store that is done at once costs no promise. Lives as long as the client.
 */
export class StoreDriver implements RecordPort {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #port: StoreDriverPort;
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
  /** What is known to be durable. */
  #meta: SessionMeta | undefined;

  constructor(store: SessionStore, clock: Clock, port: StoreDriverPort) {
    this.#store = store;
    this.#clock = clock;
    this.#port = port;
  }

  // Life

  /** Loads the session, the first time and after a failure. Undefined: that is done. Rejects with `STORE_FAILED`; the next call tries again. */
  load(): Promise<void> | undefined {
    if (this.#loaded) return undefined;
    if (this.#loading === undefined) {
      this.#loading = this.#load();
      this.#loading.catch(() => {
        this.#loading = undefined;
      });
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
    await this.#alone(() => this.#store.reset());
  }

  /** Keeps the meta, unless it is there. Undefined: done. Never rejects: a failure breaks the session. */
  setMeta(meta: SessionMeta): Promise<void> | undefined {
    const { clientId, sessionExpiryInterval } = meta;
    if (this.#meta?.clientId === clientId && this.#meta.sessionExpiryInterval === sessionExpiryInterval)
      return undefined;
    this.#meta = undefined; // not known until it is done
    return this.#alone(
      () => this.#store.setMeta(meta),
      () => {
        this.#meta = meta;
      },
    );
  }

  // What the session asks

  put(owner: Recorded, fresh: boolean): boolean {
    const record = owner instanceof OutboundPublish ? this.#outbound(owner) : inbound(owner.packetId);
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
      const { meta, records } = await this.#store.load();
      const publishes = records
        .filter(({ direction }) => direction === Direction.Outbound)
        .map((r) => this.#publish(r));
      const received = records.filter(({ direction }) => direction === Direction.Inbound).map((r) => r.packetId);
      this.#meta = meta;
      this.#broken = false;
      this.#loaded = true;
      this.#port.restore(publishes, received, meta);
    } catch (error) {
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

  #perform({ record, owner }: Job): Promise<void> | undefined {
    if (record !== undefined) return attempt(() => this.#store.put(record));
    const direction = owner instanceof OutboundPublish ? Direction.Outbound : Direction.Inbound;
    return attempt(() => this.#store.delete({ direction, packetId: owner.packetId }));
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
        const error = storeFailed("The session store failed", cause, "not-sent");
        if (!job.fresh || !(owner instanceof OutboundPublish)) {
          this.#break(cause);
          return;
        }
        this.#advance(job);
        this.#port.failed(owner, error);
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
    if (record === undefined) this.#port.deleted(owner);
    else this.#port.stored(owner);
  }

  #alone(call: () => Promise<void> | undefined, then?: () => void): Promise<void> | undefined {
    const done = attempt(call);
    if (done === undefined) {
      then?.();
      return undefined;
    }
    return this.#follow(
      done,
      () => then?.(),
      (cause) => this.#break(cause),
    );
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
    this.#epoch++;
    this.#broken = true;
    this.#loaded = false;
    this.#loading = undefined;
    this.#tails.clear();
    this.#meta = undefined;
    this.#port.broken(storeFailed("The session store failed", cause));
  }

  #outbound(publish: OutboundPublish): SessionRecord {
    const { packetId, sequence, pubrecSequence, frame: packet, expiresAt, ref = NO_BYTES, outcome } = publish;
    return {
      direction: Direction.Outbound,
      packetId,
      sequence,
      pubrecSequence,
      qos: publish.qos === 1 ? 1 : 2,
      phase: phaseOf(publish),
      packet,
      expiresAt: expiresAt === Infinity ? undefined : expiresAt - this.#clock.now() + this.#clock.wallTime(),
      ref,
      outcome,
    };
  }

  #publish(record: SessionRecord): OutboundPublish {
    const { packet, qos, expiresAt, ref } = record;
    const { retain } = decode(packet) as Publish;
    const until = expiresAt === undefined ? Infinity : expiresAt - this.#clock.wallTime() + this.#clock.now();
    const publish = new OutboundPublish(packet, qos, retain, until, undefined);
    publish.packetId = record.packetId;
    publish.sequence = record.sequence;
    publish.pubrecSequence = record.pubrecSequence;
    publish.phase = PHASES[record.phase] ?? Phase.Done;
    publish.outcome = record.outcome;
    if (ref.length > 0) publish.ref = ref;
    return publish;
  }
}

const PHASES: Readonly<Record<number, Phase>> = {
  [RecordPhase.AwaitPuback]: Phase.AwaitPuback,
  [RecordPhase.AwaitPubrec]: Phase.AwaitPubrec,
  [RecordPhase.AwaitPubcomp]: Phase.AwaitPubcomp,
};

function phaseOf({ phase, qos }: OutboundPublish): RecordPhase {
  if (phase === Phase.Done) return RecordPhase.Completed;
  if (phase === Phase.AwaitPubcomp) return RecordPhase.AwaitPubcomp;
  return qos === 1 ? RecordPhase.AwaitPuback : RecordPhase.AwaitPubrec;
}

function inbound(packetId: number): SessionRecord {
  return {
    direction: Direction.Inbound,
    packetId,
    sequence: 0,
    pubrecSequence: 0,
    qos: 2,
    phase: RecordPhase.AwaitPubrel,
    packet: NO_BYTES,
    expiresAt: undefined,
    ref: NO_BYTES,
    outcome: 0,
  };
}

function keyOf({ direction, packetId }: SessionKey): number {
  return direction === Direction.Outbound ? packetId : packetId | 0x10000;
}

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
