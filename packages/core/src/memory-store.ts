// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "./errors.js";
import {
  Direction,
  type SessionKey,
  type SessionMeta,
  type SessionRecord,
  type SessionStore,
  type StoredSession,
} from "./store.js";

/**
 * A session store in memory: everything is done at once, nothing survives the process. For tests, and to hand a session
 * from one client to the next. Lives as long as whoever made it keeps it.
 */
export class MemorySessionStore implements SessionStore {
  readonly #records = new Map<number, SessionRecord>();
  #meta: SessionMeta | undefined;
  #closed = false;

  load(): Promise<StoredSession> {
    if (this.#closed) return Promise.reject(closed());
    const records = [...this.#records.values()].map(copyOf).toSorted((a, b) => a.sequence - b.sequence);
    return Promise.resolve({ meta: this.#meta, records });
  }

  put(record: SessionRecord): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(closed());
    this.#records.set(keyOf(record), copyOf(record));
    return undefined;
  }

  delete(key: SessionKey): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(closed());
    this.#records.delete(keyOf(key));
    return undefined;
  }

  setMeta(meta: SessionMeta): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(closed());
    this.#meta = { clientId: meta.clientId, sessionExpiryInterval: meta.sessionExpiryInterval };
    return undefined;
  }

  reset(): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(closed());
    this.#records.clear();
    this.#meta = undefined;
    return undefined;
  }

  /** What it holds stays: {@link MemorySessionStore.reopened} gives it to the next. */
  close(): Promise<void> | undefined {
    this.#closed = true;
    return undefined;
  }

  /** Another store with what this one holds, as if the process had come back. */
  reopened(): MemorySessionStore {
    const store = newStore();
    for (const [key, record] of this.#records) store.#records.set(key, copyOf(record));
    store.#meta = this.#meta;
    return store;
  }
}

/** Outside of the class: one that names itself gets another name when it is bundled, and stack traces show that. */
function newStore(): MemorySessionStore {
  return new MemorySessionStore();
}

function keyOf({ direction, packetId }: SessionKey): number {
  return direction === Direction.Outbound ? packetId : packetId | 0x10000;
}

function copyOf(record: SessionRecord): SessionRecord {
  return { ...record, packet: new Uint8Array(record.packet), ref: new Uint8Array(record.ref) };
}

function closed(): MqttError {
  return new MqttError("CLOSED", "The session store is closed");
}
