// SPDX-License-Identifier: Apache-2.0
// Every counter and gauge, moved to an exact number by what it counts, and every other one where it should be then.
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { type Client, type Stats, text } from "../src/index.js";
import { newStats } from "../src/stats.js";
import { Bench, confirm, follow, grant, puback, pubcomp, publish, pubrec } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { connected, holding, outbound, restarted } from "./store-bench.js";

const { Publish, Connect, Pingreq, Pubrel, Disconnect } = PacketType;

/** The counters that are not at zero. */
function counted(client: Client): Partial<Stats> {
  const zero = newStats();
  const all = Object.entries(client.stats()) as [keyof Stats, number][];
  return Object.fromEntries(all.filter(([name, value]) => value !== zero[name]));
}

const QUOTA = 65_535;
/** Of a connection on which nothing happened. */
const IDLE: Partial<Stats> = { connects: 1, sendQuota: QUOTA };

describe("the counters [parity 193]", () => {
  it("are all at zero at first: they are always on, and a client that does nothing counts nothing", async () => {
    const client = new Bench().client();
    expect(Object.values(client.stats()).every((value) => value === 0)).toBe(true);
    expect(counted(client)).toEqual({});
  });

  it("are a copy: what is done to it changes nothing", async () => {
    const bench = new Bench();
    const { client } = await bench.connect();
    Object.assign(client.stats(), { connects: 7 });
    expect(counted(client)).toEqual(IDLE);
    await bench.end(client);
  });

  it("connects, connectFailures, disconnects: two refusals, three connections, two of them lost", async () => {
    const bench = new Bench();
    const client = bench.client({ retryInitialConnect: true });
    const connecting = client.connect();
    for (let n = 0; n < 2; n++) {
      const refused = await bench.peer.accept();
      await refused.expect(Connect);
      refused.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: ReasonCode.ServerBusy });
    }
    let connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    connection = await bench.reconnect(connection);
    connection = await bench.reconnect(connection);
    await bench.clock.until(() => client.state.status === "connected");
    expect(counted(client)).toEqual({ connects: 3, connectFailures: 2, disconnects: 2, sendQuota: QUOTA });
    await bench.end(client);
    expect(counted(client)).toEqual({ connects: 3, connectFailures: 2, disconnects: 3 });
  });

  it("serverDisconnects: one that the broker sends, not the line that breaks nor our own goodbye", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send({ type: Disconnect, reasonCode: ReasonCode.ServerShuttingDown });
    const next = await bench.peer.acceptConnect();
    const last = await bench.reconnect(next);
    await last.expectNone();
    await bench.end(client);
    expect(counted(client)).toEqual({ connects: 3, disconnects: 3, serverDisconnects: 1 });
  });

  it("pingTimeouts: one dead line", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 10, pingTimeout: 2000 });
    await connection.expect(Pingreq, { within: 11_000 });
    const next = await bench.peer.acceptConnect();
    await next.expectNone();
    expect(counted(client)).toEqual({ connects: 2, disconnects: 1, pingTimeouts: 1, sendQuota: QUOTA });
    await bench.end(client);
  });

  it("publishesSent, publishesAcked, publishesReplayed, publishesInflight, sendQuota: at each QoS, over two connections", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 3 } } });
    expect(counted(client)).toEqual({ connects: 1, sendQuota: 3 });
    const calls = ([0, 0, 1, 2, 1, 1] as const).map((qos) => follow(client.publish("t", "", { qos })));
    await bench.clock.settle();
    // Four wait for the broker, one of them for its Receive Maximum.
    expect(counted(client)).toEqual({ connects: 1, publishesSent: 5, publishesInflight: 4 });
    connection.send(puback(1), pubrec(2));
    await bench.clock.settle();
    expect(counted(client)).toEqual({ connects: 1, publishesSent: 6, publishesAcked: 1, publishesInflight: 3 });
    const next = await bench.reconnect(connection, { properties: { receiveMaximum: 10 } });
    await next.expect(Pubrel);
    await bench.clock.settle();
    const resumed = { connects: 2, disconnects: 1, publishesSent: 6, publishesReplayed: 2 };
    expect(counted(client)).toEqual({ ...resumed, publishesAcked: 1, publishesInflight: 3, sendQuota: 8 });
    next.send(pubcomp(2), puback(3, ReasonCode.QuotaExceeded), puback(4));
    await bench.clock.settle();
    expect(counted(client)).toEqual({ ...resumed, publishesAcked: 4, sendQuota: 10 });
    expect(calls.map(({ status }) => status)).toEqual([...Array(4).fill("resolved"), "rejected", "resolved"]);
    await bench.end(client);
  });

  it("inboundPublishes, inboundDropped and why, inboundUnmatched, inboundDuplicates, ackHeadAge", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 2000, keepAlive: false });
    const subscribing = client.subscribeQueue("a", { qos: 1, bufferSize: 2 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    const subscribed = { ...IDLE, subscribesSent: 1, subscriptionsActive: 1 };
    connection.send(publish("a", "1", { qos: 1, packetId: 1 }), publish("a", "2"), publish("a", "3"), publish("b", ""));
    await bench.clock.advance(7000);
    const dropped = { inboundDropped: 1, inboundDroppedOverflow: 1, inboundUnmatched: 1 };
    expect(counted(client)).toEqual({ ...subscribed, ...dropped, inboundPublishes: 4, ackHeadAge: 7000 });
    connection.send(publish("a", "1", { qos: 1, packetId: 1, duplicate: true }));
    const first = queue.tryDequeue();
    queue.tryDequeue();
    await bench.clock.settle();
    first?.ack();
    await connection.expect(puback(1));
    connection.send(publish("a", "x".repeat(2000)), publish("a", "4")); // the second finds no memory
    await bench.clock.settle();
    const unsubscribing = queue.unsubscribe();
    await confirm(connection);
    await bench.clock.run(unsubscribing);
    expect(counted(client)).toEqual({
      ...IDLE,
      subscribesSent: 1,
      unsubscribesSent: 1,
      inboundPublishes: 7,
      inboundDuplicates: 1,
      inboundUnmatched: 1,
      inboundDropped: 3,
      inboundDroppedOverflow: 1,
      inboundDroppedMemory: 1,
      inboundDroppedUnsubscribed: 1,
    });
    await bench.end(client);
  });

  it("inboundDroppedUndecodable: what the codec of a typed consumer does not understand", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.typed(text()).subscribeCallback("a", () => {});
    await grant(connection);
    await bench.clock.run(subscribing);
    const noText = { ...publish("a", ""), payload: Uint8Array.of(0xff) };
    connection.send(noText, publish("a", "text"), noText);
    await bench.clock.settle();
    const subscribed = { ...IDLE, subscribesSent: 1, subscriptionsActive: 1 };
    expect(counted(client)).toEqual({
      ...subscribed,
      inboundPublishes: 3,
      inboundDropped: 2,
      inboundDroppedUndecodable: 2,
    });
    await bench.end(client);
  });

  it("subscribesSent, unsubscribesSent, subscriptionsActive: packets, not filters; subscriptions, not packets", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = client.subscribe(["a", "b"]);
    await grant(connection);
    const second = client.subscribe("c");
    await grant(connection);
    const third = client.subscribe("a"); // asks again, for the retained messages
    await grant(connection);
    const subscriptions = [await bench.clock.run(first), await bench.clock.run(second), await bench.clock.run(third)];
    expect(counted(client)).toEqual({ ...IDLE, subscribesSent: 3, subscriptionsActive: 3 });
    const ending = subscriptions[0]?.unsubscribe();
    await confirm(connection); // b only: a is held
    await bench.clock.run(ending as Promise<void>);
    expect(counted(client)).toEqual({ ...IDLE, subscribesSent: 3, unsubscribesSent: 1, subscriptionsActive: 2 });
    await bench.end(client);
    expect(client.stats()).toMatchObject({ unsubscribesSent: 1, subscriptionsActive: 0 });
  });

  it("acksIgnored, protocolErrors: three answers to nothing, and one violation", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send(puback(9), pubcomp(9), { type: PacketType.Suback, packetId: 9, reasonCodes: [0] });
    await bench.clock.settle();
    expect(counted(client)).toEqual({ ...IDLE, acksIgnored: 3 });
    connection.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0 });
    await connection.expect({ type: Disconnect, reasonCode: ReasonCode.ProtocolError });
    connection.cut();
    const next = await bench.peer.acceptConnect();
    await next.expectNone();
    expect(counted(client)).toEqual({
      connects: 2,
      disconnects: 1,
      acksIgnored: 3,
      protocolErrors: 1,
      sendQuota: QUOTA,
    });
    await bench.end(client);
  });

  it("responsesIgnored: one that answers no request", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ responseTopic: "r" });
    const asking = follow(client.request("ask", "", { timeout: 1000 }));
    const { subscriptions } = await grant(connection);
    await connection.expect(Publish);
    const topic = subscriptions[0]?.filter.replace(/\/[#+]$/, "/x") ?? "";
    connection.send(publish(topic, "", { properties: { correlationData: new Uint8Array(16) } }));
    await bench.clock.advance(1000);
    expect([asking.status, client.stats().responsesIgnored]).toEqual(["rejected", 1]);
    await bench.end(client);
  });

  it("storeErrors: each failure once, and not what fails in its wake; storeCorruptRecords", async () => {
    const store = new ScriptedStore();
    const { client, connection, clock } = await connected(store);
    const calls = ([1, 2, 2] as const).map((qos) => follow(client.publish("t", "", { qos })));
    await clock.settle();
    store.fail("put out 1 AwaitPuback"); // this publish only
    store.done("put out 2 AwaitPubrec");
    store.done("put out 3 AwaitPubrec");
    await connection.expect({ type: Publish, packetId: 2 });
    await connection.expect({ type: Publish, packetId: 3 });
    expect(counted(client)).toMatchObject({ storeErrors: 1, publishesSent: 2, publishesInflight: 2 });
    connection.send(pubrec(2), pubrec(3));
    await clock.settle();
    store.fail("put out 2 AwaitPubcomp");
    store.fail("put out 3 AwaitPubcomp");
    await connection.expect(Disconnect);
    connection.cut();
    await clock.settle();
    expect(calls.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(counted(client)).toEqual({ connects: 1, disconnects: 1, publishesSent: 2, storeErrors: 2 });

    const failing = Object.assign(new ScriptedStore(), { load: () => Promise.reject(new Error("locked")) });
    const bench = new Bench();
    const other = bench.client({ store: failing });
    await bench.clock.run(other.connect().catch(() => {}));
    expect(counted(other)).toEqual({ storeErrors: 1 });

    const again = await restarted(holding(outbound(1, { sequence: 0 }), outbound(2, { sequence: 0 })));
    expect(counted(again.client)).toEqual({ ...IDLE, storeCorruptRecords: 2 });
    await again.bench.end(again.client);
  });

  it("poolFallbacks: the client's own connection takes what its publishers can't", async () => {
    const bench = new Bench();
    const client = bench.client({ publisherPool: { size: 1 } });
    const connecting = client.connect();
    const first = await bench.peer.accept();
    await first.expect(Connect);
    first.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0 });
    const member = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    expect(counted(client)).toEqual({ connects: 1, sendQuota: 2 * QUOTA });
    member.cut();
    await bench.clock.settle();
    await bench.clock.run(client.publish("t", ""));
    expect(counted(client)).toEqual({ connects: 1, sendQuota: QUOTA, publishesSent: 1, poolFallbacks: 1 });
    await bench.clock.run(client.disconnect(), 5000);
  });
});
