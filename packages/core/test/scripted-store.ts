// SPDX-License-Identifier: Apache-2.0
import { type SessionKey, type SessionMeta, type SessionRecord, type SessionStore, RecordPhase } from "../src/index.js";
import { MemorySessionStore, type StoredSession } from "../src/index.js";

/** A call that has not returned. */
interface Call {
  readonly name: string;
  done(): void;
  fail(error: Error): void;
}

/**
 * A store whose every call returns when the test says. What it was told takes effect then and not before, so that
 * `afterCrash` is what a process finds that comes back now.
 */
export class ScriptedStore implements SessionStore {
  #memory = new MemorySessionStore();
  /** In the order they came: `put out 1 AwaitPuback`, `delete in 7`, `meta client 300`, `reset`. */
  #calls: Call[] = [];
  /** Every call that was ever made. */
  readonly log: string[] = [];
  /** Calls that are done at once. */
  #free: RegExp | undefined;
  loads = 0;

  constructor(memory: MemorySessionStore = new MemorySessionStore()) {
    this.#memory = memory;
  }

  /** From now on these calls return at once. */
  free(pattern: RegExp = /^/): this {
    this.#free = pattern;
    return this;
  }

  hold(): this {
    this.#free = undefined;
    return this;
  }

  get waiting(): string[] {
    return this.#calls.map(({ name }) => name);
  }

  /** The call of that name returns. */
  done(name: string): void {
    this.#take(name).done();
  }

  fail(name: string, error: Error = new Error("disk full")): void {
    this.#take(name).fail(error);
  }

  afterCrash(): MemorySessionStore {
    return this.#memory.reopened();
  }

  async records(): Promise<string[]> {
    const { records } = await this.#memory.load();
    return records.map((record) => `${keyText(record)} ${phaseText(record)}`);
  }

  load(): Promise<StoredSession> {
    this.loads++;
    return this.#memory.load();
  }

  put(record: SessionRecord): Promise<void> | undefined {
    const copy = { ...record, packet: record.packet.slice() };
    return this.#call(`put ${keyText(record)} ${phaseText(record)}`, () => void this.#memory.put(copy));
  }

  delete(key: SessionKey): Promise<void> | undefined {
    return this.#call(`delete ${keyText(key)}`, () => void this.#memory.delete(key));
  }

  setMeta(meta: SessionMeta): Promise<void> | undefined {
    return this.#call(`meta ${meta.clientId} ${meta.sessionExpiryInterval}`, () => void this.#memory.setMeta(meta));
  }

  reset(): Promise<void> | undefined {
    return this.#call("reset", () => void this.#memory.reset());
  }

  close(): undefined {}

  #call(name: string, effect: () => void): Promise<void> | undefined {
    this.log.push(name);
    if (this.#free?.test(name)) {
      effect();
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#calls.push({
        name,
        done: () => {
          effect();
          resolve();
        },
        fail: reject,
      });
    });
  }

  #take(name: string): Call {
    const index = this.#calls.findIndex((call) => call.name === name);
    const [call] = index < 0 ? [] : this.#calls.splice(index, 1);
    if (call === undefined) throw new Error(`No call ${name} waits, only ${this.waiting.join(", ")}`);
    return call;
  }
}

function keyText({ direction, packetId }: SessionKey): string {
  return `${direction === 1 ? "out" : "in"} ${packetId}`;
}

function phaseText({ phase, outcome }: SessionRecord): string {
  const name = Object.entries(RecordPhase).find(([, value]) => value === phase)?.[0] ?? `phase ${phase}`;
  return outcome === 0 ? name : `${name} 0x${outcome.toString(16)}`;
}
