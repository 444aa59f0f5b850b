// SPDX-License-Identifier: Apache-2.0
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { ack, Bench, filter, publish, qosLevels, receive, subscribe, subscribePacket } from "./bench.js";

describe("messages through the test broker", () => {
  it("a QoS 0 message reaches a subscriber", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(b, "t/+");
    a.send(publish("t/1", "hello"));
    await receive(b, "t/1", "hello", { qos: 0, retain: false, duplicate: false });
    await a.expectNone();
  });

  it("a QoS 1 message is acknowledged by the broker, and by the subscriber [MQTT-4.3.2-4] [MQTT-2.2.1-5]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(b, "t");
    a.send(publish("t", "one", { qos: 1, packetId: 77 }));
    await a.expect(ack(PacketType.Puback, 77));
    const first = await receive(b, "t", "one", { qos: 1, duplicate: false });
    expect(first.packetId).toBeGreaterThan(0);
    await b.expectNone();
    expect(bench.broker.sessions.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  it("a QoS 2 message takes four packets on each side [MQTT-4.3.3-8] [MQTT-4.3.3-11]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(b, "t");
    a.send(publish("t", "two", { qos: 2, packetId: 5 }));
    await a.expect(ack(PacketType.Pubrec, 5));
    await receive(b, "t", "two", { qos: 2 });
    a.send(ack(PacketType.Pubrel, 5));
    await a.expect(ack(PacketType.Pubcomp, 5));
    await a.expectNone();
    await b.expectNone();
  });

  it("the delivery has the lower of both QoS [MQTT-3.8.4-8]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    for (const granted of qosLevels) {
      await subscribe(b, filter("t", { qos: granted }));
      for (const published of qosLevels) {
        a.send(publish("t", `${published}`, { qos: published, packetId: published === 0 ? 0 : 1 }));
        await receive(b, "t", `${published}`, { qos: granted < published ? granted : published });
        if (published === 2) a.send(ack(PacketType.Pubrel, 1));
        await bench.clock.settle();
        a.discard();
      }
    }
  });

  it("a QoS 2 message that comes again before PUBREL is not delivered again [MQTT-4.3.3-10]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(b, "t");
    a.send(publish("t", "once", { qos: 2, packetId: 9 }));
    await a.expect(ack(PacketType.Pubrec, 9));
    a.send(publish("t", "once", { qos: 2, packetId: 9, duplicate: true }));
    await a.expect(ack(PacketType.Pubrec, 9));
    await receive(b, "t", "once", { duplicate: false });
    a.send(ack(PacketType.Pubrel, 9));
    await a.expect(ack(PacketType.Pubcomp, 9));
    await b.expectNone();
    a.send(publish("t", "new", { qos: 2, packetId: 9 })); // [MQTT-4.3.3-12]
    await a.expect(ack(PacketType.Pubrec, 9));
    await receive(b, "t", "new");
  });

  it("a PUBREL or PUBREC for an unknown identifier is answered with 0x92", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    a.send(ack(PacketType.Pubrel, 3));
    await a.expect(ack(PacketType.Pubcomp, 3, ReasonCode.PacketIdentifierNotFound));
    a.send(ack(PacketType.Pubrec, 4));
    await a.expect(ack(PacketType.Pubrel, 4, ReasonCode.PacketIdentifierNotFound));
    a.send(ack(PacketType.Puback, 5), ack(PacketType.Pubcomp, 6));
    await a.expectNone();
  });

  it("an identifier that a QoS 2 message holds can't be used for something else", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    a.send(publish("t", "x", { qos: 2, packetId: 1 }), publish("t", "x", { qos: 1, packetId: 1 }));
    a.send(subscribePacket(["t", "u"]), { type: PacketType.Unsubscribe, packetId: 1, filters: ["t"] });
    const inUse = ReasonCode.PacketIdentifierInUse;
    await a.expect(PacketType.Pubrec);
    await a.expect(ack(PacketType.Puback, 1, inUse));
    await a.expect({ type: PacketType.Suback, packetId: 1, reasonCodes: [inUse, inUse] });
    await a.expect({ type: PacketType.Unsuback, packetId: 1, reasonCodes: [inUse] });
    a.send(ack(PacketType.Pubrel, 1));
    await a.expect(ack(PacketType.Pubcomp, 1));
    await subscribe(a, "t");
  });

  it("a message nobody subscribed to is acknowledged with 0x10", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    a.send(publish("nobody", "x", { qos: 1, packetId: 1 }), publish("nobody", "x", { qos: 2, packetId: 2 }));
    await a.expect(ack(PacketType.Puback, 1, ReasonCode.NoMatchingSubscribers));
    await a.expect(ack(PacketType.Pubrec, 2, ReasonCode.NoMatchingSubscribers));
    a.send(ack(PacketType.Pubrel, 2));
    await a.expect(ack(PacketType.Pubcomp, 2));
  });

  it("all properties but the broker's own travel unchanged and in order [MQTT-3.3.2-15] [MQTT-3.3.2-18] [MQTT-3.3.2-20]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(b, "t");
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text/plain",
      responseTopic: "answers",
      correlationData: Uint8Array.of(1, 2, 3),
      userProperties: [
        ["b", "1"],
        ["a", "2"],
        ["b", "1"],
      ],
    } as const;
    a.send(publish("t", "x", { properties: { ...properties, topicAlias: 3 } }));
    const packet = await receive(b, "t", "x", { properties });
    expect(packet.properties.toObject()).toEqual(properties);
  });

  it("messages of one client arrive in order, QoS by QoS [MQTT-4.6.0-5]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    const b = await bench.connect("b");
    await subscribe(b, "t");
    for (let index = 1; index <= 200; index++) a.send(publish("t", `${index}`, { qos: 1, packetId: index }));
    for (let index = 1; index <= 200; index++) await receive(b, "t", `${index}`);
  });

  it("an UNSUBSCRIBE ends the messages, and says what it did [MQTT-3.10.4-1] [MQTT-3.11.3-1]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    await subscribe(a, "t/1", "t/#");
    a.send({ type: PacketType.Unsubscribe, packetId: 4, filters: ["t/#", "t/+", "t/1"] });
    await a.expect({
      type: PacketType.Unsuback,
      packetId: 4,
      reasonCodes: [ReasonCode.Success, ReasonCode.NoSubscriptionExisted, ReasonCode.Success],
    });
    a.send(publish("t/1", "x"));
    await a.expectNone();
    expect(bench.broker.sessions[0]?.filters).toEqual([]);
  });

  it("a PINGREQ is answered [MQTT-3.12.4-1]", async () => {
    const bench = new Bench();
    const a = await bench.connect("a");
    a.send({ type: PacketType.Pingreq });
    await a.expect(Uint8Array.of(0xd0, 0));
  });

  it("a packet that arrives byte by byte is understood", async () => {
    const bench = new Bench();
    const { connection: a } = await bench.dial();
    a.split(1);
    a.send({ type: PacketType.Connect, clientId: "a", cleanStart: true, keepAlive: 0 });
    a.send(subscribePacket(["t"]), publish("t", "hello"));
    await a.expect({ type: PacketType.Connack, reasonCode: 0 });
    await a.expect(PacketType.Suback);
    await receive(a, "t", "hello");
  });
});
