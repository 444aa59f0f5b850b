// SPDX-License-Identifier: Apache-2.0
// The faults A to T that were found in the field, each as the probe that found it, with what happens here instead.
import { PacketType } from "@mqttv5/wire";
import { ScriptedPeer, TestBroker, VirtualClock } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { Client, constantBackoff, exponentialBackoff, type Message } from "../src/index.js";
import {
  Bench,
  codeOf,
  collect,
  follow,
  grant,
  type Outcome,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
} from "./bench.js";

const { Connect, Disconnect, Pingreq, Pingresp, Publish } = PacketType;

/** Nobody listens there. */
const refusing = {
  connect: () => Promise.reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
};

describe("publishing", () => {
  it("fault A: Receive Maximum 1 and 10 QoS 1 publishes, none acked: 1 PUBLISH is on the wire", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 1 } } });
    const sent = Array.from({ length: 10 }, (_, n) => follow(client.publish(`t/${n}`, "", { qos: 1 })));
    expect(await connection.expect(Publish)).toMatchObject({ topic: "t/0" });
    await connection.expectNone({ within: 1000 });
    connection.send(puback(1));
    for (let n = 1; n < 10; n++) {
      const { packetId } = await connection.expect({ type: Publish, topic: `t/${n}` });
      await connection.expectNone({ within: 10 });
      connection.send(puback(packetId));
    }
    await bench.clock.settle();
    expect(sent.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "resolved"));
    await bench.end(client);
  });

  it("fault B: QoS 1 resent on a resumed session: DUP is set, the identifier and all other bytes are the same", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = follow(client.publish("t", "hi", { qos: 1 }));
    const first = await connection.expect({ type: Publish, duplicate: false });
    const next = await bench.reconnect(connection);
    const again = await next.expect({ type: Publish, duplicate: true, packetId: first.packetId });
    const bytes = first.buffer.slice(first.start, first.end);
    bytes[0] = (bytes[0] as number) | 8;
    expect(again.buffer.slice(again.start, again.end)).toEqual(bytes);
    next.send(puback(again.packetId));
    await bench.clock.settle();
    expect(sent.value).toMatchObject({ reasonCode: 0 });
    await bench.end(client);
  });

  it("fault C1: QoS 1 while the broker is unreachable: rejects at once, or waits as long as it was told to", async () => {
    const bench = new Bench();
    const client = bench.client({ transport: refusing, retryInitialConnect: true });
    const connecting = follow(client.connect());
    await bench.clock.advance(500);
    const sent = follow(client.publish("t", "hi", { qos: 1 }));
    const waiting = follow(client.publish("t", "hi", { qos: 1, whenOffline: "wait", timeout: 2000 }));
    await bench.clock.settle();
    expect(sent.error).toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
    await bench.clock.advance(3000);
    expect(waiting.error).toMatchObject({ code: "TIMEOUT", delivery: "not-sent" });
    expect(connecting.status).toBe("pending");
    await bench.end(client);
    expect(codeOf(connecting.error)).toBe("CLOSED");
  });

  it("fault C2: the link is cut and nothing reconnects: the publish rejects, and the end comes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ onConnectionDown: () => false });
    const sent = [1, 2].map((qos) => follow(client.publish("t", "hi", { qos: qos as 1 | 2 })));
    await connection.expect(Publish);
    connection.cut();
    await bench.clock.settle();
    for (const { error } of sent) expect(error).toMatchObject({ code: "CLOSED", delivery: "unknown" });
    expect(client.state).toMatchObject({ status: "closed", cause: { code: "CONNECTION_LOST" } });
    const ended = follow(client.disconnect());
    await bench.clock.settle();
    expect(ended.status).toBe("resolved");
    expect(bench.clock.pending).toBe(0);
  });

  it("fault E: 500 bytes for a broker that takes 50: rejects, nothing is sent, the connection stays", async () => {
    const bench = new Bench();
    const limits = { connack: { properties: { maximumPacketSize: 50 } } };
    const { client, connection } = await bench.connect({ keepAlive: false }, limits);
    const sent = ([0, 1, 2] as const).map((qos) => follow(client.publish("t", "x".repeat(500), { qos })));
    await connection.expectNone({ within: 1500 });
    for (const { error } of sent) expect(error).toMatchObject({ code: "PACKET_TOO_LARGE", delivery: "not-sent" });
    expect(client.stats()).toMatchObject({ connects: 1, disconnects: 0 });
    await bench.end(client);
  });

  it("fault E: the same, accepted before a reconnect to such a broker: rejects, and is not sent on every connection", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    const sent = follow(client.publish("t", "x".repeat(500), { qos: 1 }));
    await connection.expect(Publish);
    const next = await bench.reconnect(connection, { sessionPresent: true, properties: { maximumPacketSize: 50 } });
    await next.expectNone({ within: 1500 });
    expect(sent.error).toMatchObject({ code: "PACKET_TOO_LARGE", delivery: "unknown" });
    expect(client.stats().connects).toBe(2);
    await bench.end(client);
  });

  it("fault F: QoS 1 and Retain for a broker that takes neither: rejects, nothing is sent", async () => {
    const bench = new Bench();
    const properties = { maximumQoS: 0, retainAvailable: false } as const;
    const { client, connection } = await bench.connect({ keepAlive: false }, { connack: { properties } });
    const both = follow(client.publish("t", "", { qos: 1, retain: true }));
    const qos = follow(client.publish("t", "", { qos: 1 }));
    const retain = follow(client.publish("t", "", { retain: true }));
    await connection.expectNone({ within: 1000 });
    expect([both, qos, retain].map(({ error }) => codeOf(error))).toEqual([
      "RETAIN_NOT_SUPPORTED",
      "QOS_NOT_SUPPORTED",
      "RETAIN_NOT_SUPPORTED",
    ]);
    expect(both.error).toMatchObject({ delivery: "not-sent" });
    await bench.end(client);
  });

  it("fault R: 100,000 publishes of 1 KB without a connection: none is kept, or as many as fit the bound", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ reconnectBackoff: constantBackoff(1000) });
    connection.cut();
    await bench.clock.settle();
    const payload = new Uint8Array(1024);
    const rejected: Outcome<unknown>[] = [];
    for (let n = 0; n < 100_000; n++) rejected.push(follow(client.publish("t", payload)));
    await bench.clock.settle();
    const codes = new Set(rejected.map(({ error }) => codeOf(error)));
    expect(codes).toEqual(new Set(["NOT_CONNECTED"]));

    const waiting: Outcome<unknown>[] = [];
    for (let n = 0; n < 100_000; n++) waiting.push(follow(client.publish("t", payload, { whenOffline: "wait" })));
    await bench.clock.settle();
    const kept = waiting.filter(({ status }) => status === "pending").length;
    expect(kept).toBeGreaterThan(40_000);
    expect(kept).toBeLessThan(65_536); // 64 MiB, and each costs more than its payload
    expect(new Set(waiting.slice(kept).map(({ error }) => codeOf(error)))).toEqual(new Set(["WRITE_QUEUE_FULL"]));
    await bench.end(client);
    expect(new Set(waiting.slice(0, kept).map(({ error }) => codeOf(error)))).toEqual(new Set(["CLOSED"]));
  });
});

describe("reconnecting", () => {
  it("fault D: a refused port is asked ever more rarely, and never at the same moment as by everybody else", async () => {
    const gapsOf = async (seed: number): Promise<number[]> => {
      const clock = new VirtualClock({ seed });
      const times: number[] = [];
      const client = new Client({
        broker: "mqtt://test",
        clock,
        retryInitialConnect: true,
        reconnectBackoff: exponentialBackoff(300, 30_000, 100),
        transport: {
          connect: () => {
            times.push(clock.now());
            return refusing.connect();
          },
        },
      });
      const connecting = follow(client.connect());
      await clock.advance(20_000);
      await clock.run(client.disconnect());
      expect(codeOf(connecting.error)).toBe("CLOSED");
      expect(clock.pending).toBe(0);
      return times.slice(1).map((time, index) => time - (times[index] as number));
    };
    const gaps = await gapsOf(1);
    expect(gaps.length).toBeGreaterThan(4);
    for (const [index, gap] of gaps.entries()) expect(Math.abs(gap - 300 * 2 ** index)).toBeLessThanOrEqual(100);
    expect(await gapsOf(2)).not.toEqual(gaps);
  });

  it("fault I: an Assigned Client Identifier is used on reconnect", async () => {
    const bench = new Bench();
    const properties = { assignedClientIdentifier: "given-7" };
    const { client, connection } = await bench.connect({ clientId: "" }, { connack: { properties } });
    expect(client.clientId).toBe("given-7");
    connection.cut();
    await bench.peer.acceptResume({ connect: { clientId: "given-7" } });
    await bench.end(client);
  });

  it("fault P: a broker that accepts and drops at once, first delay 50 ms: 6 connections in 2 s, not 35", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ reconnectBackoff: exponentialBackoff(50, 30_000, 0) });
    const times = [bench.clock.now()];
    let last = connection;
    while (bench.clock.now() < 2000) {
      last.cut();
      last = await bench.peer.acceptResume({ within: 5000 });
      times.push(bench.clock.now());
    }
    expect(times).toEqual([0, 50, 150, 350, 750, 1550, 3150]);
    await bench.end(client);
  });
});

describe("a broken broker", () => {
  it("fault K: Session Present 1 in answer to Clean Start: DISCONNECT 0x82, and connect rejects", async () => {
    const bench = new Bench();
    let up = 0;
    const client = bench.client({ onConnectionUp: () => void up++ });
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect({ type: Connect, cleanStart: true });
    connection.send({ type: PacketType.Connack, sessionPresent: true, reasonCode: 0 });
    await connection.expect({ type: Disconnect, reasonCode: 0x82 });
    await connection.expectClosed();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "PROTOCOL_ERROR", reasonCode: 0x82 });
    expect(up).toBe(0);
    await bench.end(client);
  });

  it("fault L: a declared length of 256 MB where 1,024 bytes were allowed: DISCONNECT 0x95 at the header", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumPacketSize: 1024 });
    connection.sendRaw(0x30, 0xff, 0xff, 0xff, 0x7f);
    await connection.expect({ type: Disconnect, reasonCode: 0x95 });
    await connection.expectClosed();
    await bench.peer.acceptResume();
    expect(client.stats()).toMatchObject({ protocolErrors: 1, connects: 2 });
    await bench.end(client);
  });
});

describe("subscribing", () => {
  it("fault G: 5 filters of one call are asked again in one SUBSCRIBE after session loss", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const filters = ["a", "b", "c", "d", "e"];
    const subscribing = client.subscribe(filters, { qos: 1 });
    await grant(connection);
    await bench.clock.run(subscribing);
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { subscriptions } = await grant(next);
    expect(subscriptions.map(({ filter, qos }) => `${filter} ${qos}`)).toEqual(filters.map((filter) => `${filter} 1`));
    await next.expectNone({ within: 1000 });
    await bench.end(client);
  });

  it("fault N: one filter granted and one refused: the call says so, and the good one outlives session loss", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe(["good", "bad"], { qos: 1 });
    await grant(connection, 1, 0x87);
    const sub = await bench.clock.run(subscribing);
    expect(sub.refused).toEqual([{ filter: "bad", reasonCode: 0x87 }]);
    const { got } = collect(sub);
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { subscriptions } = await grant(next);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["good"]);
    next.send(publish("good", "1", { qos: 1, packetId: 1 }));
    await next.expect(puback(1));
    expect(got).toEqual(["good=1"]);
    await bench.end(client);
  });
});

describe("handlers", () => {
  const later = (bench: Bench, delay: number): Promise<void> =>
    new Promise((resolve) => void bench.clock.schedule(delay, resolve));

  it("fault H: 200 QoS 1 messages for handlers of 3 s: one runs at a time, and each is acked when it is done", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    let started = 0;
    let done = 0;
    const handler = async (): Promise<void> => {
      started++;
      await later(bench, 3000);
      done++;
    };
    const subscribing = client.subscribeCallback("#", handler, { qos: 1 });
    await grant(connection);
    await bench.clock.run(subscribing);
    for (let n = 1; n <= 200; n++) connection.send(publish("t", String(n), { qos: 1, packetId: n }));
    await connection.expectNone({ within: 2999 });
    expect([started, done]).toEqual([1, 0]);
    for (let n = 1; n <= 200; n++) {
      await connection.expect(puback(n), { within: 3001 });
      expect(done).toBe(n);
      await connection.expectNone({ within: 1 });
    }
    expect(started).toBe(200);
    await bench.end(client);
  });

  it("fault M: a handler of 4 s, keep-alive 1 s, the peer answers pings: one connection, no timeout", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 1 });
    const subscribing = client.subscribeCallback("#", () => later(bench, 4000), { qos: 1 });
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send(publish("t", "slow", { qos: 1, packetId: 1 }));
    const start = bench.clock.now();
    let pings = 0;
    while (bench.clock.now() - start < 4000) {
      const { type } = await connection.next();
      if (type !== Pingreq) break;
      pings++;
      connection.send({ type: Pingresp });
    }
    expect(bench.clock.now() - start).toBe(4000);
    expect(pings).toBeGreaterThanOrEqual(3);
    expect(client.stats()).toMatchObject({ connects: 1, pingTimeouts: 0, disconnects: 0 });
    await bench.end(client);
  });

  it("fault T: a cut while the handler runs, and the message comes again with DUP: delivered once, acked once", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    let calls = 0;
    const handler = (): Promise<void> => {
      calls++;
      return later(bench, 500);
    };
    const subscribing = client.subscribeCallback("#", handler, { qos: 1, concurrency: 4 });
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send(publish("t", "1", { qos: 1, packetId: 5 }));
    await bench.clock.settle();
    const next = await bench.reconnect(connection);
    next.send(publish("t", "1", { qos: 1, packetId: 5, duplicate: true }));
    await next.expect(puback(5));
    await next.expectNone({ within: 2000 });
    expect(calls).toBe(1);
    expect(client.stats().inboundDuplicates).toBe(1);
    await bench.end(client);
  });

  it("fault J: the client can be disposed of, and messages and states are async iterables", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("#");
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const next: Outcome<IteratorResult<Message>> = follow(sub[Symbol.asyncIterator]().next());
    connection.send(publish("t", "1"));
    await bench.clock.settle();
    expect(next.value?.value?.text()).toBe("1");
    expect(client.states()[Symbol.asyncIterator]).toBeTypeOf("function");
    const disposed = follow(client[Symbol.asyncDispose]());
    await bench.clock.run(sub.closed);
    await bench.clock.advance(500);
    expect(disposed.status).toBe("resolved");
    expect(client.state.status).toBe("closed");
    expect(bench.clock.pending).toBe(0);
  });
});

describe("replay", () => {
  for (const receiveMaximum of [65_535, 25]) {
    it(`fault O: 50 stored QoS 1 at a round trip of 20 ms and Receive Maximum ${receiveMaximum}: under 3 round trips`, async () => {
      const clock = new VirtualClock();
      const broker = new TestBroker({ clock, receiveMaximum });
      const transport = broker.transport({ latency: 10 });
      const client = new Client({
        broker: "mqtt://test",
        clientId: "client",
        transport,
        clock,
        reconnectBackoff: constantBackoff(100),
      });
      await clock.run(client.connect());
      const sent = Array.from({ length: 50 }, (_, n) => follow(client.publish(`t/${n}`, "", { qos: 1 })));
      await clock.settle();
      broker.drop(); // before one of them arrived
      await clock.until(() => client.state.status === "waiting");
      expect(await clock.until(() => client.state.status === "connected")).toBe(true);
      const start = clock.now();
      await clock.until(() => sent.every(({ status }) => status === "resolved"));
      expect(clock.now() - start).toBeLessThan(60);
      expect(client.stats().publishesReplayed).toBe(Math.min(50, receiveMaximum));
      expect(sent.every(({ status }) => status === "resolved")).toBe(true);
      await clock.run(client.disconnect());
    });
  }

  it("fault Q: a publish during the replay, then a cut: it is delivered on the next connection", async () => {
    const clock = new VirtualClock();
    const peer = new ScriptedPeer({ clock, latency: 10 });
    const client = new Client({
      broker: "mqtt://test",
      clientId: "client",
      transport: peer.transport(),
      clock,
      reconnectBackoff: constantBackoff(100),
    });
    const limits = { connack: { properties: { receiveMaximum: 1 } } };
    const connecting = client.connect();
    const first = await peer.acceptConnect(limits);
    await clock.run(connecting);
    const old = follow(client.publish("old", "", { qos: 1 }));
    const queued = follow(client.publish("queued", "", { qos: 2 }));
    await first.expect({ type: Publish, topic: "old" });
    first.cut();
    const second = await peer.acceptResume(limits);
    const fresh = follow(client.publish("fresh", "", { qos: 1 }));
    await second.expect({ type: Publish, topic: "old", duplicate: true });
    second.cut();
    const third = await peer.acceptResume(limits);
    for (const topic of ["old", "queued", "fresh"]) await third.acceptPublish({ topic });
    await clock.advance(20);
    expect([old, queued, fresh].map(({ status }) => status)).toEqual(["resolved", "resolved", "resolved"]);
    await clock.run(client.disconnect());
  });

  it("fault S: QoS 2 past PUBREC, and the session is lost: no PUBREL into the new one, but the message anew", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = follow(client.publish("t", "hi", { qos: 2 }));
    await connection.expect({ type: Publish, packetId: 1 });
    connection.send(pubrec(1));
    await connection.expect(pubrel(1));
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { packetId } = await next.expect({ type: Publish, topic: "t", payload: "hi", duplicate: false });
    next.send(pubrec(packetId));
    await next.expect(pubrel(packetId));
    next.send(pubcomp(packetId));
    await next.expectNone({ within: 100 });
    expect(sent.value).toMatchObject({ reasonCode: 0 });
    await bench.end(client);
  });
});
