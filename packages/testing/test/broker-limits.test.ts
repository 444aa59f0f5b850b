// SPDX-License-Identifier: Apache-2.0
import { type Packet, PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { TestBrokerOptions } from "../src/index.js";
import { ack, Bench, filter, publish, receive, subscribe, subscribePacket } from "./bench.js";

async function closes(options: TestBrokerOptions, packets: readonly Packet[], reasonCode: number): Promise<void> {
  const bench = new Bench(options);
  const client = await bench.connect("a");
  client.send(...packets);
  client.discard();
  for (;;) {
    const packet = await client.next();
    if (packet.type !== PacketType.Disconnect) continue;
    expect(packet.reasonCode).toBe(reasonCode);
    break;
  }
  await client.expectClosed();
}

describe("what the CONNACK announces is enforced", () => {
  it("Retain Available", () =>
    closes({ retainAvailable: false }, [publish("t", "x", { retain: true })], ReasonCode.RetainNotSupported));

  it("Maximum QoS", async () => {
    const two = publish("t", "x", { qos: 2, packetId: 1 });
    await closes({ maximumQoS: 1 }, [publish("t", "x", { qos: 1, packetId: 1 }), two], ReasonCode.QoSNotSupported);
    await closes({ maximumQoS: 0 }, [publish("t", "x", { qos: 1, packetId: 1 })], ReasonCode.QoSNotSupported);
  });

  it("Maximum QoS concerns publishing alone [MQTT-3.2.2-10]", async () => {
    const bench = new Bench({ maximumQoS: 0 });
    const client = await bench.connect("a");
    await subscribe(client, filter("t", { qos: 2 }));
  });

  it("Wildcard Subscription Available", async () => {
    const options = { wildcardSubscriptionAvailable: false };
    await closes(options, [subscribePacket(["t/#"])], ReasonCode.WildcardSubscriptionsNotSupported);
    await closes(options, [subscribePacket(["a", "$share/g/+"])], ReasonCode.WildcardSubscriptionsNotSupported);
    const client = await new Bench(options).connect("a");
    await subscribe(client, "t");
  });

  it("Subscription Identifier Available", () =>
    closes(
      { subscriptionIdentifierAvailable: false },
      [subscribePacket(["t"], { properties: { subscriptionIdentifier: 1 } })],
      ReasonCode.SubscriptionIdentifiersNotSupported,
    ));

  it("Shared Subscription Available", () =>
    closes(
      { sharedSubscriptionAvailable: false },
      [subscribePacket(["$share/g/t"])],
      ReasonCode.SharedSubscriptionsNotSupported,
    ));

  it("Maximum Packet Size", () =>
    closes({ maximumPacketSize: 100 }, [publish("t", "x".repeat(100))], ReasonCode.PacketTooLarge));

  it("Topic Alias Maximum", async () => {
    const alias = (topicAlias: number) => publish("t", "x", { properties: { topicAlias } });
    await closes({ topicAliasMaximum: 2 }, [alias(2), alias(3)], ReasonCode.TopicAliasInvalid);
    await closes({ topicAliasMaximum: 0 }, [alias(1)], ReasonCode.TopicAliasInvalid);
  });
});

describe("the client's Receive Maximum", () => {
  it("is never exceeded, counts QoS 2 until PUBCOMP, and holds back nothing else [MQTT-3.3.4-9] [MQTT-3.3.4-10]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { properties: { receiveMaximum: 2 } });
    await subscribe(client, "t");
    for (const payload of ["1", "2", "3", "4"]) bench.broker.publish("t", payload, { qos: payload === "1" ? 2 : 1 });
    bench.broker.publish("t", "zero");
    const first = await client.expect({ type: PacketType.Publish, payload: "1", qos: 2 });
    const second = await client.expect({ type: PacketType.Publish, payload: "2" });
    await client.expect({ type: PacketType.Publish, payload: "zero", qos: 0 });
    client.send({ type: PacketType.Pingreq });
    await client.expect(PacketType.Pingresp);
    client.send(ack(PacketType.Pubrec, first.packetId));
    await client.expect(ack(PacketType.Pubrel, first.packetId));
    await client.expectNone();
    client.send(ack(PacketType.Puback, second.packetId));
    await client.expect({ type: PacketType.Publish, payload: "3" });
    await client.expectNone();
    client.send(ack(PacketType.Pubcomp, first.packetId));
    await client.expect({ type: PacketType.Publish, payload: "4" });
    await client.expectNone();
  });

  it("is regained by a refusing PUBREC, which ends the exchange", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { properties: { receiveMaximum: 1 } });
    await subscribe(client, "t");
    bench.broker.publish("t", "refused", { qos: 2 });
    bench.broker.publish("t", "next", { qos: 2 });
    const { packetId } = await client.expect({ type: PacketType.Publish, payload: "refused" });
    client.send(ack(PacketType.Pubrec, packetId, ReasonCode.QuotaExceeded));
    await receive(client, "t", "next");
  });
});

describe("the broker's Receive Maximum", () => {
  const two = (packetId: number) => publish("t", "x", { qos: 2, packetId });
  const one = (packetId: number) => publish("t", "x", { qos: 1, packetId });

  it("is exceeded by one QoS 2 message too many", () =>
    closes({ receiveMaximum: 2 }, [two(1), two(2), two(3)], ReasonCode.ReceiveMaximumExceeded));

  it("is exceeded by QoS 1 messages whose PUBACKs can't have arrived", () =>
    closes({ receiveMaximum: 2 }, [one(1), two(2), one(3)], ReasonCode.ReceiveMaximumExceeded));

  it("is exceeded while a PUBCOMP can't have arrived", () =>
    closes({ receiveMaximum: 1 }, [two(1), ack(PacketType.Pubrel, 1), two(2)], ReasonCode.ReceiveMaximumExceeded));

  it("is kept by a client that waits for its answers", async () => {
    const bench = new Bench({ receiveMaximum: 2 });
    const client = await bench.connect("a");
    for (let round = 0; round < 5; round++) {
      client.send(one(1), two(2));
      await client.expect(PacketType.Puback);
      await client.expect(PacketType.Pubrec);
      client.send(one(3), two(2)); // the same QoS 2 message once more takes no second place
      await client.expect(PacketType.Puback);
      await client.expect(PacketType.Pubrec);
      client.send(ack(PacketType.Pubrel, 2));
      await client.expect(PacketType.Pubcomp);
    }
    client.send(...Array.from({ length: 100 }, () => publish("t", "zero")), one(1)); // QoS 0 never counts
    await client.expect(PacketType.Puback);
  });

  it("counts anew on each connection, with the messages sent again", async () => {
    const bench = new Bench({ receiveMaximum: 1 });
    const first = await bench.keep("a");
    first.send(two(1));
    await first.expect(PacketType.Pubrec);
    first.cut();
    const second = await bench.keep("a");
    second.send({ ...two(1), duplicate: true });
    await second.expect(PacketType.Pubrec);
    second.send(two(2));
    await second.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ReceiveMaximumExceeded });
  });
});

describe("the client's Maximum Packet Size", () => {
  it("makes the broker discard larger messages as if they had been sent [MQTT-3.1.2-24] [MQTT-3.1.2-25]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { properties: { maximumPacketSize: 40, receiveMaximum: 1 } });
    await subscribe(client, "t");
    for (const qos of [0, 1, 2] as const) bench.broker.publish("t", "x".repeat(40), { qos });
    bench.broker.publish("t", "fits", { qos: 1 });
    await receive(client, "t", "fits");
    await bench.clock.settle();
    expect(bench.broker.sessions[0]?.dropped).toBe(3);
    expect(bench.broker.sessions[0]?.inFlight).toBe(0);
  });

  it("makes the broker leave out Reason String and User Properties [MQTT-3.9.2-1] [MQTT-3.9.2-2]", async () => {
    const explained = { reasonCode: ReasonCode.NotAuthorized, reasonString: "because ".repeat(10) };
    const bench = new Bench({ authorizeSubscribe: () => explained, authorizePublish: () => explained });
    const roomy = await bench.connect("a");
    roomy.send(subscribePacket(["t"]));
    await roomy.expect({ type: PacketType.Suback, properties: { reasonString: explained.reasonString } });
    const small = await bench.connect("b", { properties: { maximumPacketSize: 40 } });
    small.send(subscribePacket(["t"]), publish("t", "x", { qos: 1, packetId: 1 }));
    await small.expect({ type: PacketType.Suback, reasonCodes: [0x87], properties: { reasonString: undefined } });
    await small.expect({ type: PacketType.Puback, reasonCode: 0x87, properties: { reasonString: undefined } });
  });
});

describe("Request Problem Information", () => {
  it("0 keeps explanations to CONNACK and DISCONNECT [MQTT-3.1.2-29]", async () => {
    const explained = {
      reasonCode: ReasonCode.NotAuthorized,
      reasonString: "no",
      userProperties: [["a", "b"]],
    } as const;
    const bench = new Bench({ authorizeSubscribe: () => explained, userProperties: [["c", "d"]] });
    const properties = { requestProblemInformation: false };
    const { connection, connack } = await bench.handshake({ properties });
    expect(connack.properties.userProperties).toEqual([["c", "d"]]);
    connection.send(subscribePacket(["t"]));
    const suback = await connection.expect(PacketType.Suback);
    expect(suback.properties.toObject()).toEqual({});
    bench.broker.configure({ authorizeSubscribe: undefined });
    const listener = await bench.connect("b", { properties });
    await subscribe(listener, "t");
    bench.broker.publish("t", "x", { properties: { userProperties: [["e", "f"]] } });
    await receive(listener, "t", "x", { properties: { userProperties: [["e", "f"]] } });
    bench.broker.disconnect("client", { reasonString: "bye" });
    await connection.expect({ type: PacketType.Disconnect, properties: { reasonString: "bye" } });
  });
});

describe("topic aliases", () => {
  it("of a client stand for their topic until they are set anew [MQTT-3.3.2-12]", async () => {
    const bench = new Bench({ topicAliasMaximum: 2 });
    const client = await bench.connect("a");
    await subscribe(client, "#");
    const send = (topic: string, topicAlias: number) =>
      client.send(publish(topic, "x", { properties: { topicAlias } }));
    send("one", 1);
    send("two", 2);
    send("", 1);
    send("three", 1);
    send("", 1);
    send("", 2);
    for (const topic of ["one", "two", "one", "three", "three", "two"]) {
      await receive(client, topic, "x", { properties: { topicAlias: undefined } });
    }
  });

  it("of a client are forgotten with the connection [MQTT-3.3.2-7]", async () => {
    const bench = new Bench();
    const first = await bench.keep("a");
    first.send(publish("t", "x", { properties: { topicAlias: 1 } }));
    await first.expectNone();
    first.cut();
    const second = await bench.keep("a");
    second.send(publish("", "x", { properties: { topicAlias: 1 } }));
    await second.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
  });

  it("of the broker are not used unless both sides allow them [MQTT-3.1.2-27]", async () => {
    const bench = new Bench({ outgoingTopicAliases: 5 });
    const client = await bench.connect("a");
    await subscribe(client, "#");
    bench.broker.publish("t", "x");
    await receive(client, "t", "x", { properties: { topicAlias: undefined } });
  });

  it("of the broker replace a topic sent before, up to the client's maximum [MQTT-3.1.2-26]", async () => {
    const bench = new Bench({ outgoingTopicAliases: 5 });
    const client = await bench.connect("a", { properties: { topicAliasMaximum: 1, maximumPacketSize: 60 } });
    await subscribe(client, "#");
    bench.broker.publish("long/topic/one", "x".repeat(50)); // too large: its alias is not set
    bench.broker.publish("long/topic/one", "1", { qos: 1 });
    bench.broker.publish("long/topic/one", "2", { qos: 1 });
    bench.broker.publish("long/topic/two", "3", { qos: 1 });
    await receive(client, "long/topic/one", "1", { properties: { topicAlias: 1 } });
    await receive(client, "", "2", { properties: { topicAlias: 1 } });
    await receive(client, "long/topic/two", "3", { properties: { topicAlias: undefined } });
  });

  it("of the broker are not used for what an earlier connection learned", async () => {
    const bench = new Bench({ outgoingTopicAliases: 5 });
    const first = await bench.keep("a", { properties: { topicAliasMaximum: 5 } });
    await subscribe(first, "#");
    bench.broker.publish("t", "1", { qos: 1 });
    await first.expect({ type: PacketType.Publish, topic: "t", properties: { topicAlias: 1 } });
    first.cut();
    const second = await bench.keep("a", { properties: { topicAliasMaximum: 5 } });
    await receive(second, "t", "1", { duplicate: true, properties: { topicAlias: 1 } });
  });
});
