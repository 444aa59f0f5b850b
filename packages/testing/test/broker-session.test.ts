// SPDX-License-Identifier: Apache-2.0
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { ScriptedConnection } from "../src/index.js";
import { ack, Bench, filter, publish, receive, subscribe } from "./bench.js";

async function resume(bench: Bench, clientId: string, present: boolean): Promise<ScriptedConnection> {
  const { connection } = await bench.handshake(
    { clientId, cleanStart: false, properties: { sessionExpiryInterval: 3600 } },
    { sessionPresent: present },
  );
  return connection;
}

describe("a session", () => {
  it("outlives its connection for its expiry interval, and not longer [MQTT-3.1.2-23] [MQTT-4.1.0-2]", async () => {
    const bench = new Bench();
    for (const [waited, present] of [
      [9_999, true],
      [10_000, false],
    ] as const) {
      const first = await bench.connect("a", { properties: { sessionExpiryInterval: 10 } });
      await subscribe(first, "t");
      first.cut();
      await bench.clock.advance(waited);
      const second = await resume(bench, "a", present);
      await bench.clock.advance(60_000); // the old interval has no meaning any more
      bench.broker.publish("t", "x");
      if (present) await receive(second, "t", "x");
      await second.expectNone();
    }
  });

  it("with the interval 0xFFFFFFFF never expires", async () => {
    const bench = new Bench();
    (await bench.connect("a", { properties: { sessionExpiryInterval: 0xffffffff } })).cut();
    await bench.clock.advance(1e13);
    await resume(bench, "a", true);
  });

  it("without an interval ends with its connection", async () => {
    const bench = new Bench();
    (await bench.connect("a")).cut();
    await resume(bench, "a", false);
  });

  it("is thrown away by Clean Start [MQTT-3.1.2-4] [MQTT-3.2.2-2]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    await subscribe(first, "t");
    first.cut();
    await bench.clock.settle();
    bench.broker.publish("t", "x", { qos: 1 });
    const { connection, connack } = await bench.handshake({ clientId: "a", cleanStart: true });
    expect(connack.sessionPresent).toBe(false);
    await connection.expectNone();
    bench.broker.publish("t", "y");
    await connection.expectNone();
  });

  it("lasts as long as its connection is open [MQTT-4.1.0-1]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { properties: { sessionExpiryInterval: 1 } });
    await bench.clock.advance(60_000);
    await subscribe(client, "t");
    expect(bench.broker.sessions).toHaveLength(1);
  });

  it("can be given another interval by DISCONNECT, unless it was 0", async () => {
    const bench = new Bench();
    const goodbye = (sessionExpiryInterval: number) =>
      ({ type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiryInterval } }) as const;
    const kept = await bench.connect("a", { properties: { sessionExpiryInterval: 10 } });
    kept.send(goodbye(100));
    await kept.expectClosed();
    await bench.clock.advance(50_000);
    const ended = await resume(bench, "a", true);
    ended.send(goodbye(0));
    await ended.expectClosed();
    await resume(bench, "a", false);
    const none = await bench.connect("b");
    none.send(goodbye(10));
    await none.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
  });

  it("queues QoS 1 and 2 while its client is away, and QoS 0 if so told", async () => {
    for (const queueQoS0 of [false, true]) {
      const bench = new Bench({ queueQoS0 });
      const first = await bench.keep("a");
      await subscribe(first, "t");
      first.cut();
      await bench.clock.settle();
      for (const qos of [1, 2, 0] as const) bench.broker.publish("t", `${qos}`, { qos });
      expect(bench.broker.sessions[0]?.queued).toBe(queueQoS0 ? 3 : 2);
      const second = await resume(bench, "a", true);
      const payloads = [await second.next(), await second.next()];
      expect(payloads.map((packet) => packet.type === PacketType.Publish && packet.duplicate)).toEqual([false, false]);
      if (queueQoS0) await second.expect({ type: PacketType.Publish, qos: 0, payload: "0" });
      await second.expectNone();
    }
  });

  it("drops what is too much for its queue, by number and by bytes, and counts it", async () => {
    for (const [limits, kept] of [
      [{ maximumQueuedMessages: 3 }, 3],
      [{ maximumQueuedBytes: 500 }, 4],
    ] as const) {
      const bench = new Bench(limits);
      const first = await bench.keep("a");
      await subscribe(first, "t");
      first.cut();
      await bench.clock.settle();
      for (let index = 0; index < 10; index++) bench.broker.publish("t", `${index}`, { qos: 1 });
      expect(bench.broker.sessions[0]).toMatchObject({ queued: kept, dropped: 10 - kept });
      const second = await resume(bench, "a", true);
      for (let index = 0; index < kept; index++) await receive(second, "t", `${index}`);
      await second.expectNone();
      for (let index = 0; index < 10; index++) {
        bench.broker.publish("t", "room again", { qos: 1 });
        await receive(second, "t", "room again");
      }
    }
  });

  it("forgets queued messages that expire, and shortens the interval of the rest [MQTT-3.3.2-5] [MQTT-3.3.2-6]", async () => {
    for (const qos of [0, 1] as const) {
      const bench = new Bench({ queueQoS0: true });
      const first = await bench.keep("a");
      await subscribe(first, "t");
      first.cut();
      await bench.clock.settle();
      for (const messageExpiryInterval of [5, 100]) {
        bench.broker.publish("t", `${messageExpiryInterval}`, { qos, properties: { messageExpiryInterval } });
      }
      await bench.clock.advance(30_000);
      const second = await resume(bench, "a", true);
      await receive(second, "t", "100", { properties: { messageExpiryInterval: 70 } });
      await second.expectNone();
    }
  });
});

describe("a resumed session", () => {
  it("sends unacknowledged messages again, in order and with DUP, and never at another time [MQTT-4.4.0-1] [MQTT-3.3.1-1]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a", { properties: { receiveMaximum: 3 } });
    await subscribe(first, "t");
    const send = (payload: string, qos: 1 | 2) => bench.broker.publish("t", payload, { qos });
    for (const [payload, qos] of [
      ["1", 1],
      ["2", 2],
      ["3", 1],
      ["4", 1],
    ] as const) {
      send(payload, qos);
    }
    const sent = [await first.next(), await first.next(), await first.next()];
    await first.expectNone({ within: 600_000 });
    first.cut();
    await bench.clock.settle();
    const second = await resume(bench, "a", true);
    for (const [index, payload] of ["1", "2", "3"].entries()) {
      const { packetId } = sent[index] as { packetId: number };
      await second.expect({ type: PacketType.Publish, payload, packetId, duplicate: true });
    }
    await second.expect({ type: PacketType.Publish, payload: "4", duplicate: false });
    await second.expectNone();
  });

  it("keeps to the new connection's Receive Maximum while it sends again [MQTT-4.9.0-2]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    await subscribe(first, "t");
    for (const payload of ["1", "2", "3"]) bench.broker.publish("t", payload, { qos: 1 });
    await first.expect(PacketType.Publish);
    first.cut();
    await bench.clock.settle();
    const second = await bench.keep("a", { properties: { receiveMaximum: 1 } });
    for (const payload of ["1", "2", "3"]) {
      const { packetId } = await second.expect({ type: PacketType.Publish, payload, duplicate: true });
      await second.expectNone();
      second.send(ack(PacketType.Puback, packetId));
    }
  });

  it("lets go of a message that the new connection would not accept", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    await subscribe(first, "t");
    bench.broker.publish("t", "x".repeat(100), { qos: 1 });
    await first.expect(PacketType.Publish);
    first.cut();
    await bench.clock.settle();
    const second = await bench.keep("a", { properties: { maximumPacketSize: 50 } });
    await second.expectNone();
    expect(bench.broker.sessions).toMatchObject([{ inFlight: 0, dropped: 1 }]);
  });

  it("sends PUBREL again in the order of the PUBRECs, and not the PUBLISH [MQTT-4.3.3-6]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    await subscribe(first, "t");
    for (const payload of ["1", "2"]) bench.broker.publish("t", payload, { qos: 2 });
    const ids = [await first.expect(PacketType.Publish), await first.expect(PacketType.Publish)].map((p) => p.packetId);
    for (const packetId of ids.toReversed()) first.send(ack(PacketType.Pubrec, packetId));
    await first.expect(PacketType.Pubrel);
    await first.expect(PacketType.Pubrel);
    first.cut();
    const second = await resume(bench, "a", true);
    for (const packetId of ids.toReversed()) {
      await second.expect(ack(PacketType.Pubrel, packetId));
      second.send(ack(PacketType.Pubcomp, packetId));
    }
    await second.expectNone();
    expect(bench.broker.sessions[0]?.inFlight).toBe(0);
  });

  it("does not send again what was refused [MQTT-4.4.0-2]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    await subscribe(first, "t");
    bench.broker.publish("t", "1", { qos: 1 });
    bench.broker.publish("t", "2", { qos: 2 });
    const one = await first.expect(PacketType.Publish);
    const two = await first.expect(PacketType.Publish);
    first.send(ack(PacketType.Puback, one.packetId, ReasonCode.QuotaExceeded));
    first.send(ack(PacketType.Pubrec, two.packetId, ReasonCode.QuotaExceeded));
    await first.expectNone();
    first.cut();
    await (await resume(bench, "a", true)).expectNone();
  });

  it("remembers which QoS 2 messages it received [MQTT-4.3.3-10]", async () => {
    const bench = new Bench();
    const listener = await bench.connect("listener");
    await subscribe(listener, "t");
    const first = await bench.keep("a");
    first.send(publish("t", "once", { qos: 2, packetId: 1 }));
    await first.expect(PacketType.Pubrec);
    first.cut();
    const second = await resume(bench, "a", true);
    second.send(publish("t", "once", { qos: 2, packetId: 1, duplicate: true }));
    await second.expect(ack(PacketType.Pubrec, 1));
    second.send(ack(PacketType.Pubrel, 1));
    await second.expect(ack(PacketType.Pubcomp, 1));
    await receive(listener, "t", "once");
    await listener.expectNone();
  });

  it("does not let a message expire that was sent before [MQTT-4.3.3-7]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    await subscribe(first, "t");
    bench.broker.publish("t", "x", { qos: 2, properties: { messageExpiryInterval: 5 } });
    await first.expect(PacketType.Publish);
    first.cut();
    await bench.clock.advance(60_000);
    const second = await resume(bench, "a", true);
    await receive(second, "t", "x", { duplicate: true, properties: { messageExpiryInterval: 0 } });
  });

  it("gives new messages identifiers that are not in use [MQTT-2.2.1-4]", async () => {
    const bench = new Bench({ maximumQueuedMessages: 1_000_000 });
    const client = await bench.keep("a");
    await subscribe(client, filter("t", { qos: 1 }));
    bench.broker.publish("t", "stays", { qos: 1 });
    const stays = await client.expect({ type: PacketType.Publish, payload: "stays" });
    const seen = new Set<number>();
    for (let index = 0; index < 65_535; index++) {
      bench.broker.publish("t", "passes", { qos: 1 });
      if (index % 5000 !== 0) continue;
      await bench.clock.settle();
    }
    await bench.clock.settle();
    for (let index = 0; index < 65_534; index++) seen.add((await client.expect(PacketType.Publish)).packetId);
    expect(seen.size).toBe(65_534);
    expect(seen.has(stays.packetId)).toBe(false);
    await client.expectNone();
    client.send(ack(PacketType.Puback, 500));
    await client.expect({ type: PacketType.Publish, packetId: 500 });
  });

  it("breaks with a client that asks and asks and never reads", async () => {
    const bench = new Bench({ maximumQueuedBytes: 1000 });
    const client = await bench.connect("a");
    client.link.pause();
    for (let round = 0; round < 10; round++) {
      client.send(...Array.from({ length: 100 }, () => ({ type: PacketType.Pingreq }) as const));
      await bench.clock.settle();
    }
    expect(bench.broker.connections).toEqual([]);
  });

  it("goes on with its backlog when a slow link has room again", async () => {
    const bench = new Bench();
    const { connection, brokerEnd } = await bench.handshake({ clientId: "a" });
    await subscribe(connection, "t");
    connection.link.pause();
    for (let index = 0; index < 100; index++) bench.broker.publish("t", "x".repeat(10_000));
    await bench.clock.settle();
    expect(brokerEnd.pendingBytes).toBeLessThan(150_000);
    expect(bench.broker.sessions[0]?.queued).toBeGreaterThan(80);
    connection.link.resume();
    for (let index = 0; index < 100; index++) await connection.expect(PacketType.Publish);
    await connection.expectNone();
  });

  it("has no QoS 0 messages left from a link that was too slow for them", async () => {
    const bench = new Bench();
    const slow = await bench.keep("a");
    await subscribe(slow, "t");
    slow.link.pause();
    for (let index = 0; index < 100; index++) {
      bench.broker.publish("t", "x".repeat(10_000), { qos: index === 99 ? 1 : 0 });
    }
    slow.cut();
    await bench.clock.settle();
    expect(bench.broker.sessions[0]?.queued).toBe(1);
  });
});
