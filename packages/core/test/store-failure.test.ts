// SPDX-License-Identifier: Apache-2.0
// Every write but the first of a new publish: whichever fails, the session ends with it, once.
import { PacketType, ReasonCode } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { type ClientOptions, RecordPhase, type SessionRecord } from "../src/index.js";
import { Bench, codeOf, collect, follow, grant, publish, puback, pubrec, pubrel } from "./bench.js";
import { connected, holding, inbound, outbound } from "./store-bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { TrackedBench, Tracker } from "./tracked-bench.js";

const { Publish, Disconnect } = PacketType;

describe("a write on which CONNACK waits", () => {
  const released = { qos: 2, phase: RecordPhase.AwaitPubcomp, pubrecSequence: 1 } as const;
  const ref = new Uint8Array([1]);
  const cases: [string, readonly SessionRecord[], Partial<ClientOptions>][] = [
    ["reset", [outbound(1, {})], { cleanStart: true }],
    ["delete in 7", [inbound(7)], {}],
    ["put out 3 AwaitPubrec", [outbound(3, released)], {}],
    ["delete out 1", [outbound(1, {})], { sessionLossPolicy: "fail" }],
    ["put out 1 Completed 0x1", [outbound(1, { ref })], { sessionLossPolicy: "fail" }],
    ["put out 1 Completed 0x1", [outbound(1, { ref })], { cleanStart: true }],
  ];

  for (const [call, records, options] of cases) {
    it(`(${call}, ${JSON.stringify(options)}) and that fails ends the client; the next connect loads again [parity 109] [parity 110]`, async () => {
      const failures: unknown[] = [];
      const bench = new Bench();
      const store = holding(...records).hold();
      const client = bench.client({ store, onStoreFailure: (error) => failures.push(error), ...options });
      const connecting = follow(client.connect());
      const connection = await bench.peer.acceptConnect(); // the session is lost
      await bench.clock.settle();
      expect(store.waiting).toEqual([call]);
      store.fail(call);
      await connection.expect({ type: Disconnect, reasonCode: ReasonCode.UnspecifiedError });
      await connection.expectClosed();
      await bench.clock.advance(10_000);
      expect([codeOf(connecting.error), failures.map(codeOf), client.state.status]).toEqual([
        "STORE_FAILED",
        ["STORE_FAILED"],
        "closed",
      ]);
      expect(client.stats()).toMatchObject({ connects: 0, publishesInflight: 0, storeErrors: 1 });
      const again = follow(client.connect());
      await bench.peer.acceptConnect();
      await bench.clock.settle();
      expect([store.loads, store.waiting]).toEqual([2, [call]]); // nothing had changed
      store.free();
      store.done(call);
      await bench.clock.settle();
      expect(again.status).toBe("resolved");
      await bench.end(client);
    });
  }
});

describe("a write of a connection", () => {
  const cases: [string, (connection: ScriptedConnection, store: ScriptedStore) => Promise<void>][] = [
    [
      "delete in 7",
      async (connection, store) => {
        connection.send(publish("s", "", { qos: 2, packetId: 7 }));
        await connection.delivered();
        store.done("put in 7 AwaitPubrel");
        await connection.expect(pubrec(7));
        connection.send(pubrel(7));
      },
    ],
    [
      "delete out 2",
      async (connection, store) => {
        store.done("put out 2 AwaitPuback");
        await connection.expect({ type: Publish, packetId: 2 });
        connection.send(puback(2));
      },
    ],
  ];

  for (const [call, lead] of cases) {
    it(`(${call}) that fails, and what fails after it, is told once; nothing is sent that depends on it [parity 109]`, async () => {
      const failures: unknown[] = [];
      const store = new ScriptedStore();
      const { client, connection, clock, bench } = await connected(store, { onStoreFailure: (e) => failures.push(e) });
      const subscribing = client.subscribe("s", { qos: 2 });
      await grant(connection);
      collect(await clock.run(subscribing));
      const calls = [1, 2].map(() => follow(client.publish("t", "", { qos: 1 })));
      await clock.settle();
      await lead(connection, store);
      await clock.settle();
      store.fail(call);
      for (const waiting of store.waiting) store.fail(waiting);
      await connection.expect({ type: Disconnect, reasonCode: ReasonCode.UnspecifiedError });
      await connection.expectClosed();
      await clock.advance(10_000);
      expect(failures.map(codeOf)).toEqual(["STORE_FAILED"]);
      expect(client.stats()).toMatchObject({ storeErrors: 1, connects: 1, publishesInflight: 0 });
      expect(calls.every(({ status }) => status !== "pending")).toBe(true);
      expect(calls[0]?.status).toBe(call === "delete out 2" ? "resolved" : "rejected");
      await bench.end(client);
    });
  }

  it("(the outcome of a tracked publish) that fails breaks the session, and its owner is told nothing", async () => {
    const bench = await TrackedBench.opened();
    const tracker = new Tracker();
    bench.track(tracker);
    bench.store.hold();
    bench.puback(1, ReasonCode.NotAuthorized);
    bench.store.fail("put out 1 Completed 0x87");
    await bench.clock.settle();
    expect([bench.broken.map(codeOf), tracker.outcomes]).toEqual([["STORE_FAILED"], []]);
    expect(await bench.store.records()).toEqual(["out 1 AwaitPuback"]);
  });
});
