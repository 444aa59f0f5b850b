// SPDX-License-Identifier: Apache-2.0
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, test } from "vitest";
import { BufferedBytes } from "../src/buffered-bytes.js";
import type { DropReason } from "../src/index.js";
import { Bench, follow, grant, puback, publish } from "./bench.js";

const KIB = 1024;
const big = (topic: string, packetId = 0) =>
  publish(topic, "x".repeat(KIB), packetId === 0 ? {} : { qos: 1, packetId });

describe("the bytes of received messages", () => {
  test("are full at their maximum, and until half of it is free", () => {
    let freed = 0;
    const buffered = new BufferedBytes(100, () => freed++);
    buffered.add(99);
    expect(buffered.full).toBe(false);
    buffered.add(1);
    expect(buffered.full).toBe(true);
    buffered.remove(49);
    expect([buffered.full, freed]).toEqual([true, 0]);
    buffered.remove(1);
    expect([buffered.full, freed]).toEqual([false, 1]);
  });

  test("QoS 0 beyond the bound is dropped, reported, and counted [decision 2]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 3 * KIB });
    const dropped: DropReason[] = [];
    const subscribing = client.subscribeQueue("a", { onDrop: (_, reason) => dropped.push(reason) });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    connection.send(...Array.from({ length: 10 }, () => big("a")));
    await bench.clock.settle();
    expect(queue.size).toBe(3);
    expect(dropped).toEqual(Array.from({ length: 7 }, () => "memory"));
    expect(client.stats().inboundDropped).toBe(7);
    await bench.end(client);
  });

  test("QoS 1 beyond the bound stays with the broker: the link is not read until half is acked [decision 2]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 4 * KIB });
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    for (let id = 1; id <= 4; id++) connection.send(big("a", id));
    await bench.clock.settle();
    for (let id = 5; id <= 8; id++) connection.send(big("a", id));
    await bench.clock.settle();
    expect(queue.size).toBe(4);
    queue.tryDequeue()?.ack();
    await bench.clock.settle();
    expect(queue.size).toBe(3);
    queue.tryDequeue()?.ack();
    queue.tryDequeue()?.ack();
    await bench.clock.settle();
    expect(queue.size).toBe(4); // full again with one of the new ones still on its way
    for (let id = 1; id <= 3; id++) await connection.expect({ type: PacketType.Puback, packetId: id });
    await bench.end(client);
  });

  test("an answer that is waited for is read all the same", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 2 * KIB });
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    connection.send(big("a", 1), big("a", 2));
    await bench.clock.settle();
    const publishing = follow(client.publish("b", "", { qos: 1 }));
    connection.send(big("a", 3));
    connection.send(puback((await connection.expect(PacketType.Publish)).packetId));
    await bench.clock.settle();
    expect(publishing.status).toBe("resolved");
    expect(queue.size).toBe(3);
    await bench.end(client);
  });

  test("a link that is not read is not taken for dead, and a dead one is noticed", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: KIB, keepAlive: 10 });
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send(big("a", 1));
    await bench.clock.settle();
    for (let times = 0; times < 5; times++) {
      await connection.expect(PacketType.Pingreq, { within: 20_000 });
      connection.send({ type: PacketType.Pingresp });
    }
    expect(client.state.status).toBe("connected");
    connection.stall();
    await bench.clock.advance(30_000);
    expect(client.stats().pingTimeouts).toBe(1);
    await bench.clock.run(client.disconnect());
  });

  test("a broker that fills twice the bound while it is read is sent away with 0x97", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 2 * KIB });
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    await bench.clock.run(subscribing);
    const publishing = follow(client.publish("b", "", { qos: 1 }));
    await connection.expect(PacketType.Publish);
    for (let id = 1; id <= 6; id++) connection.send(big("a", id));
    await connection.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.QuotaExceeded });
    await connection.expectClosed();
    await bench.clock.run(client.disconnect());
    expect(publishing.status).toBe("rejected");
  });
});
