// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PacketType } from "@mqttv5/wire";
import type { FaultyLink } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { MqttError } from "../src/index.js";
import { Bench, confirm, follow, grant, type Outcome, puback } from "./bench.js";

const { Publish } = PacketType;

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** How a call ended: `CODE delivery`. */
function ending(outcome: Outcome<unknown>): string {
  const { code, delivery } = (outcome.error ?? {}) as Partial<MqttError>;
  return outcome.status === "rejected" ? `${code} ${delivery ?? "-"}` : outcome.status;
}

describe("whenOffline", () => {
  it("rejects by default, and nothing is sent [parity 69]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.cut();
    await bench.clock.settle();
    const calls = [0, 1, 2].map((qos) => follow(client.publish("t", "lost", { qos: qos as 0 })));
    const waiting = follow(client.subscribe("s"));
    await bench.clock.settle();
    expect([...calls, waiting].map(ending)).toEqual(Array(4).fill("NOT_CONNECTED not-sent"));
    const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    await next.expectNone();
    await bench.end(client);
  });

  it("wait sends on the next connection, in the order of the calls, before what is asked then", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait" });
    const calls = [0, 1, 2, 0, 1].map((qos, n) => follow(client.publish("t", `${n}`, { qos: qos as 0 })));
    const connecting = client.connect();
    void connecting.then(() => calls.push(follow(client.publish("t", "5"))));
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    const got: string[] = [];
    for (let n = 0; n < 6; n++) got.push(new TextDecoder().decode((await connection.expect(Publish)).payload));
    expect(got).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(calls.map(({ status }) => status)).toEqual([
      "resolved",
      "pending",
      "pending",
      "resolved",
      "pending",
      "resolved",
    ]);
    await bench.end(client);
    expect(calls.map(ending).filter((text) => text !== "resolved")).toEqual(Array(3).fill("CLOSED unknown"));
  });

  it("wait of one call overrides the client, and the other way round", async () => {
    const bench = new Bench();
    const clients = [bench.client(), bench.client({ whenOffline: "wait" })];
    const calls = clients.flatMap((client) => [
      follow(client.publish("t", "", { whenOffline: "wait" })),
      follow(client.publish("t", "", { whenOffline: "reject" })),
    ]);
    await bench.clock.settle();
    expect(calls.map(({ status }) => status)).toEqual(["pending", "rejected", "pending", "rejected"]);
    await expect(clients[0]?.publish("t", "", { whenOffline: "maybe" as never })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      field: "whenOffline",
    });
    for (const client of clients) await bench.clock.run(client[Symbol.asyncDispose]());
    expect(calls.map(ending)).toEqual([
      "CLOSED not-sent",
      "NOT_CONNECTED not-sent",
      "CLOSED not-sent",
      "NOT_CONNECTED not-sent",
    ]);
  });

  it("abort and timeout withdraw what waits: it is not sent [parity 74]", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait" });
    const controller = new AbortController();
    const calls = [
      follow(client.publish("t", "a", { signal: controller.signal })),
      follow(client.publish("t", "b", { qos: 1, timeout: 100 })),
      follow(client.publish("t", "c", { qos: 1, timeout: 1000 })),
      follow(client.publish("t", "d", { signal: AbortSignal.abort() })),
    ];
    controller.abort();
    await bench.clock.advance(100);
    expect(calls.map(ending)).toEqual(["ABORTED not-sent", "TIMEOUT not-sent", "pending", "ABORTED not-sent"]);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    await connection.expect({ type: Publish, payload: "c" });
    await connection.expectNone();
    // The time spent waiting counts.
    await bench.clock.advance(900);
    expect(ending(calls[2] as Outcome<unknown>)).toBe("TIMEOUT unknown");
    await bench.end(client);
  });

  it("the time spent waiting counts for Message Expiry: it is sent with what is left, or not at all", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait" });
    const calls = [1, 10].flatMap((messageExpiryInterval) =>
      [0, 1].map((qos) => follow(client.publish("t", "", { qos: qos as 0, messageExpiryInterval }))),
    );
    await bench.clock.advance(4500);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    for (const qos of [0, 1]) {
      const packet = await connection.expect(Publish);
      expect([packet.qos, packet.properties.messageExpiryInterval]).toEqual([qos, 6]);
    }
    await connection.expectNone();
    expect(calls.slice(0, 2).map(ending)).toEqual(Array(2).fill("MESSAGE_EXPIRED not-sent"));
    await bench.end(client);
  });

  it("what waits is checked against the limits of the broker it gets", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait" });
    const calls = [
      follow(client.publish("t", "", { qos: 2 })),
      follow(client.publish("t", "", { retain: true })),
      follow(client.publish("t", "x".repeat(200))),
      follow(client.publish("t", "ok")),
    ];
    const connecting = client.connect();
    const properties = { maximumQoS: 1, retainAvailable: false, maximumPacketSize: 100 } as const;
    const connection = await bench.peer.acceptConnect({ connack: { properties } });
    await bench.clock.run(connecting);
    await connection.expect({ type: Publish, payload: "ok" });
    expect(calls.map(ending)).toEqual([
      "QOS_NOT_SUPPORTED not-sent",
      "RETAIN_NOT_SUPPORTED not-sent",
      "PACKET_TOO_LARGE not-sent",
      "resolved",
    ]);
    await bench.end(client);
  });

  it("wait lets subscribe wait for the next connection; abort withdraws it [decision 12]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.cut();
    await bench.clock.settle();
    const kept = follow(client.subscribe("kept", { whenOffline: "wait" }));
    const gone = follow(client.subscribe("gone", { whenOffline: "wait", timeout: 10 }));
    await bench.clock.advance(10);
    expect([ending(kept), ending(gone)]).toEqual(["pending", "TIMEOUT not-sent"]);
    const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    const { subscriptions } = await grant(next);
    await next.expectNone();
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["kept"]);
    expect(kept.status).toBe("resolved");
    const leaving = follow((kept.value as { unsubscribe(): Promise<void> }).unsubscribe());
    await confirm(next);
    await bench.clock.settle();
    expect(leaving.status).toBe("resolved");
    await bench.end(client);
  });

  it("subscribe that waits is told when the client closes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.cut();
    await bench.clock.settle();
    const waiting = follow(client.subscribe("a", { whenOffline: "wait" }));
    await bench.end(client);
    expect(ending(waiting)).toBe("CLOSED not-sent");
    const late = follow(client.subscribe("a", { whenOffline: "wait" }));
    await bench.clock.settle();
    expect(ending(late)).toBe("CLOSED not-sent");
  });
});

describe("maximumPendingBytes [decision 2]", () => {
  const mebibyte = new Uint8Array(1 << 20);

  it("bounds what waits for a connection: beyond it publish rejects, and nothing is sent", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait", maximumPendingBytes: 8 << 20 });
    const calls = Array.from({ length: 12 }, () => follow(client.publish("t", mebibyte, { qos: 1 })));
    await bench.clock.settle();
    expect(calls.map(ending)).toEqual([...Array(7).fill("pending"), ...Array(5).fill("WRITE_QUEUE_FULL not-sent")]);
    await bench.clock.run(client[Symbol.asyncDispose]());
  });

  it("what is withdrawn or sent makes room, and leaves no timer behind", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait", maximumPendingBytes: 3 << 20, keepAlive: false });
    for (let n = 0; n < 3; n++) {
      const controller = new AbortController();
      const calls = [0, 1].map(() =>
        follow(client.publish("t", mebibyte, { signal: controller.signal, timeout: 60_000 })),
      );
      await bench.clock.settle();
      expect(calls.map(ending)).toEqual(["pending", "pending"]);
      controller.abort();
    }
    const kept = [0, 1].map(() => follow(client.publish("t", mebibyte, { timeout: 60_000 })));
    expect(bench.clock.pending).toBe(2);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    for (let n = 0; n < 2; n++) await connection.expect(Publish);
    await bench.clock.settle();
    expect([...kept.map(ending), bench.clock.pending]).toEqual(["resolved", "resolved", 0]);
    connection.cut();
    await bench.clock.settle();
    const again = [0, 1].map(() => follow(client.publish("t", mebibyte)));
    await bench.clock.settle();
    expect(again.map(ending)).toEqual(["pending", "pending"]);
    await bench.end(client);
  });

  it("counts small messages with what it takes to hold them", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait", maximumPendingBytes: 100_000 });
    const calls = Array.from({ length: 1000 }, () => follow(client.publish("t", "")));
    await bench.clock.settle();
    const held = calls.filter(({ status }) => status === "pending").length;
    expect(held).toBeGreaterThan(100);
    expect(held).toBeLessThan(200);
    await bench.clock.run(client[Symbol.asyncDispose]());
  });

  it("bounds what waits for quota: beyond it publish waits, and goes on as the broker acknowledges, in order", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { maximumPendingBytes: 10_000 },
      { connack: { properties: { receiveMaximum: 1 } } },
    );
    const controller = new AbortController();
    const calls = Array.from({ length: 20 }, (_, n) =>
      follow(
        client.publish(`t/${n}`, "x".repeat(1000), { qos: 1, ...(n === 15 ? { signal: controller.signal } : {}) }),
      ),
    );
    const last = follow(client.publish("t/20", ""));
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    expect(ending(calls[15] as Outcome<unknown>)).toBe("ABORTED not-sent");
    const topics: string[] = [];
    for (let n = 0; n < 20; n++) {
      const packet = await connection.expect(Publish);
      topics.push(packet.topic);
      if (packet.qos > 0) connection.send(puback(packet.packetId));
      await bench.clock.settle();
    }
    // QoS 0 needs no quota, but does not go ahead of what was asked before it.
    const order = [...Array(20).keys()].filter((n) => n !== 15).map((n) => `t/${n}`);
    expect(topics.filter((topic) => topic !== "t/20")).toEqual(order);
    expect(topics.indexOf("t/20")).toBeGreaterThan(10);
    expect([...calls.map(ending), ending(last)].filter((text) => text === "resolved")).toHaveLength(20);
    await bench.end(client);
  });

  it("bounds what a full link leaves behind; a lost connection rejects what still waits for room", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumPendingBytes: 4 << 20, keepAlive: false });
    (connection.remote as FaultyLink).stall();
    const calls = Array.from({ length: 8 }, (_, n) =>
      follow(client.publish("t", mebibyte, n === 7 ? { whenOffline: "wait" } : {})),
    );
    await bench.clock.settle();
    expect((connection.remote as FaultyLink).pendingBytes).toBeLessThan(6 << 20);
    connection.cut();
    await bench.clock.settle();
    expect(calls.map(ending).slice(-3)).toEqual(["NOT_CONNECTED not-sent", "NOT_CONNECTED not-sent", "pending"]);
    const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    await next.expect(Publish);
    await next.expectNone();
    await bench.clock.settle();
    expect(calls.at(-1)?.status).toBe("resolved");
    await bench.end(client);
  });

  it("accepts no more than that: the heap stays with it", async () => {
    const bench = new Bench();
    const client = bench.client({ whenOffline: "wait" });
    gc();
    const before = process.memoryUsage().arrayBuffers;
    let refused = 0;
    for (let n = 0; n < 300; n++) {
      client.publish("t", new Uint8Array(1 << 20), { qos: 1 }).catch(() => refused++);
      if (n % 50 === 0) await bench.clock.settle();
    }
    await bench.clock.settle();
    expect(refused).toBe(300 - 63);
    gc();
    await bench.clock.settle();
    gc();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(72 << 20);
    await bench.clock.run(client[Symbol.asyncDispose]());
  });

  it("teardown answers every queued call and admits none after [parity 80]", async () => {
    for (const end of ["disconnect", "reset"]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect(
        { maximumPendingBytes: 2 << 20, keepAlive: false, onConnectionDown: () => false },
        { connack: { properties: { receiveMaximum: 2 } } },
      );
      const link = connection.remote as FaultyLink;
      link.stall(); // the peer has stopped reading
      const calls: Outcome<unknown>[] = [];
      for (let n = 0; n < 6; n++) {
        calls.push(follow(client.publish("t", mebibyte)), follow(client.publish("t", mebibyte, { qos: 1 })));
        calls.push(follow(client.subscribe(`s/${n}`)), follow(client.request("t", "", { qos: 1 })));
      }
      await bench.clock.settle();
      expect(calls.filter(({ status }) => status === "pending").length).toBeGreaterThan(15);
      if (end === "disconnect") await bench.clock.run(client.disconnect());
      else connection.cut(new Error("reset by peer"));
      await bench.clock.settle();
      const late = [follow(client.publish("t", "late")), follow(client.subscribe("late"))];
      await bench.clock.settle();
      expect([...calls, ...late].map(({ status }) => status)).not.toContain("pending");
      expect(late.map(ending)).toEqual(["NOT_CONNECTED not-sent", "CLOSED not-sent"]);
      for (const call of calls) if (call.status === "rejected") expect(ending(call)).toMatch(/ (not-sent|unknown)$/);
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("goes on when a full link drains", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumPendingBytes: 2 << 20, keepAlive: false });
    const link = connection.remote as FaultyLink;
    link.stall();
    const calls = Array.from({ length: 8 }, (_, n) => follow(client.publish(`t/${n}`, mebibyte)));
    await bench.clock.settle();
    link.unstall();
    for (let n = 0; n < 8; n++) await connection.expect({ type: Publish, topic: `t/${n}` });
    await bench.clock.settle();
    expect(calls.every(({ status }) => status === "resolved")).toBe(true);
    await bench.end(client);
  });

  it("takes a message larger than itself while connected", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumPendingBytes: 1000 });
    const sent = follow(client.publish("t", "x".repeat(5000), { qos: 1 }));
    const { packetId } = await connection.expect(Publish);
    connection.send(puback(packetId));
    await bench.clock.settle();
    expect(sent.status).toBe("resolved");
    await bench.end(client);
  });
});
