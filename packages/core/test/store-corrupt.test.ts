// SPDX-License-Identifier: Apache-2.0
import { VirtualClock } from "@mqttv5/testing";
import { encode, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import {
  type CorruptRecord,
  Direction,
  MemorySessionStore,
  RecordPhase,
  type SessionMeta,
  type SessionRecord,
  type StoredSession,
} from "../src/index.js";
import { newStats } from "../src/stats.js";
import { StoreDriver } from "../src/store-driver.js";
import { collect, Bench, follow, puback, pubcomp, publish, pubrec, pubrel } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { holding, inbound, outbound, restarted } from "./store-bench.js";

const { Publish } = PacketType;
const { AwaitPuback, AwaitPubrel, AwaitPubcomp } = RecordPhase;

/** A store that found some of its records unreadable itself. */
function reporting(corrupt: readonly CorruptRecord[], ...records: SessionRecord[]): ScriptedStore {
  const store = holding(...records);
  const load = store.load.bind(store);
  return Object.assign(store, { load: async (): Promise<StoredSession> => ({ ...(await load()), corrupt }) });
}

const packet = (rest: Parameters<typeof publish>[2]) => encode(publish("t/2", "", { qos: 1, packetId: 2, ...rest }));

/** Records under identifier 2 that can't be. */
const damaged: Record<string, Partial<SessionRecord>> = {
  "a packet that is cut off": { packet: packet({}).subarray(0, 5) },
  "a packet with bytes behind it": { packet: new Uint8Array([...packet({}), 0]) },
  "no packet at all": { packet: new Uint8Array(0) },
  "a packet of another type": { packet: encode(puback(2)) },
  "a packet with another identifier": { packet: packet({ packetId: 3 }) },
  "a packet at another QoS": { packet: packet({ qos: 2 }) },
  "a packet that says it is a duplicate": { packet: packet({ duplicate: true }) },
  "a packet with a topic alias": { packet: packet({ properties: { topicAlias: 1 } }) },
  "an expiry that its packet does not have": { expiresAt: 4_102_444_800_000 },
  "an expiry that is no time": { expiresAt: Number.NaN, packet: packet({ properties: { messageExpiryInterval: 1 } }) },
  "QoS 0": { qos: 0 as 1 },
  "a phase of QoS 2 at QoS 1": { phase: AwaitPubcomp, pubrecSequence: 1 },
  "a phase of a received message": { phase: AwaitPubrel },
  "a phase that there is not": { phase: 9 as 1 },
  "a released one without its place among the PUBRECs": {
    qos: 2,
    phase: AwaitPubcomp,
    packet: packet({ qos: 2 }),
    pubrecSequence: 0,
  },
  "sequence 0": { sequence: 0 },
  "a sequence that is no number": { sequence: "1" as unknown as number },
  "an outcome that is no byte": { outcome: 256 },
  "a ref that is too long": { ref: new Uint8Array(256) },
};

describe("a record that can't be", () => {
  for (const [what, rest] of Object.entries(damaged)) {
    it(`(${what}) is left out, told and counted; the rest goes on, and its identifier is not used`, async () => {
      const told: CorruptRecord[] = [];
      const store = holding(outbound(1, { sequence: 5 }), outbound(2, { sequence: 6, ...rest }), outbound(9, {}));
      const { bench, client, connection, clock } = await restarted(store, { onStoreCorrupt: (r) => told.push(r) });
      await connection.expect({ type: Publish, packetId: 1, duplicate: true });
      await connection.expect({ type: Publish, packetId: 9, duplicate: true });
      const sent = follow(client.publish("new", "", { qos: 1 }));
      await connection.expect({ type: Publish, topic: "new", packetId: 3, duplicate: false });
      connection.send(puback(1), puback(9), puback(3), puback(2));
      await connection.expectNone();
      expect([sent.status, client.stats().publishesInflight, client.stats().acksIgnored]).toEqual(["resolved", 0, 1]);
      expect(told).toEqual([{ key: { direction: Direction.Outbound, packetId: 2 }, reason: expect.any(String) }]);
      expect(bench.log.filter((line) => line.includes("outbound 2"))).toHaveLength(1);
      expect(client.stats()).toMatchObject({ storeCorruptRecords: 1, storeErrors: 0 });
      expect((await store.load()).records.map(({ packetId }) => packetId)).toEqual([2]);
      await bench.end(client);
      expect(clock.pending).toBe(0);
    });
  }

  it("and has no key holds no identifier", async () => {
    const told: CorruptRecord[] = [];
    const records = [0, 70_000, 1.5].map((packetId) => ({ ...outbound(1, {}), packetId }));
    records.push({ ...outbound(1, {}), direction: 3 as 1 });
    const store = holding();
    const load = async () => ({ meta: undefined, records: [...records, null as unknown as SessionRecord] });
    Object.assign(store, { load });
    const { bench, client, connection } = await restarted(store, { onStoreCorrupt: (r) => told.push(r) });
    expect(told.map(({ key }) => key)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    void follow(client.publish("new", "", { qos: 1 }));
    await connection.expect({ type: Publish, packetId: 1 });
    await bench.end(client);
  });

  it("for want of a phase is no received message: the broker's is delivered, and replaces it", async () => {
    const store = holding({ ...inbound(7), phase: AwaitPuback }, inbound(8));
    const bench = new Bench();
    const client = bench.client({ store });
    const { got } = collect(await client.subscribe("#", { qos: 2 }));
    const connecting = client.connect();
    const connection = await bench.peer.acceptResume();
    await bench.clock.run(connecting);
    await connection.next(); // SUBSCRIBE
    connection.send(publish("a", "1", { qos: 2, packetId: 7 }), publish("b", "2", { qos: 2, packetId: 8 }));
    await connection.expect(pubrec(8)); // received already
    await connection.expect(pubrec(7));
    connection.send(pubrel(7), pubrel(8));
    await connection.expect(pubcomp(7));
    await connection.expect(pubcomp(8));
    expect([got, await store.records(), client.stats().storeCorruptRecords]).toEqual([["a=1"], [], 1]);
    await bench.end(client);
  });

  it("may be one of two under one identifier: the newer goes on, whatever the order", async () => {
    const released = { qos: 2, phase: AwaitPubcomp, pubrecSequence: 1, sequence: 4 } as const;
    const pairs: [SessionRecord, SessionRecord, object][] = [
      [outbound(1, { sequence: 4 }), outbound(1, { sequence: 3 }), { type: Publish, packetId: 1 }],
      [outbound(1, released), outbound(1, { qos: 2, sequence: 4 }), pubrel(1)],
    ];
    for (const [newer, older, resumed] of pairs) {
      for (const records of [
        [newer, older],
        [older, newer],
      ]) {
        const store = Object.assign(holding(), { load: async () => ({ meta: undefined, records }) });
        const { bench, client, connection } = await restarted(store);
        await connection.expect(resumed as { type: typeof Publish });
        await connection.expectNone();
        expect(client.stats()).toMatchObject({ storeCorruptRecords: 1, publishesInflight: 1 });
        await bench.end(client);
      }
    }
  });

  it("is there again at each load, until it is deleted", async () => {
    const store = holding(outbound(1, { sequence: 0 }));
    for (const [expected, packetId] of [
      [1, 2],
      [1, 2],
      [0, 1],
    ]) {
      const { bench, client, connection } = await restarted(store); // expects Clean Start 0
      expect(client.stats().storeCorruptRecords).toBe(expected);
      const sent = follow(client.publish("new", "", { qos: 1 }));
      await connection.expect({ type: Publish, packetId });
      connection.send(puback(packetId as number));
      await bench.clock.settle();
      expect(sent.status).toBe("resolved");
      await bench.end(client);
      if (store.loads === 2) await store.delete({ direction: Direction.Outbound, packetId: 1 });
    }
  });

  it("goes with an explicit Clean Start, and its identifier is free", async () => {
    const store = holding(outbound(1, { sequence: 0 }));
    const bench = new Bench();
    const { client, connection } = await bench.connect({ store, cleanStart: true });
    expect([await store.records(), client.stats().storeCorruptRecords]).toEqual([[], 1]);
    void follow(client.publish("new", "", { qos: 1 }));
    await connection.expect({ type: Publish, packetId: 1 });
    await bench.end(client);
  });

  it("is one of many in one line of the log, and told each by itself", async () => {
    const told: CorruptRecord[] = [];
    const records = Array.from({ length: 30 }, (_, index) => outbound(index + 1, { sequence: 0 }));
    const { bench, client } = await restarted(holding(...records), { onStoreCorrupt: (r) => told.push(r) });
    expect([told.length, client.stats().storeCorruptRecords]).toEqual([30, 30]);
    expect(bench.log).toEqual([expect.stringMatching(/outbound 1: .*outbound 10: .*; and 20 more$/)]);
    await bench.end(client);
  });
});

describe("what a store can't read itself", () => {
  it("is told and counted, and its identifier held", async () => {
    const told: CorruptRecord[] = [];
    const corrupt: CorruptRecord[] = [
      { key: { direction: Direction.Outbound, packetId: 1 }, reason: "checksum" },
      { key: { direction: Direction.Inbound, packetId: 5 }, reason: "checksum" },
      { key: undefined, reason: "unknown version" },
      { key: { direction: Direction.Outbound, packetId: 0 }, reason: "checksum" },
    ];
    const { bench, client, connection } = await restarted(reporting(corrupt, outbound(2, {})), {
      onStoreCorrupt: (record) => told.push(record),
    });
    await connection.expect({ type: Publish, packetId: 2, duplicate: true });
    void follow(client.publish("new", "", { qos: 1 }));
    await connection.expect({ type: Publish, topic: "new", packetId: 3 });
    expect(told).toEqual([...corrupt.slice(0, 3), { key: undefined, reason: "checksum" }]);
    expect(client.stats().storeCorruptRecords).toBe(4);
    await bench.end(client);
  });

  it("still says that there was a session: Clean Start does not erase what the broker queued [decision 11]", async () => {
    const store = Object.assign(holding(), {
      load: async () => ({ meta: undefined, records: [], corrupt: [{ key: undefined, reason: "checksum" }] }),
    });
    const { bench, client } = await restarted(store); // expects Clean Start 0
    expect(client.serverInfo?.sessionPresent).toBe(true);
    await bench.end(client);
  });
});

describe("a meta that can't be", () => {
  for (const meta of [
    { clientId: 5, sessionExpiryInterval: 300 },
    { clientId: "client", sessionExpiryInterval: -1 },
    { clientId: "client", sessionExpiryInterval: 2 ** 32 },
    "meta",
    null,
  ]) {
    it(`(${JSON.stringify(meta)}) is left out and told, the records are used, and a good one is written`, async () => {
      const told: CorruptRecord[] = [];
      const store = holding(outbound(1, {}));
      const load = store.load.bind(store);
      Object.assign(store, { load: async () => ({ ...(await load()), meta: meta as unknown as SessionMeta }) });
      const { bench, client, connection } = await restarted(store, { onStoreCorrupt: (r) => told.push(r) });
      await connection.expect({ type: Publish, packetId: 1, duplicate: true });
      expect(told.map(({ key }) => key)).toEqual([undefined]);
      expect(store.log).toContain("meta client 300");
      await bench.end(client);
    });
  }
});

describe("the order of records", () => {
  it("is that of their sequences, however a store lists them", async () => {
    const records = [outbound(3, { sequence: 9 }), outbound(1, { sequence: 7 }), outbound(2, { sequence: 8 })];
    const store = Object.assign(holding(), { load: async () => ({ meta: undefined, records }) });
    const { bench, client, connection } = await restarted(store);
    for (const packetId of [1, 2, 3]) await connection.expect({ type: Publish, packetId });
    await bench.end(client);
  });
});

describe("a message that expires", () => {
  it("has no more time after a restart than when it was stored, should the time of day have gone back", async () => {
    const properties = { messageExpiryInterval: 60 };
    const store = holding(
      outbound(1, {
        packet: encode(publish("t/1", "", { qos: 1, packetId: 1, properties })),
        expiresAt: Number.MAX_SAFE_INTEGER,
      }),
    );
    const bench = new Bench();
    const client = bench.client({ store });
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect({ connect: { cleanStart: false } }); // the session is lost
    await bench.clock.run(connecting);
    const packetAgain = await connection.expect({ type: Publish, packetId: 1, duplicate: false });
    expect(packetAgain.properties?.messageExpiryInterval).toBe(60);
    await bench.end(client);
  });
});

describe("a load whose hand-over fails", () => {
  it("is asked for again", async () => {
    const memory = new MemorySessionStore();
    void memory.put(outbound(1, {}));
    let restored = 0;
    const port = {
      stored() {},
      deleted() {},
      failed() {},
      settled() {},
      broken() {},
      restore() {
        if (++restored === 1) throw new Error("no");
      },
    };
    const stats = newStats();
    const driver = new StoreDriver(new ScriptedStore(memory).free(), new VirtualClock(), port, stats);
    await expect(driver.load()).rejects.toMatchObject({ code: "STORE_FAILED" });
    await driver.load();
    expect([restored, stats.storeErrors, driver.load()]).toEqual([2, 1, undefined]);
  });
});
