// SPDX-License-Identifier: Apache-2.0
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { ack, Bench, filter, publish, receive, subscribe, subscribePacket } from "./bench.js";

describe("subscriptions", () => {
  it("with wildcards don't match topics that begin with $ [MQTT-4.7.2-1]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    await subscribe(client, "#", "+/info", "$SYS/+");
    bench.broker.publish("$SYS/info", "x", { qos: 1 });
    const packet = await receive(client, "$SYS/info", "x");
    expect(packet.properties.subscriptionIdentifiers).toEqual([]);
    await client.expectNone();
  });

  it("that overlap give one copy with the highest QoS and all identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-4]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    const add = async (text: string, qos: 0 | 1 | 2, subscriptionIdentifier?: number) => {
      client.send(subscribePacket([filter(text, { qos })], { properties: { subscriptionIdentifier } }));
      await client.expect({ type: PacketType.Suback, reasonCodes: [qos] });
    };
    await add("a/#", 0, 10);
    await add("a/+", 1, 20);
    await add("a/b", 0);
    bench.broker.publish("a/b", "x", { qos: 2 });
    const packet = await receive(client, "a/b", "x", { qos: 1 });
    expect(new Set(packet.subscriptionIdentifiers)).toEqual(new Set([10, 20]));
    await client.expectNone();
  });

  it("to the same filter are replaced, identifier and all [MQTT-3.8.4-3]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    client.send(subscribePacket([filter("t", { qos: 2 })], { properties: { subscriptionIdentifier: 1 } }));
    client.send(subscribePacket([filter("t", { qos: 0 })], { properties: { subscriptionIdentifier: 2 } }));
    await client.expect({ type: PacketType.Suback, reasonCodes: [2] });
    await client.expect({ type: PacketType.Suback, reasonCodes: [0] });
    bench.broker.publish("t", "x", { qos: 2 });
    await receive(client, "t", "x", { qos: 0, properties: { subscriptionIdentifiers: [2] } });
    await client.expectNone();
  });

  it("of one SUBSCRIBE get a reason code each, in their order [MQTT-3.8.4-6] [MQTT-3.9.3-1]", async () => {
    const bench = new Bench({
      authorizeSubscribe: ({ filter }) => (filter.startsWith("secret") ? ReasonCode.NotAuthorized : undefined),
    });
    const client = await bench.connect("a");
    client.send(subscribePacket([filter("a", { qos: 1 }), "secret/a", filter("b", { qos: 0 })], { packetId: 99 }));
    await client.expect({ type: PacketType.Suback, packetId: 99, reasonCodes: [1, ReasonCode.NotAuthorized, 0] });
    bench.broker.publish("secret/a", "x");
    await client.expectNone();
    expect(bench.broker.sessions[0]?.filters).toEqual(["a", "b"]);
  });

  it("can be granted a lower QoS by a hook, later if need be", async () => {
    const bench = new Bench({
      authorizeSubscribe: () => new Promise((resolve) => bench.clock.schedule(50, () => resolve(1))),
    });
    const client = await bench.connect("a");
    client.send(subscribePacket([filter("t", { qos: 2 }), filter("u", { qos: 0 })]), { type: PacketType.Pingreq });
    await client.expect({ type: PacketType.Suback, reasonCodes: [1, 0] });
    await client.expect(PacketType.Pingresp);
    expect(bench.clock.now()).toBe(50);
  });

  it("with No Local don't get what their own client publishes [MQTT-3.8.3-3]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    const other = await bench.connect("b");
    await subscribe(client, filter("t", { noLocal: true }));
    client.send(publish("t", "mine", { retain: true }));
    other.send(publish("t", "theirs"));
    await receive(client, "t", "theirs");
    await subscribe(client, filter("t", { noLocal: true }));
    await client.expectNone();
    await subscribe(client, "+");
    await receive(client, "t", "mine", { retain: true });
  });

  it("with Retain As Published keep the RETAIN flag, others lose it [MQTT-3.3.1-12] [MQTT-3.3.1-13]", async () => {
    const bench = new Bench();
    const keeps = await bench.connect("a");
    const loses = await bench.connect("b");
    await subscribe(keeps, filter("t", { retainAsPublished: true }));
    await subscribe(loses, "t");
    bench.broker.publish("t", "x", { retain: true });
    bench.broker.publish("t", "y");
    await receive(keeps, "t", "x", { retain: true });
    await receive(keeps, "t", "y", { retain: false });
    await receive(loses, "t", "x", { retain: false });
  });
});

describe("retained messages", () => {
  it("reach later subscribers, until they are replaced or removed [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-8]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    client.send(publish("t/1", "old", { retain: true }), publish("t/1", "new", { retain: true, qos: 1, packetId: 1 }));
    client.send(
      publish("t/1", "passing"),
      publish("t/2", "two", { retain: true }),
      publish("u", "u", { retain: true }),
    );
    await client.expect(PacketType.Puback);
    await subscribe(client, filter("t/#", { qos: 1 }));
    await receive(client, "t/1", "new", { retain: true, qos: 1, duplicate: false });
    await receive(client, "t/2", "two", { retain: true, qos: 0 });
    await client.expectNone();
    client.send(publish("t/1", "", { retain: true }));
    await receive(client, "t/1", "", { retain: false });
    expect(bench.broker.retained.map(({ topic }) => topic)).toEqual(["t/2", "u"]);
  });

  it("are sent at each, only the first, or no SUBSCRIBE: Retain Handling [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]", async () => {
    const bench = new Bench();
    bench.broker.publish("t", "kept", { retain: true });
    for (const [retainHandling, first, second] of [
      [0, true, true],
      [1, true, false],
      [2, false, false],
    ] as const) {
      const client = await bench.connect(`client ${retainHandling}`);
      for (const sent of [first, second]) {
        await subscribe(client, filter("t", { retainHandling }));
        if (sent) await receive(client, "t", "kept", { retain: true });
        await client.expectNone();
      }
    }
  });

  it("are not sent to shared subscriptions", async () => {
    const bench = new Bench();
    bench.broker.publish("t", "kept", { retain: true });
    const client = await bench.connect("a");
    await subscribe(client, "$share/g/t");
    await client.expectNone();
  });

  it("carry the identifier of the subscription, and a shorter expiry [MQTT-3.3.2-6]", async () => {
    const bench = new Bench();
    bench.broker.publish("t", "kept", { retain: true, properties: { messageExpiryInterval: 10 } });
    await bench.clock.advance(3500);
    const client = await bench.connect("a");
    client.send(subscribePacket(["t"], { properties: { subscriptionIdentifier: 5 } }));
    await client.expect(PacketType.Suback);
    await receive(client, "t", "kept", { properties: { subscriptionIdentifiers: [5], messageExpiryInterval: 7 } });
    await bench.clock.advance(6500);
    expect(bench.broker.retained).toEqual([]);
    await subscribe(client, "t");
    await client.expectNone();
  });
});

describe("shared subscriptions", () => {
  it("give each message to one member, in turn, with the QoS of that member [MQTT-4.8.2-3]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(a, filter("$share/g/t", { qos: 0 }));
    await subscribe(b, filter("$share/g/t", { qos: 1 }));
    for (const payload of ["1", "2", "3", "4"]) bench.broker.publish("t", payload, { qos: 1 });
    await receive(a, "t", "1", { qos: 0 });
    await receive(b, "t", "2", { qos: 1 });
    await receive(a, "t", "3");
    await receive(b, "t", "4");
    await a.expectNone();
    await b.expectNone();
  });

  it("made again replace what the member asked for", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    await subscribe(client, filter("$share/g/t", { qos: 2 }));
    await subscribe(client, filter("$share/g/t", { qos: 0 }));
    bench.broker.publish("t", "x", { qos: 2 });
    await receive(client, "t", "x", { qos: 0 });
    await client.expectNone();
  });

  it("of other groups, other filters and none are independent of each other", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    await subscribe(client, "$share/g/t", "$share/h/t", "$share/g/+", "t");
    bench.broker.publish("t", "x");
    for (let copy = 0; copy < 4; copy++) await receive(client, "t", "x");
    await client.expectNone();
  });

  it("end with the full filter, and the others go on", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    for (const client of [a, b]) await subscribe(client, "$share/g/t");
    a.send({ type: PacketType.Unsubscribe, packetId: 1, filters: ["t", "$share/g/t"] });
    await a.expect({ type: PacketType.Unsuback, reasonCodes: [ReasonCode.NoSubscriptionExisted, ReasonCode.Success] });
    for (const payload of ["1", "2"]) {
      bench.broker.publish("t", payload);
      await receive(b, "t", payload);
    }
  });

  it("go on with the member whose turn it is when another leaves", async () => {
    const bench = new Bench();
    const clients = [await bench.connect("a"), await bench.connect("b"), await bench.connect("c")] as const;
    for (const client of clients) await subscribe(client, "$share/g/t");
    bench.broker.publish("t", "1");
    await receive(clients[0], "t", "1");
    clients[0].cut();
    await bench.clock.settle();
    bench.broker.publish("t", "2");
    await receive(clients[1], "t", "2");
    clients[2].cut();
    await bench.clock.settle();
    bench.broker.publish("t", "3");
    await receive(clients[1], "t", "3");
  });

  it("prefer members that are connected, and wait for one if none is", async () => {
    const bench = new Bench();
    const a = await bench.keep("a");
    const b = await bench.keep("b");
    for (const client of [a, b]) await subscribe(client, "$share/g/t");
    a.cut();
    await bench.clock.settle();
    for (const payload of ["1", "2"]) bench.broker.publish("t", payload, { qos: 1 });
    await receive(b, "t", "1");
    await receive(b, "t", "2");
    b.cut();
    await bench.clock.settle();
    bench.broker.publish("t", "3", { qos: 1 });
    expect(bench.broker.sessions.map(({ queued }) => queued)).toEqual([1, 0]);
  });

  it("pass what a lost member had not settled on to another, but no QoS 2 it had begun [MQTT-4.8.2-5]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a", { properties: { receiveMaximum: 2 } });
    const b = await bench.connect("b");
    await subscribe(a, "$share/g/t", "other");
    for (const [payload, qos] of [
      ["begun", 1],
      ["begun", 2],
      ["waiting", 1],
      ["waiting", 2],
    ] as const) {
      bench.broker.publish("t", `${payload} ${qos}`, { qos });
    }
    bench.broker.publish("other", "not shared", { qos: 1 });
    await a.expect({ type: PacketType.Publish, payload: "begun 1" });
    await a.expect({ type: PacketType.Publish, payload: "begun 2" });
    await subscribe(b, "$share/g/t");
    await b.expectNone();
    a.cut();
    await receive(b, "t", "begun 1", { duplicate: false });
    await receive(b, "t", "waiting 1");
    await receive(b, "t", "waiting 2");
    await b.expectNone();
  });

  it("finish a QoS 2 message with the member that has it [MQTT-4.8.2-4]", async () => {
    const bench = new Bench();
    const a = await bench.keep("a");
    const b = await bench.connect("b");
    await subscribe(a, "$share/g/t");
    bench.broker.publish("t", "x", { qos: 2 });
    await a.expect({ type: PacketType.Publish, payload: "x" });
    await subscribe(b, "$share/g/t");
    a.cut();
    await b.expectNone();
    await receive(await bench.keep("a"), "t", "x", { duplicate: true });
  });

  it("try nobody else when a member refuses [MQTT-4.8.2-6]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    for (const client of [a, b]) await subscribe(client, "$share/g/t");
    bench.broker.publish("t", "x", { qos: 1 });
    const { packetId } = await a.expect(PacketType.Publish);
    a.send(ack(PacketType.Puback, packetId, ReasonCode.UnspecifiedError));
    await b.expectNone();
    a.cut();
    await b.expectNone();
  });
});
