// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { Bench, codeOf, collect, follow, grant, puback, publish } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { connected, holding, inbound, type StoreBench } from "./store-bench.js";
import { TrackedBench } from "./tracked-bench.js";

const { Publish } = PacketType;
const PAYLOAD = "x".repeat(1000);

/** How a call ended: `CODE delivery`. */
function ending({ status, error }: { status: string; error?: unknown }): string {
  if (status !== "rejected") return status;
  return `${codeOf(error)} ${(error as { delivery?: string }).delivery ?? "-"}`;
}

describe("a store that never makes a record durable", () => {
  it("holds no more than maximumPendingBytes, however many callers give up waiting", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store, { maximumPendingBytes: 10_000 });
    const calls = [];
    for (let n = 0; n < 200; n++) {
      calls.push(follow(client.publish("a", PAYLOAD, { qos: 1, timeout: 10 })));
      await clock.advance(20);
    }
    expect(calls.map(ending)).toEqual(Array(200).fill("TIMEOUT not-sent"));
    expect(store.waiting).toHaveLength(7); // 512 bytes are reckoned for each besides its packet
    await connection.expectNone();
    const patient = follow(client.publish("b", PAYLOAD, { qos: 1 }));
    await clock.settle();
    expect([patient.status, store.waiting.length]).toEqual(["pending", 7]);
    store.free();
    for (const call of store.waiting) store.done(call); // there is room again
    await connection.expect({ type: Publish, topic: "b" });
    connection.send(puback(8));
    await clock.settle();
    expect([patient.status, await store.records()]).toEqual(["resolved", []]);
    await bench.end(client);
  });

  const ends: Record<string, (bench: StoreBench, abort: () => void) => Promise<void>> = {
    "an abort": async (_, abort) => abort(),
    disconnect: ({ client }) => client.disconnect(),
    dispose: ({ client }) => client[Symbol.asyncDispose](),
    "a store that fails elsewhere": async ({ client, connection, clock }) => {
      connection.send(publish("s", "", { qos: 2, packetId: 9 })); // nobody subscribed: acked at once
      await clock.settle();
      expect(client.state.status).toBe("connected");
    },
  };
  for (const [name, end] of Object.entries(ends)) {
    it(`keeps no promise from settling (${name}), and none of it was sent`, async () => {
      const store = new ScriptedStore();
      const bench = await connected(store, { maximumPendingBytes: 3000 });
      const aborter = new AbortController();
      const { signal } = aborter;
      const { client, connection, clock } = bench;
      const calls = ([1, 2, 1, 2, 0] as const).map((qos) => follow(client.publish("a", PAYLOAD, { qos, signal })));
      await clock.settle();
      expect(store.waiting).toHaveLength(2); // the rest waits for room
      await clock.run(
        end(bench, () => aborter.abort()),
        5000,
      );
      if (name.startsWith("a store")) store.fail("put in 9 AwaitPubrel");
      await clock.settle();
      const code = { "an abort": "ABORTED", disconnect: "CLOSED", dispose: "CLOSED" }[name];
      expect(calls.map(ending).map((text) => text.split(" ")[1])).toEqual(Array(5).fill("not-sent"));
      if (code !== undefined) expect(calls.map(({ error }) => codeOf(error))).toEqual(Array(5).fill(code));
      for (;;) {
        const packet = connection.isClosed ? undefined : await connection.next().catch(() => undefined);
        if (packet === undefined) break;
        expect(packet.type).not.toBe(Publish);
      }
      await clock.advance(1000); // the store has its time to finish
      await bench.bench.end(client);
    });
  }

  it("does not keep the client from reconnecting, nor from what needs no record", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const subscribing = client.subscribe("s", { qos: 1 });
    await grant(connection);
    const { got } = collect(await clock.run(subscribing));
    const stuck = follow(client.publish("a", "", { qos: 1 }));
    await clock.settle();
    const next = await bench.reconnect(connection);
    await clock.until(() => client.state.status === "connected");
    const once = follow(client.publish("b", "", { qos: 0 }));
    await next.expect({ type: Publish, topic: "b" });
    next.send(publish("s", "1", { qos: 1, packetId: 4 }));
    await next.expect(puback(4));
    expect([got, once.status, stuck.status]).toEqual([["s=1"], "resolved", "pending"]);
    store.free();
    store.done("put out 2 AwaitPuback");
    await next.expect({ type: Publish, topic: "a", duplicate: false });
    next.send(puback(2));
    await clock.settle();
    expect(stuck.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("a store that has not cleared what a lost session left", () => {
  it("holds up the next connection, too, or a crash would take its messages for received ones", async () => {
    const store = holding(inbound(7)).hold();
    const bench = new Bench();
    const client = bench.client({ store, retryInitialConnect: true });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect(); // the session is lost
    await bench.clock.settle();
    expect(store.waiting).toEqual(["delete in 7"]);
    connection.cut();
    const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true } }); // that of the first CONNECT
    next.send(publish("a", "", { qos: 2, packetId: 7 }));
    await bench.clock.settle();
    expect([connecting.status, client.stats().inboundPublishes]).toEqual(["pending", 0]);
    store.free();
    store.done("delete in 7");
    await bench.clock.settle();
    expect([connecting.status, client.stats().inboundPublishes]).toEqual(["resolved", 1]);
    await bench.end(client);
  });
});

describe("a store that never deletes", () => {
  it("holds no message that is over", async () => {
    const bench = await TrackedBench.opened();
    const accepted = bench.publish("a", 1);
    expect(accepted.publish.frame.length).toBeGreaterThan(0);
    bench.store.hold();
    bench.puback(1);
    expect([bench.store.waiting, accepted.ack?.reasonCode]).toEqual([["delete out 1"], 0]);
    expect(accepted.publish.frame.length).toBe(0);
  });
});
