// SPDX-License-Identifier: Apache-2.0
import { type ContractCheck, type SessionStore as Structural, sessionStoreContract } from "@mqttv5/testing";
import { describe, expect, expectTypeOf, it, test } from "vitest";
import {
  MemorySessionStore,
  type SessionKey,
  type SessionMeta,
  type SessionRecord,
  type SessionStore,
  type StoredSession,
} from "../src/index.js";

/** A store whose every change is made later, those that overlap in the wrong order, as the contract allows. */
class LateStore implements SessionStore {
  #memory: MemorySessionStore;
  #closed = false;
  #due: (() => void)[] = [];

  constructor(memory: MemorySessionStore = new MemorySessionStore()) {
    this.#memory = memory;
  }

  async load(): Promise<StoredSession> {
    if (this.#closed) throw new Error("closed");
    return { ...(await this.#memory.load()), corrupt: [] };
  }

  put(record: SessionRecord): Promise<void> {
    const copy = { ...record, packet: record.packet.slice(), ref: record.ref.slice() };
    return this.#later(() => void this.#memory.put(copy));
  }

  delete({ direction, packetId }: SessionKey): Promise<void> {
    return this.#later(() => void this.#memory.delete({ direction, packetId }));
  }

  setMeta(meta: SessionMeta): Promise<void> {
    return this.#later(() => void this.#memory.setMeta(meta));
  }

  reset(): Promise<void> {
    return this.#later(() => void this.#memory.reset());
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  reopened(): LateStore {
    return new LateStore(this.#memory.reopened());
  }

  #later(change: () => void): Promise<void> {
    if (this.#closed) return Promise.reject(new Error("closed"));
    return new Promise((resolve) => {
      this.#due.push(() => {
        change();
        resolve();
      });
      void Promise.resolve().then(() => this.#due.pop()?.());
    });
  }
}

const kept: Record<string, readonly ContractCheck[]> = {
  "in memory": sessionStoreContract({ open: () => new MemorySessionStore(), reopen: (closed) => closed.reopened() }),
  "that takes its time": sessionStoreContract({ open: () => new LateStore(), reopen: (closed) => closed.reopened() }),
};

for (const [which, checks] of Object.entries(kept)) {
  describe(`a store ${which} keeps the contract of session stores [parity 114]`, () => {
    for (const { name, run } of checks) {
      it(name, async () => {
        await expect(run()).resolves.toBeUndefined();
      });
    }
  });
}

function changeLoad(store: MemorySessionStore, change: (session: StoredSession) => StoredSession): void {
  const load = store.load.bind(store);
  Object.assign(store, { load: async () => change(await load()) });
}

test("the contract's store and the client's are the same", () => {
  expectTypeOf<Structural>().toEqualTypeOf<SessionStore>();
});

describe("the contract finds", () => {
  const faulty: [string, string, (store: MemorySessionStore) => void][] = [
    [
      "EmptyLoad",
      "a store that holds something at first",
      (store) => void store.setMeta({ clientId: "a", sessionExpiryInterval: 0 }),
    ],
    [
      "EmptyLoad",
      "a store that can't read what nobody wrote",
      (store) => changeLoad(store, (session) => ({ ...session, corrupt: [{ key: undefined, reason: "" }] })),
    ],
    ["RoundTrip", "a lost put", (store) => Object.assign(store, { put: () => undefined })],
    [
      "PutReplaces",
      "a put that does not replace",
      (store) => {
        const put = store.put.bind(store);
        const seen = new Set<number>();
        const once = (record: SessionRecord) =>
          seen.has(record.packetId) ? undefined : (seen.add(record.packetId), put(record));
        Object.assign(store, { put: once });
      },
    ],
    [
      "OutboundOrderedBySeq",
      "records in the order of their identifiers",
      (store) =>
        changeLoad(store, (session) => ({
          ...session,
          records: session.records.toSorted((a, b) => a.packetId - b.packetId),
        })),
    ],
    [
      "KeysAreDirectional",
      "keys without a direction",
      (store) => {
        const remove = store.delete.bind(store);
        const both = ({ packetId }: SessionKey) => (
          void remove({ direction: 2, packetId }), remove({ direction: 1, packetId })
        );
        Object.assign(store, { delete: both });
      },
    ],
    [
      "CopiesPackets",
      "a store that gives out its own bytes",
      (store) => {
        const load = store.load.bind(store);
        let session: Promise<StoredSession> | undefined;
        Object.assign(store, { load: () => (session ??= load()) });
      },
    ],
    [
      "Concurrent",
      "a put that gets lost among many",
      (store) => {
        const put = store.put.bind(store);
        Object.assign(store, { put: (record: SessionRecord) => (record.packetId === 117 ? undefined : put(record)) });
      },
    ],
    ["SurvivesReopen", "a store that forgets", () => {}],
    ["Delete", "a delete that does nothing", (store) => Object.assign(store, { delete: () => undefined })],
    ["Reset", "a reset that does nothing", (store) => Object.assign(store, { reset: () => undefined })],
    ["Meta", "meta that is forgotten", (store) => Object.assign(store, { setMeta: () => undefined })],
    ["ClosedStoreFails", "a store that works on", (store) => Object.assign(store, { close: () => undefined })],
  ];

  for (const [name, fault, damage] of faulty) {
    it(fault, async () => {
      const open = (): MemorySessionStore => {
        const store = new MemorySessionStore();
        damage(store);
        return store;
      };
      const check = sessionStoreContract({ open, reopen: open }).find((one) => one.name === name);
      await expect(check?.run()).rejects.toThrow(/expected|did not fail/);
    });
  }
});
