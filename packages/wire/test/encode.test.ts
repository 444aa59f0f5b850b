// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from "vitest";
import {
  decode,
  encode,
  EncodeError,
  encodeInto,
  encodePublishHeader,
  type Packet,
  PacketType,
  Properties,
  type PublishPacket,
  Publish,
  type SubscribeFilter,
  Writer,
} from "../src/index.js";
import { valid } from "./byte-table.js";

const publish: PublishPacket = {
  type: PacketType.Publish,
  topic: "a",
  payload: new Uint8Array(0),
  qos: 1,
  retain: false,
  duplicate: false,
  packetId: 1,
};
const connect = { type: PacketType.Connect, clientId: "c", cleanStart: true, keepAlive: 0 } as const;
const will = { topic: "w", payload: new Uint8Array(0), qos: 0, retain: false } as const;
const filter: SubscribeFilter = { filter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };
const subscribe = { type: PacketType.Subscribe, packetId: 1, subscriptions: [filter] } as const;
const unsubscribe = { type: PacketType.Unsubscribe, packetId: 1, filters: ["a"] } as const;
const connack = { type: PacketType.Connack, sessionPresent: false, reasonCode: 0 } as const;

const long = "x".repeat(65_536);
const longInBytes = "ä".repeat(32_768);
const lone = "a\ud800b";

type Refusal = [title: string, packet: unknown, code: EncodeError["code"], field: string];

const withProperties = (packet: object, properties: unknown): unknown => ({ ...packet, properties });

const refusals: readonly Refusal[] = [
  ["a topic with + [parity 15] [MQTT-3.3.2-2]", { ...publish, topic: "a/+" }, "INVALID_TOPIC", "topic"],
  ["a topic with # [parity 15] [MQTT-3.3.2-2]", { ...publish, topic: "a#b" }, "INVALID_TOPIC", "topic"],
  ["an empty topic and no alias [parity 15] [MQTT-4.7.3-1]", { ...publish, topic: "" }, "INVALID_TOPIC", "topic"],
  ["a topic with U+0000 [parity 14] [MQTT-4.7.3-2]", { ...publish, topic: "a\0" }, "INVALID_TOPIC", "topic"],
  ["a topic with a lone surrogate [parity 14] [MQTT-1.5.4-1]", { ...publish, topic: lone }, "INVALID_TOPIC", "topic"],
  ["a topic of 65,536 bytes [parity 20] [MQTT-4.7.3-3]", { ...publish, topic: long }, "FIELD_TOO_LONG", "topic"],
  [
    "a topic of 32,768 two-byte letters [parity 20] [MQTT-4.7.3-3]",
    { ...publish, topic: longInBytes },
    "FIELD_TOO_LONG",
    "topic",
  ],
  ["a topic that is no string", { ...publish, topic: 7 }, "INVALID_FIELD", "topic"],
  ["a payload that is a string", { ...publish, payload: "hello" }, "INVALID_FIELD", "payload"],
  ["a payload that is not there", { ...publish, payload: undefined }, "INVALID_FIELD", "payload"],
  ["properties that are null", withProperties(publish, null), "INVALID_FIELD", "properties"],
  ["properties that are a number", withProperties(publish, 5), "INVALID_FIELD", "properties"],
  ["a will that is null", { ...connect, will: null }, "INVALID_FIELD", "will"],
  [
    "will properties that are null",
    { ...connect, will: { ...will, properties: null } },
    "INVALID_FIELD",
    "will.properties",
  ],
  ["a subscription that is null", { ...subscribe, subscriptions: [filter, null] }, "INVALID_FIELD", "subscriptions[1]"],
  ["QoS 3 [parity 13] [MQTT-3.3.1-4]", { ...publish, qos: 3 }, "INVALID_QOS", "qos"],
  ["QoS -1 [parity 13]", { ...publish, qos: -1 }, "INVALID_QOS", "qos"],
  ["QoS 1.5 [parity 13]", { ...publish, qos: 1.5 }, "INVALID_QOS", "qos"],
  ["DUP at QoS 0 [parity 13] [MQTT-3.3.1-2]", { ...publish, qos: 0, duplicate: true }, "INVALID_FIELD", "duplicate"],
  ["packet id 0 at QoS 1 [parity 17]", { ...publish, packetId: 0 }, "PACKET_ID_REQUIRED", "packetId"],
  ["packet id 65,536", { ...publish, packetId: 65_536 }, "PACKET_ID_REQUIRED", "packetId"],
  ["no packet id in a SUBSCRIBE [parity 17]", { ...subscribe, packetId: undefined }, "PACKET_ID_REQUIRED", "packetId"],
  ["packet id 0 in a PUBACK [parity 17]", { type: 4, packetId: 0, reasonCode: 0 }, "PACKET_ID_REQUIRED", "packetId"],
  ["packet id 0 in an UNSUBSCRIBE [parity 17]", { ...unsubscribe, packetId: 0 }, "PACKET_ID_REQUIRED", "packetId"],
  ["packet id 0 in a SUBACK [parity 17]", { type: 9, packetId: 0, reasonCodes: [0] }, "PACKET_ID_REQUIRED", "packetId"],
  [
    "a topic alias of 0 [parity 10] [MQTT-3.3.2-8]",
    withProperties(publish, { topicAlias: 0 }),
    "INVALID_FIELD",
    "properties.topicAlias",
  ],
  [
    "a topic alias of 65,536",
    withProperties(publish, { topicAlias: 65_536 }),
    "INVALID_FIELD",
    "properties.topicAlias",
  ],
  [
    "a response topic with a wildcard [parity 16] [MQTT-3.3.2-14]",
    withProperties(publish, { responseTopic: "a/+" }),
    "INVALID_TOPIC",
    "properties.responseTopic",
  ],
  [
    "an empty response topic",
    withProperties(publish, { responseTopic: "" }),
    "INVALID_TOPIC",
    "properties.responseTopic",
  ],
  [
    "a payload format of 2 [parity 8]",
    withProperties(publish, { payloadFormatIndicator: 2 }),
    "INVALID_FIELD",
    "properties.payloadFormatIndicator",
  ],
  [
    "a negative message expiry",
    withProperties(publish, { messageExpiryInterval: -1 }),
    "INVALID_FIELD",
    "properties.messageExpiryInterval",
  ],
  [
    "a message expiry above 32 bits",
    withProperties(publish, { messageExpiryInterval: 2 ** 32 }),
    "INVALID_FIELD",
    "properties.messageExpiryInterval",
  ],
  [
    "a subscription identifier of 0 [parity 9]",
    withProperties(publish, { subscriptionIdentifiers: [1, 0] }),
    "INVALID_FIELD",
    "properties.subscriptionIdentifiers",
  ],
  [
    "a subscription identifier above 268,435,455 [parity 1]",
    withProperties(subscribe, { subscriptionIdentifier: 268_435_456 }),
    "INVALID_FIELD",
    "properties.subscriptionIdentifier",
  ],
  [
    "subscription identifiers that are no list",
    withProperties(publish, { subscriptionIdentifiers: 1 }),
    "INVALID_FIELD",
    "properties.subscriptionIdentifiers",
  ],
  [
    "many subscription identifiers in a SUBSCRIBE [parity 7]",
    withProperties(subscribe, { subscriptionIdentifiers: [1] }),
    "INVALID_FIELD",
    "properties.subscriptionIdentifiers",
  ],
  [
    "one subscription identifier in a PUBLISH [parity 7]",
    withProperties(publish, { subscriptionIdentifier: 1 }),
    "INVALID_FIELD",
    "properties.subscriptionIdentifier",
  ],
  [
    "a user property with U+0000 in its name [parity 14] [MQTT-1.5.7-1]",
    withProperties(publish, { userProperties: [["\0", ""]] }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "a user property with a lone surrogate in its value [parity 14] [MQTT-1.5.7-1]",
    withProperties(publish, { userProperties: [["a", lone]] }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "a user property that ends in a lone surrogate [parity 14]",
    withProperties(publish, { userProperties: [["a", "\ud83d"]] }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "a user property that is no pair",
    withProperties(publish, { userProperties: [["a"]] }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "a user property that is a string",
    withProperties(publish, { userProperties: ["ab"] }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "a user property that is null",
    withProperties(publish, { userProperties: [null] }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "user properties that are an object",
    withProperties(publish, { userProperties: { a: "b" } }),
    "INVALID_FIELD",
    "properties.userProperties",
  ],
  [
    "a user property of 65,536 bytes [parity 20]",
    withProperties(publish, { userProperties: [["a", long]] }),
    "FIELD_TOO_LONG",
    "properties.userProperties",
  ],
  [
    "correlation data of 65,536 bytes [parity 20]",
    withProperties(publish, { correlationData: new Uint8Array(65_536) }),
    "FIELD_TOO_LONG",
    "properties.correlationData",
  ],
  [
    "correlation data that is a string",
    withProperties(publish, { correlationData: "x" }),
    "INVALID_FIELD",
    "properties.correlationData",
  ],
  [
    "a content type that is null",
    withProperties(publish, { contentType: null }),
    "INVALID_FIELD",
    "properties.contentType",
  ],
  [
    "a property of another packet [parity 5]",
    withProperties(publish, { receiveMaximum: 1 }),
    "INVALID_FIELD",
    "properties.receiveMaximum",
  ],
  [
    "a property that doesn't exist [parity 5]",
    withProperties(publish, { colour: "red" }),
    "INVALID_FIELD",
    "properties.colour",
  ],
  [
    "a Receive Maximum of 0 [parity 9]",
    withProperties(connect, { receiveMaximum: 0 }),
    "INVALID_FIELD",
    "properties.receiveMaximum",
  ],
  [
    "a Maximum Packet Size of 0 [parity 9]",
    withProperties(connect, { maximumPacketSize: 0 }),
    "INVALID_FIELD",
    "properties.maximumPacketSize",
  ],
  [
    "a flag that is a number [parity 8]",
    withProperties(connect, { requestProblemInformation: 1 }),
    "INVALID_FIELD",
    "properties.requestProblemInformation",
  ],
  [
    "a Maximum QoS of 2 [parity 8]",
    withProperties(connack, { maximumQoS: 2 }),
    "INVALID_FIELD",
    "properties.maximumQoS",
  ],
  [
    "authentication data without a method in a CONNECT [parity 20]",
    withProperties(connect, { authenticationData: new Uint8Array(1) }),
    "INVALID_FIELD",
    "properties.authenticationMethod",
  ],
  [
    "authentication data without a method in a CONNACK [parity 20]",
    withProperties(connack, { authenticationData: new Uint8Array(1) }),
    "INVALID_FIELD",
    "properties.authenticationMethod",
  ],
  [
    "authentication data without a method in an AUTH [parity 20]",
    { type: 15, reasonCode: 0x18, properties: { authenticationData: new Uint8Array(1) } },
    "INVALID_FIELD",
    "properties.authenticationMethod",
  ],
  ["an AUTH without properties", { type: 15, reasonCode: 0 }, "INVALID_FIELD", "properties.authenticationMethod"],
  ["a client id with U+0000 [parity 14] [MQTT-3.1.3-4]", { ...connect, clientId: "\0" }, "INVALID_FIELD", "clientId"],
  ["a client id of 65,536 bytes [parity 20]", { ...connect, clientId: long }, "FIELD_TOO_LONG", "clientId"],
  [
    "a user name with a lone surrogate [parity 14] [MQTT-3.1.3-12]",
    { ...connect, username: lone },
    "INVALID_FIELD",
    "username",
  ],
  ["a password that is a string", { ...connect, password: "secret" }, "INVALID_FIELD", "password"],
  [
    "a password of 65,536 bytes [parity 20]",
    { ...connect, password: new Uint8Array(65_536) },
    "FIELD_TOO_LONG",
    "password",
  ],
  ["a keep alive of 65,536", { ...connect, keepAlive: 65_536 }, "INVALID_FIELD", "keepAlive"],
  ["a keep alive that is no number", { ...connect, keepAlive: "60" }, "INVALID_FIELD", "keepAlive"],
  ["a will of QoS 3 [parity 13] [MQTT-3.1.2-12]", { ...connect, will: { ...will, qos: 3 } }, "INVALID_QOS", "will.qos"],
  ["an empty will topic [MQTT-4.7.3-1]", { ...connect, will: { ...will, topic: "" } }, "INVALID_TOPIC", "will.topic"],
  [
    "a will topic with a wildcard [MQTT-4.7.0-1]",
    { ...connect, will: { ...will, topic: "#" } },
    "INVALID_TOPIC",
    "will.topic",
  ],
  [
    "a will topic with a lone surrogate [MQTT-3.1.3-11]",
    { ...connect, will: { ...will, topic: lone } },
    "INVALID_TOPIC",
    "will.topic",
  ],
  [
    "a will payload of 65,536 bytes [parity 20]",
    { ...connect, will: { ...will, payload: new Uint8Array(65_536) } },
    "FIELD_TOO_LONG",
    "will.payload",
  ],
  [
    "a will property of another packet [parity 5]",
    { ...connect, will: { ...will, properties: { topicAlias: 1 } } },
    "INVALID_FIELD",
    "will.properties.topicAlias",
  ],
  [
    "a session that is present in a refusal [MQTT-3.2.2-6]",
    { ...connack, sessionPresent: true, reasonCode: 0x87 },
    "INVALID_FIELD",
    "sessionPresent",
  ],
  ["a CONNACK code that is none [parity 11]", { ...connack, reasonCode: 0x01 }, "INVALID_FIELD", "reasonCode"],
  [
    "a PUBACK code that is none [parity 11] [MQTT-3.4.2-1]",
    { type: 4, packetId: 1, reasonCode: 0x92 },
    "INVALID_FIELD",
    "reasonCode",
  ],
  [
    "a PUBREC code that is none [parity 11] [MQTT-3.5.2-1]",
    { type: 5, packetId: 1, reasonCode: 300 },
    "INVALID_FIELD",
    "reasonCode",
  ],
  [
    "a PUBREL code that is none [parity 11] [MQTT-3.6.2-1]",
    { type: 6, packetId: 1, reasonCode: 0x80 },
    "INVALID_FIELD",
    "reasonCode",
  ],
  [
    "a PUBCOMP code that is none [parity 11] [MQTT-3.7.2-1]",
    { type: 7, packetId: 1, reasonCode: undefined },
    "INVALID_FIELD",
    "reasonCode",
  ],
  [
    "a SUBACK code that is none [parity 11]",
    { type: 9, packetId: 1, reasonCodes: [0, 3] },
    "INVALID_FIELD",
    "reasonCodes[1]",
  ],
  [
    "an UNSUBACK code that is none [parity 11]",
    { type: 11, packetId: 1, reasonCodes: [1] },
    "INVALID_FIELD",
    "reasonCodes[0]",
  ],
  [
    "a DISCONNECT code that is none [parity 11] [MQTT-3.14.2-1]",
    { type: 14, reasonCode: 0x84 },
    "INVALID_FIELD",
    "reasonCode",
  ],
  [
    "no filters in a SUBSCRIBE [MQTT-3.8.3-2]",
    { ...subscribe, subscriptions: [] },
    "EMPTY_FILTER_LIST",
    "subscriptions",
  ],
  ["filters that are no list", { ...subscribe, subscriptions: "a" }, "INVALID_FIELD", "subscriptions"],
  ["no filters in an UNSUBSCRIBE [MQTT-3.10.3-2]", { ...unsubscribe, filters: [] }, "EMPTY_FILTER_LIST", "filters"],
  ["no codes in a SUBACK", { type: 9, packetId: 1, reasonCodes: [] }, "EMPTY_FILTER_LIST", "reasonCodes"],
  [
    "an empty filter [parity 18] [MQTT-4.7.3-1]",
    { ...subscribe, subscriptions: [{ ...filter, filter: "" }] },
    "INVALID_TOPIC",
    "subscriptions[0].filter",
  ],
  [
    "a filter a/#/b [parity 18] [MQTT-4.7.1-1]",
    { ...subscribe, subscriptions: [filter, { ...filter, filter: "a/#/b" }] },
    "INVALID_TOPIC",
    "subscriptions[1].filter",
  ],
  ["a filter with U+0000 [parity 14]", { ...unsubscribe, filters: ["a", "b\0"] }, "INVALID_TOPIC", "filters[1]"],
  ["a filter of 65,536 bytes [parity 20]", { ...unsubscribe, filters: [long] }, "FIELD_TOO_LONG", "filters[0]"],
  [
    "a shared filter without a filter [parity 19] [MQTT-4.8.2-2]",
    { ...unsubscribe, filters: ["$share/g/"] },
    "INVALID_TOPIC",
    "filters[0]",
  ],
  [
    "a subscription of QoS 3",
    { ...subscribe, subscriptions: [{ ...filter, qos: 3 }] },
    "INVALID_QOS",
    "subscriptions[0].qos",
  ],
  [
    "a Retain Handling of 3",
    { ...subscribe, subscriptions: [{ ...filter, retainHandling: 3 }] },
    "INVALID_FIELD",
    "subscriptions[0].retainHandling",
  ],
  [
    "No Local on a shared filter [parity 19] [MQTT-3.8.3-4]",
    { ...subscribe, subscriptions: [{ ...filter, filter: "$share/g/a", noLocal: true }] },
    "INVALID_FIELD",
    "subscriptions[0].noLocal",
  ],
  ["a packet type that is none", { type: 0 }, "INVALID_FIELD", "type"],
];

function errorOf(action: () => unknown): EncodeError {
  try {
    action();
  } catch (error) {
    if (error instanceof EncodeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("encode refuses", () => {
  it.each(refusals)("%s", (_, packet, code, field) => {
    const writer = new Writer();
    encodeInto(writer, publish);
    const before = writer.length;
    const error = errorOf(() => encodeInto(writer, packet as Packet));
    expect([error.code, error.field]).toEqual([code, field]);
    expect(error.message).toContain(field);
    expect(error.message.length).toBeLessThan(250);
    expect(error.packetType).toBe((packet as Packet).type);
    expect(errorOf(() => encode(packet as Packet)).code).toBe(code);

    expect(writer.length).toBe(before); // the writer is as it was
    encodeInto(writer, publish);
    const bytes = encode(publish);
    expect(writer.take()).toEqual(Uint8Array.from([...bytes, ...bytes]));
  });

  it.each(refusals)("%s, to a topic that came again and again", (_, packet, code, field) => {
    const writer = new Writer();
    for (let i = 0; i < 3; i++) encodeInto(writer, publish);
    const error = errorOf(() => encodeInto(writer, packet as Packet));
    expect([error.code, error.field]).toEqual([code, field]);
    expect(writer.length).toBe(3 * encode(publish).length);
  });

  it("a packet above the largest Remaining Length", () => {
    const payload = new Uint8Array(268_435_455);
    const error = errorOf(() => encodePublishHeader(new Writer(), { ...publish, payload }));
    expect(error).toMatchObject({ code: "PACKET_TOO_LARGE", limit: 268_435_455, value: 268_435_461 });
  });

  it("and says which field, what value and what limit", () => {
    const error = errorOf(() => encode({ ...publish, topic: long }));
    expect(error).toMatchObject({ name: "EncodeError", field: "topic", value: long, limit: 65_535 });
    expect(error.message).toBe(`PUBLISH: topic = "${"x".repeat(60)}"… (65536 characters): the limit is 65535`);
    const shown = (value: unknown): string => new EncodeError("INVALID_FIELD", 3, "f", value).message;
    expect([shown("s"), shown(new Uint8Array(2)), shown([1]), shown({}), shown(null), shown(1)]).toEqual([
      'PUBLISH: f = "s"',
      "PUBLISH: f = 2 bytes",
      "PUBLISH: f = a list of 1",
      "PUBLISH: f = an object",
      "PUBLISH: f = null",
      "PUBLISH: f = 1",
    ]);
    expect("limit" in new EncodeError("INVALID_FIELD", 3, "f", 1)).toBe(false);
  });
});

describe("encode", () => {
  it("[parity 20] takes texts and binary data of 65,535 bytes", () => {
    const topic = `${"ä".repeat(32_767)}x`;
    const correlationData = new Uint8Array(65_535).fill(7);
    const packet = { ...publish, topic, properties: { correlationData } };
    const decoded = decode(encode(packet)) as Publish;
    expect(decoded.topic).toBe(topic);
    expect(decoded.properties.correlationData).toEqual(correlationData);
  });

  it("leaves absent properties out, and undefined ones", () => {
    const bytes = encode({ ...publish, properties: { contentType: undefined, userProperties: [] } });
    expect(bytes).toEqual(encode(publish));
  });

  it.each([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])(
    "[parity 1] writes a Remaining Length of about %i in the fewest bytes [MQTT-1.5.5-1]",
    (size) => {
      for (const length of [size - 6, size - 5, size, size + 1].filter((n) => n >= 0)) {
        const bytes = encode({ ...publish, payload: new Uint8Array(length) });
        const remaining = 6 + length;
        const header = remaining < 128 ? 2 : remaining < 16_384 ? 3 : remaining < 2_097_152 ? 4 : 5;
        expect(bytes.length).toBe(header + remaining);
        expect((decode(bytes) as Publish).payloadLength).toBe(length);
      }
    },
  );

  it("[parity 1] writes a property length in the fewest bytes, however long the texts turn out to be", () => {
    for (const letter of ["x", "ä", "€", "😀"]) {
      for (let length = 25; length < 130; length++) {
        const userProperties = [["", letter.repeat(length)]] as const;
        const decoded = decode(
          encode({ ...publish, payload: Uint8Array.of(9), properties: { userProperties } }),
        ) as Publish;
        expect(decoded.properties.userProperties).toEqual(userProperties);
        expect(decoded.payload).toEqual(Uint8Array.of(9));
      }
    }
    const userProperties = Array.from({ length: 2000 }, (_, i) => [`name-${i}`, "ü".repeat(i % 50)] as const);
    const decoded = decode(encode({ ...publish, properties: { userProperties } })) as Publish;
    expect(decoded.properties.userProperties).toEqual(userProperties);
  });

  it("copies the properties of a received packet that the new packet may carry, and no others", () => {
    const inbound = decode(
      encode({
        ...connect,
        will: { ...will, properties: { willDelayInterval: 5, contentType: "t", userProperties: [["a", "b"]] } },
      }),
    );
    if (inbound.type !== PacketType.Connect) throw new Error("not a CONNECT");
    const willMessage = { ...publish, properties: inbound.will?.properties };
    expect((decode(encode(willMessage)) as Publish).properties.toObject()).toEqual({
      contentType: "t",
      userProperties: [["a", "b"]],
    });

    const many = decode(
      encode({ ...publish, properties: { subscriptionIdentifiers: [7, 8], userProperties: [["c", "d"]] } }),
    );
    if (many.type !== PacketType.Publish) throw new Error("not a PUBLISH");
    expect(many.properties.subscriptionIdentifier).toBe(7);
    const once = decode(encode({ ...subscribe, properties: many.properties }));
    if (once.type !== PacketType.Subscribe) throw new Error("not a SUBSCRIBE");
    expect(once.properties.toObject()).toEqual({ subscriptionIdentifier: 7, userProperties: [["c", "d"]] });
  });

  it("takes the properties that another copy of this package decoded as it takes its own", async () => {
    vi.resetModules(); // the next import makes everything anew
    const other = await import("../src/index.js");
    const properties = { topicAlias: 3, subscriptionIdentifiers: [7, 8], userProperties: [["a", "b"]] } as const;
    const bytes = encode({ ...publish, properties });
    for (const packet of [publish, subscribe, connack] as const) {
      const copies = [decode, other.decode].map((read) => {
        const copy = encode({ ...packet, properties: (read(bytes) as Publish).properties });
        const { properties } = decode(copy) as Publish;
        return properties.toObject();
      });
      expect(copies[1]).toEqual(copies[0]);
      expect(copies[1]).toHaveProperty("userProperties", [["a", "b"]]);
    }
    expect((other.decode(bytes) as Publish).properties).not.toBeInstanceOf(Properties);
    const empty = (other.decode(encode(publish)) as Publish).properties;
    expect(encode({ ...publish, properties: empty })).toEqual(encode(publish));
    const strange = { ...publish, properties: { buffer: 1, toObject: () => ({}) } };
    expect(() => encode(strange as PublishPacket)).toThrow("properties.buffer");
  });

  it("gives bytes of their own", () => {
    const first = encode(publish);
    const copy = Uint8Array.from(first);
    encode({ ...publish, topic: "zzzzz" });
    expect(first).toEqual(copy);
    expect(first.buffer.byteLength).toBe(first.length);
  });
});

describe("a writer", () => {
  it("puts packets one behind the other and hands them out at once", () => {
    const writer = new Writer(1);
    for (const { packet } of valid) encodeInto(writer, packet);
    const all = valid.flatMap(({ packet }) => [...encode(packet)]);
    expect(writer.length).toBe(all.length);
    expect(writer.take()).toEqual(Uint8Array.from(all));
    expect(writer.length).toBe(0);
    expect(writer.take()).toEqual(new Uint8Array(0));
  });

  it("never touches what was taken", () => {
    const writer = new Writer(64);
    const taken: [Uint8Array, Uint8Array][] = [];
    for (let i = 0; i < 500; i++) {
      const packet = { ...publish, packetId: i + 1, payload: new Uint8Array(i % 37).fill(i) };
      encodeInto(writer, packet);
      if (i % 3 === 0) encodeInto(writer, packet);
      const bytes = writer.take();
      taken.push([bytes, Uint8Array.from(bytes)]);
    }
    for (const [bytes, copy] of taken) expect(bytes).toEqual(copy);
  });

  it("begins with little memory, and takes more at a time the more is written", () => {
    const writer = new Writer(4096);
    const sizes = new Set<number>();
    for (let i = 0; i < 5000; i++) {
      encodeInto(writer, { type: PacketType.Pingreq });
      sizes.add(writer.take().buffer.byteLength);
    }
    expect([...sizes]).toEqual([512, 2048, 4096]);
  });

  it("gives its memory back once all was taken, and begins with little again", () => {
    const writer = new Writer(4096);
    encodeInto(writer, { ...publish, payload: new Uint8Array(600) });
    const early = writer.take();
    encodeInto(writer, { type: PacketType.Pingreq });
    writer.release(); // nothing is lost
    expect([...writer.take()]).toEqual([0xc0, 0]);
    writer.release();
    encodeInto(writer, { type: PacketType.Pingreq });
    const late = writer.take();
    expect([...late]).toEqual([0xc0, 0]);
    expect(late.buffer.byteLength).toBe(512);
    expect(early.buffer).not.toBe(late.buffer);
  });

  it("carves small takes from one slab", () => {
    const writer = new Writer();
    const slabs = new Set<ArrayBufferLike>();
    for (let i = 0; i < 300; i++) {
      encodeInto(writer, publish);
      slabs.add(writer.take().buffer);
    }
    expect(slabs.size).toBeLessThanOrEqual(4); // the first three are small
  });

  it("writes a topic that comes again and again as it was, whatever becomes of what was taken", () => {
    const writer = new Writer();
    for (const topic of ["a/b", "a/b", "a/b", "a/b", "ä", "ä", "ä", "a/b", "a/b", "a/b"]) {
      encodeInto(writer, { ...publish, topic });
      const taken = writer.take();
      expect(taken).toEqual(encode({ ...publish, topic }));
      taken.fill(0xff);
    }
    for (let i = 0; i < 4; i++) expect(() => encodeInto(writer, { ...publish, topic: "a/+" })).toThrow(EncodeError);
  });

  it("writes the same bytes to a topic that comes again and again as to a new one, whatever else differs", () => {
    for (const slab of [8, 500, 16_384]) {
      const writer = new Writer(slab);
      let expected: number[] = [];
      for (const size of [0, 1, 61, 119, 122, 123, 124, 125, 128, 256, 5000, 16_377, 16_380, 40_000]) {
        for (const qos of [0, 1, 2] as const) {
          for (const duplicate of qos === 0 ? [false] : [false, true]) {
            for (const retain of [false, true]) {
              const packetId = qos === 0 ? 0 : (256 * size + size + 1) & 0xffff;
              const payload = new Uint8Array(size).fill(7);
              const packet = { ...publish, qos, duplicate, retain, packetId, payload };
              encodeInto(writer, packet);
              encode({ ...publish, topic: `other/${size}` }); // `encode` has a writer of its own, which forgets
              expected = expected.concat([...encode(packet)]);
              if (size % 2 === 0) continue;
              expect(Buffer.compare(writer.take(), Uint8Array.from(expected))).toBe(0);
              expected = [];
            }
          }
        }
      }
      expect(Buffer.compare(writer.take(), Uint8Array.from(expected))).toBe(0);
    }
  });

  it("takes packets that are encoded already", () => {
    const writer = new Writer(4);
    encodeInto(writer, publish);
    writer.append(encode({ ...publish, payload: new Uint8Array(100) }));
    encodeInto(writer, publish);
    const one = encode(publish);
    expect(writer.take()).toEqual(
      Uint8Array.from([...one, ...encode({ ...publish, payload: new Uint8Array(100) }), ...one]),
    );
  });

  it("takes a PUBLISH without its payload, which is counted", () => {
    const writer = new Writer();
    const payload = new Uint8Array(300).fill(1);
    encodePublishHeader(writer, { ...publish, payload });
    const header = writer.take();
    expect(Uint8Array.from([...header, ...payload])).toEqual(encode({ ...publish, payload }));
  });
});
