// SPDX-License-Identifier: Apache-2.0
// What a broker kept for a session arrives right behind CONNACK, before any SUBACK.
import { type ConnackPacket, PacketType, type PublishPacket } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { expect, test } from "vitest";
import type { Client } from "../src/index.js";
import { Bench, collect, puback, pubcomp, publish, pubrec, pubrel } from "./bench.js";
import { holding } from "./store-bench.js";

const { Connect, Puback, Pubrec, Subscribe } = PacketType;
const CONNACK: ConnackPacket = { type: PacketType.Connack, sessionPresent: true, reasonCode: 0 };

/** Answers the next CONNECT, with more in the same chunk. */
async function resume(bench: Bench, ...packets: PublishPacket[]): Promise<ScriptedConnection> {
  const connection = await bench.peer.accept();
  await connection.expect({ type: Connect, cleanStart: false });
  connection.send(CONNACK, ...packets);
  return connection;
}

/** Messages of an earlier process: untagged, under one of its Subscription Identifiers, and at each QoS. */
const kept = [
  publish("a/0", "0"),
  publish("a/1", "1", { qos: 1, packetId: 1 }),
  publish("a/2", "2", { qos: 1, packetId: 2, properties: { subscriptionIdentifiers: [77] } }),
  publish("a/3", "3", { qos: 2, packetId: 3 }),
  publish("a/4", "4", { qos: 1, packetId: 4, duplicate: true }),
];
const all = ["a/0=0", "a/1=1", "a/2=2", "a/3=3", "a/4=4"];

const consumers: Record<string, (client: Client, got: string[]) => Promise<void>> = {
  subscribe: async (client, got) => {
    const subscription = await client.subscribe("a/#", { qos: 2 });
    collect(subscription, (message) => {
      got.push(`${message.topic}=${message.text()}`);
      message.ack();
    });
  },
  subscribeQueue: async (client, got) => {
    const queue = await client.subscribeQueue("a/+", { qos: 2 });
    const take = async (): Promise<void> => {
      for (let message = await queue.dequeue(); message !== undefined; message = await queue.dequeue()) {
        got.push(`${message.topic}=${message.text()}`);
        message.ack();
      }
    };
    void take();
  },
  subscribeCallback: async (client, got) => {
    await client.subscribeCallback("a/{n}", (message) => void got.push(`${message.topic}=${message.text()}`), {
      qos: 2,
    });
  },
};

for (const [name, consume] of Object.entries(consumers)) {
  test(`${name} before connect() gets what a resumed session brings behind CONNACK, before SUBACK`, async () => {
    const bench = new Bench();
    const client = bench.client({ store: holding() });
    const got: string[] = [];
    await consume(client, got);
    const connecting = client.connect();
    const connection = await resume(bench, ...kept);
    await bench.clock.run(connecting);
    const subscribe = await connection.expect(Subscribe);
    for (const packetId of [1, 2]) await connection.expect(puback(packetId));
    await connection.expect(pubrec(3));
    await connection.expect(puback(4));
    expect(got).toEqual(all);
    expect(client.stats()).toMatchObject({ inboundUnmatched: 0, inboundDropped: 0 });
    connection.send({ type: PacketType.Suback, packetId: subscribe.packetId, reasonCodes: [2] }, pubrel(3));
    await connection.expect(pubcomp(3));
    expect(bench.log).toEqual([]);
    await bench.end(client);
  });
}

test("what nobody subscribed is acked and counted, and one of it is warned of for each connection", async () => {
  const bench = new Bench();
  const client = bench.client({ store: holding() });
  const connecting = client.connect();
  const connection = await resume(bench, ...kept);
  await bench.clock.run(connecting);
  for (const packetId of [1, 2]) await connection.expect({ type: Puback, packetId, reasonCode: 0 });
  await connection.expect({ type: Pubrec, packetId: 3, reasonCode: 0 });
  await connection.expect({ type: Puback, packetId: 4 });
  expect(client.stats()).toMatchObject({ inboundPublishes: 5, inboundUnmatched: 5, inboundDropped: 0 });
  expect(bench.log).toEqual([expect.stringContaining("on a/1 came with the session and matched no subscription")]);
  connection.cut();
  const next = await resume(bench, publish("a/5", "5", { qos: 1, packetId: 5 }));
  await next.expect(puback(5));
  expect(bench.log).toHaveLength(2);
  await bench.end(client);
});

test("what nobody subscribed in a new session is counted without a word", async () => {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  connection.send(publish("a", "", { qos: 1, packetId: 1 }));
  await connection.expect(puback(1));
  expect([client.stats().inboundUnmatched, bench.log]).toEqual([1, []]);
  await bench.end(client);
});
