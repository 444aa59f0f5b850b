// SPDX-License-Identifier: Apache-2.0
import type { SessionStore, StoredRecord, StoredSession } from "./session-store.js";

/** Makes the stores that the contract is tried on. */
export interface SessionStoreFactory<Store extends SessionStore = SessionStore> {
  /** A new store that holds nothing. */
  open(): Store | Promise<Store>;
  /** Another store over what a closed one kept. */
  reopen(closed: Store): Store | Promise<Store>;
}

/** One rule of a contract. `run` rejects with what is wrong. */
export interface ContractCheck {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * What every session store has to do, as named checks for any test framework:
 * `for (const { name, run } of sessionStoreContract(factory)) test(name, run)`.
 */
export function sessionStoreContract<Store extends SessionStore>(
  factory: SessionStoreFactory<Store>,
): readonly ContractCheck[] {
  const check = (name: string, rule: (store: Store) => Promise<void>): ContractCheck => ({
    name,
    run: async () => {
      const store = await factory.open();
      try {
        await rule(store);
      } finally {
        await store.close();
      }
    },
  });
  return [
    check("EmptyLoad", async (store) => {
      same(await loaded(store), { meta: undefined, records: [] }, "a new store");
    }),
    check("RoundTrip", async (store) => {
      const records = [
        record(1, {}),
        record(65_535, {
          sequence: 2,
          pubrecSequence: 7,
          qos: 2,
          phase: 3,
          packet: new Uint8Array(300).map((_, index) => index),
          expiresAt: 4_102_444_800_123,
          ref: new Uint8Array(255).fill(0xff),
        }),
        record(2, { sequence: 2 ** 40, qos: 2, phase: 5, outcome: 0x87 }),
        record(3, { sequence: 2 ** 40 + 1, packet: new Uint8Array(100_000).fill(7) }),
      ];
      for (const one of records) await store.put(one);
      same((await loaded(store)).records, records, "what was put");
    }),
    check("PutReplaces", async (store) => {
      await store.put(record(1, { qos: 2, phase: 2, packet: new Uint8Array(50) }));
      const later = record(1, { qos: 2, phase: 3, pubrecSequence: 1 });
      await store.put(later);
      same((await loaded(store)).records, [later], "a record that was put twice");
    }),
    check("OutboundOrderedBySeq", async (store) => {
      for (const [packetId, sequence] of [
        [1, 30],
        [2, 10],
        [3, 20],
      ] as const) {
        await store.put(record(packetId, { sequence }));
      }
      same(await outbound(store), [2, 3, 1], "the order of outbound records");
    }),
    check("Delete", async (store) => {
      await store.put(record(1, {}));
      await store.put(record(2, { sequence: 2 }));
      await store.delete({ direction: 1, packetId: 1 });
      await store.delete({ direction: 1, packetId: 1 });
      await store.delete({ direction: 1, packetId: 9 });
      same(await outbound(store), [2], "what is left");
    }),
    check("KeysAreDirectional", async (store) => {
      const received = record(1, { direction: 2, sequence: 0, qos: 2, phase: 4, packet: new Uint8Array(0) });
      await store.put(record(1, {}));
      await store.put(received);
      same((await loaded(store)).records.length, 2, "the number of records under one identifier");
      await store.delete({ direction: 1, packetId: 1 });
      same((await loaded(store)).records, [received], "the inbound record");
    }),
    check("CopiesPackets", async (store) => {
      const packet = new Uint8Array([1, 2, 3]);
      const ref = new Uint8Array([4]);
      const writing = store.put(record(1, { packet, ref }));
      packet.fill(9);
      ref.fill(9);
      await writing;
      for (let times = 0; times < 2; times++) {
        const [first] = (await loaded(store)).records;
        same([first?.packet, first?.ref], [new Uint8Array([1, 2, 3]), new Uint8Array([4])], "the bytes");
        first?.packet.fill(9); // what was loaded is a copy as well
      }
    }),
    check("Meta", async (store) => {
      await store.setMeta({ clientId: "a", sessionExpiryInterval: 1 });
      const meta = { clientId: "\u00fc\u{1F600}", sessionExpiryInterval: 4_294_967_295 };
      await store.setMeta(meta);
      same((await loaded(store)).meta, meta, "the meta");
    }),
    check("Reset", async (store) => {
      await store.setMeta({ clientId: "a", sessionExpiryInterval: 1 });
      await store.put(record(1, {}));
      await store.reset();
      same(await loaded(store), { meta: undefined, records: [] }, "a store after reset");
      await store.put(record(2, {}));
      same(await outbound(store), [2], "a store that is used after reset");
    }),
    check("Concurrent", async (store) => {
      const ids = Array.from({ length: 200 }, (_, index) => index + 1);
      await Promise.all(ids.map(async (id) => store.put(record(id, { sequence: id }))));
      const even = ids.filter((id) => id % 2 === 0);
      await Promise.all(even.map(async (id) => store.delete({ direction: 1, packetId: id })));
      same(
        await outbound(store),
        ids.filter((id) => id % 2 === 1),
        "the records after many calls at once",
      );
    }),
    check("ClosedStoreFails", async (store) => {
      await store.close();
      await store.close();
      await rejects("load", () => store.load());
      await rejects("put", () => store.put(record(1, {})));
      await rejects("delete", () => store.delete({ direction: 1, packetId: 1 }));
      await rejects("setMeta", () => store.setMeta({ clientId: "a", sessionExpiryInterval: 1 }));
      await rejects("reset", () => store.reset());
    }),
    check("SurvivesReopen", async (store) => {
      const meta = { clientId: "a", sessionExpiryInterval: 1 };
      const kept = record(2, { sequence: 2, ref: new Uint8Array([1, 2]), outcome: 0 });
      await store.setMeta(meta);
      await store.put(record(1, {}));
      await store.put(kept);
      await store.delete({ direction: 1, packetId: 1 });
      await store.close();
      const reopened = await factory.reopen(store);
      try {
        same(await loaded(reopened), { meta, records: [kept] }, "the reopened store");
      } finally {
        await reopened.close();
      }
    }),
  ];
}

function record(packetId: number, rest: Partial<StoredRecord>): StoredRecord {
  return {
    direction: 1,
    packetId,
    sequence: 1,
    pubrecSequence: 0,
    qos: 1,
    phase: 1,
    packet: new Uint8Array([0x32, packetId & 0xff]),
    expiresAt: undefined,
    ref: new Uint8Array(0),
    outcome: 0,
    ...rest,
  };
}

/** What a store holds, all of which can be read. */
async function loaded(store: SessionStore): Promise<StoredSession> {
  const { meta, records, corrupt = [] } = await store.load();
  same(corrupt, [], "what can't be read");
  return { meta, records };
}

async function outbound(store: SessionStore): Promise<readonly number[]> {
  return (await loaded(store)).records.map(({ packetId }) => packetId);
}

async function rejects(name: string, call: () => Promise<unknown> | undefined): Promise<void> {
  let rejected = false;
  try {
    await call();
  } catch {
    rejected = true;
  }
  if (!rejected) throw new Error(`${name} of a closed store did not fail`);
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [plain(actual), plain(expected)];
  if (is !== should) throw new Error(`${what}: expected ${should.slice(0, 500)}, but got ${is.slice(0, 500)}`);
}

/** Values as text: keys in one order, bytes as numbers, what is undefined left out. */
function plain(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => {
    if (item instanceof Uint8Array) return `bytes ${Array.from(item).join(" ")}`;
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
  return text ?? "undefined";
}
