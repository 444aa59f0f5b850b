// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { MemorySessionStore, Outcome, RecordPhase, type SessionMeta } from "../src/index.js";
import { Bench, codeOf, follow } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { connected, holding, inbound, outbound } from "./store-bench.js";
import { TrackedBench, Tracker } from "./tracked-bench.js";

const { Publish, Disconnect } = PacketType;

/** A store whose calls return at once, and what it says of the session. */
function storing(): { store: ScriptedStore; meta: () => Promise<SessionMeta | undefined> } {
  const memory = new MemorySessionStore();
  return { store: new ScriptedStore(memory).free(), meta: async () => (await memory.load()).meta };
}

describe("disconnect", () => {
  it("that ends the session with the connection leaves no record, and a meta that claims none", async () => {
    const { store, meta } = storing();
    const bench = new Bench();
    const { client, connection } = await bench.connect({ store });
    const sent = follow(client.publish("a", "", { qos: 1 }));
    await connection.expect(Publish);
    await bench.clock.run(client.disconnect({ sessionExpiryInterval: 0 }), 5000);
    expect(codeOf(sent.error)).toBe("CLOSED");
    expect([await meta(), await store.records()]).toEqual([{ clientId: "client", sessionExpiryInterval: 0 }, []]);

    const again = new Bench();
    const next = await again.connect({ store }, { connect: { cleanStart: true } }); // nothing is held
    expect(await meta()).toEqual({ clientId: "client", sessionExpiryInterval: 300 });
    await again.end(next.client);
  });

  it("without a word about the session leaves the meta as it is", async () => {
    const { store, meta } = storing();
    const bench = new Bench();
    const { client } = await bench.connect({ store });
    await bench.end(client);
    expect(await meta()).toEqual({ clientId: "client", sessionExpiryInterval: 300 });
    expect(store.log).toEqual(["meta client 300"]);
  });

  it("with another interval keeps that one", async () => {
    const { store, meta } = storing();
    const bench = new Bench();
    const { client } = await bench.connect({ store });
    await bench.clock.run(client.disconnect({ sessionExpiryInterval: 3600 }), 5000);
    expect(await meta()).toEqual({ clientId: "client", sessionExpiryInterval: 3600 });
  });

  it("while there is no connection keeps a 0, which is the application's word, and no other, which no broker hears", async () => {
    for (const [interval, kept] of [
      [3600, 300],
      [0, 0],
    ]) {
      const { store, meta } = storing();
      const bench = new Bench();
      const { client, connection } = await bench.connect({ store });
      connection.cut();
      await bench.clock.until(() => client.state.status === "waiting");
      await bench.clock.run(client.disconnect({ sessionExpiryInterval: interval as number }), 5000);
      expect(await meta()).toEqual({ clientId: "client", sessionExpiryInterval: kept });
    }
  });

  it("of a client that never was connected makes up no meta", async () => {
    const { store, meta } = storing();
    const bench = new Bench();
    const client = bench.client({ store, retryInitialConnect: true });
    const connecting = follow(client.connect());
    await bench.clock.settle();
    await bench.clock.run(client.disconnect({ sessionExpiryInterval: 0 }), 5000);
    expect([codeOf(connecting.error), await meta()]).toEqual(["CLOSED", undefined]);
  });

  it("before the meta is durable has the last word: one write after the other", async () => {
    const store = new ScriptedStore();
    const bench = new Bench();
    const client = bench.client({ store });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(store.waiting).toEqual(["meta client 300"]);
    const leaving = follow(client.disconnect({ sessionExpiryInterval: 0 }));
    await connection.expect(Disconnect);
    connection.cut();
    await bench.clock.settle();
    expect(store.waiting).toEqual(["meta client 300"]);
    store.done("meta client 300");
    await bench.clock.settle();
    expect([store.waiting, leaving.status]).toEqual([["meta client 0"], "pending"]);
    store.done("meta client 0");
    await bench.clock.settle();
    expect([leaving.status, codeOf(connecting.error)]).toEqual(["resolved", "CLOSED"]);
  });

  it("whose meta can't be written says so, and the next connect loads the store again", async () => {
    const store = new ScriptedStore();
    const failures: unknown[] = [];
    const { bench, client, connection, clock } = await connected(store, { onStoreFailure: (e) => failures.push(e) });
    const leaving = follow(client.disconnect({ sessionExpiryInterval: 0 }));
    await connection.expect(Disconnect);
    connection.cut();
    await clock.settle();
    store.fail("meta client 0");
    await clock.settle();
    expect([leaving.status, failures.map(codeOf), client.state.status]).toEqual([
      "resolved",
      ["STORE_FAILED"],
      "closed",
    ]);
    store.free();
    const again = client.connect();
    await bench.peer.acceptResume(); // the store says 300 still
    await clock.run(again);
    expect(store.loads).toBe(2);
    await bench.end(client);
  });
});

describe("an explicit Clean Start over publishes that somebody tracks", () => {
  const ref = (byte: number): Uint8Array => new Uint8Array([byte]);
  const over = RecordPhase.Completed;

  it("keeps how each ended until its owner has asked, and nothing else [decision 28]", async () => {
    const store = holding(
      outbound(1, { ref: ref(1) }), // not acknowledged
      outbound(2, { ref: ref(2), phase: over, outcome: 0x87 }), // refused
      outbound(3, { ref: ref(3), phase: over, outcome: Outcome.Accepted }), // delivered
      outbound(4, {}),
      outbound(5, { sequence: 0 }), // can't be read
      inbound(6),
      { ...inbound(7), qos: 1 }, // can't be read
    ).hold();
    const bench = new Bench();
    const client = bench.client({ store, cleanStart: true });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect({ connect: { cleanStart: true } });
    await bench.clock.settle();
    expect(store.waiting.toSorted()).toEqual([
      "delete in 6",
      "delete in 7",
      "delete out 4",
      "delete out 5",
      "put out 1 Completed 0x1",
    ]);
    expect(connecting.status).toBe("pending"); // what a crash would bring back must be gone first
    for (const call of store.waiting) store.done(call);
    store.free();
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    await connection.expectNone();
    expect(await store.records()).toEqual(["out 1 Completed 0x1", "out 2 Completed 0x87", "out 3 Completed"]);
    void follow(client.publish("new", "", { qos: 1 }));
    await connection.expect({ type: Publish, packetId: 4 });
    await bench.end(client);

    const again = await TrackedBench.opened(store.afterCrash());
    const trackers = [1, 2, 3].map((byte) => {
      const tracker = new Tracker();
      again.session.adopt(ref(byte), tracker.settle);
      return tracker;
    });
    expect(trackers.map(({ outcomes }) => outcomes)).toEqual([[Outcome.SessionLost], [0x87], [Outcome.Accepted]]);
    for (const { removal } of trackers) removal?.resolve();
    await again.clock.settle();
    expect(await again.store.records()).toEqual(["out 4 AwaitPuback"]);
  });
});
