// SPDX-License-Identifier: Apache-2.0
// The grammar as bytes: what every test of the codec runs over, and what the benchmark checks before it measures anything.
// It imports types only, so that it can be loaded by whoever can strip them.
import type { Packet, Sender } from "../src/index.js";

/** Bytes that are a packet. */
export interface ValidRow {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly packet: Packet;
  /** Legal, but not how `encode` writes that packet. */
  readonly foreign?: true;
}

/** Bytes that are none. */
export interface MalformedRow {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The reason code to close the connection with. */
  readonly reasonCode: number;
  /** A part of the error's words, so that a row can't fail for another reason than its own. */
  readonly says: string;
  /** Wrong only if this side sent it. */
  readonly sender?: Sender;
}

function hex(...fields: readonly string[]): Uint8Array {
  const digits = fields.join("").replaceAll(" ", "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

const cut = "in the middle of a field";
const text = "not UTF-8 or contains U+0000";
const pair = "User Property is cut off, not UTF-8, or contains U+0000";

export const valid: readonly ValidRow[] = [
  {
    name: "CONNECT with nothing but what must be there [MQTT-3.1.2-1] [MQTT-3.1.3-3]",
    bytes: hex(
      "10 0d", // CONNECT, 13 bytes follow
      "0004 4d515454", // "MQTT"
      "05", // version
      "00", // flags: none
      "0000", // keep alive: off
      "00", // no properties
      "0000", // client id: ""
    ),
    packet: { type: 1, clientId: "", cleanStart: false, keepAlive: 0 },
  },
  {
    name: "CONNECT with every field and property [MQTT-3.1.3-1] [MQTT-3.1.2-9]",
    bytes: hex(
      "10 76", // CONNECT, 118 bytes follow
      "0004 4d515454", // "MQTT"
      "05", // version
      "ee", // flags: user name, password, will retain, will QoS 1, will, clean start
      "003c", // keep alive: 60
      "30", // properties: 48 bytes
      "11 ffffffff", // session expiry interval
      "15 0001 6d", // authentication method: "m"
      "16 0002 00ff", // authentication data
      "17 00", // request problem information: no
      "19 01", // request response information: yes
      "21 0001", // receive maximum
      "22 ffff", // topic alias maximum
      "26 0001 61 0001 62", // user property: a = b
      "26 0001 61 0000", // user property: a = ""
      "27 00000001", // maximum packet size
      "26 0000 0001 63", // user property: "" = c
      "0001 63", // client id: "c"
      "25", // will properties: 37 bytes
      "01 01", // payload format indicator: text
      "02 00000000", // message expiry interval: 0
      "03 0001 74", // content type: "t"
      "08 0001 72", // response topic: "r"
      "09 0000", // correlation data: empty
      "18 0000000a", // will delay interval: 10
      "26 0001 78 0001 79", // user property: x = y
      "26 0001 78 0001 79", // user property: the same again
      "0003 772f74", // will topic: "w/t"
      "0002 80ff", // will payload
      "0002 c3bc", // user name: "ü"
      "0003 00ff00", // password
    ),
    packet: {
      type: 1,
      clientId: "c",
      cleanStart: true,
      keepAlive: 60,
      will: {
        topic: "w/t",
        payload: hex("80ff"),
        qos: 1,
        retain: true,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryInterval: 0,
          contentType: "t",
          responseTopic: "r",
          correlationData: hex(""),
          willDelayInterval: 10,
          userProperties: [
            ["x", "y"],
            ["x", "y"],
          ],
        },
      },
      username: "ü",
      password: hex("00ff00"),
      properties: {
        sessionExpiryInterval: 0xffff_ffff,
        authenticationMethod: "m",
        authenticationData: hex("00ff"),
        requestProblemInformation: false,
        requestResponseInformation: true,
        receiveMaximum: 1,
        topicAliasMaximum: 65_535,
        userProperties: [
          ["a", "b"],
          ["a", ""],
          ["", "c"],
        ],
        maximumPacketSize: 1,
      },
    },
    foreign: true, // one User Property stands apart
  },
  {
    name: "CONNECT with an empty user name, an empty password and a Will of QoS 2 without properties [MQTT-3.1.2-17] [MQTT-3.1.2-19]",
    bytes: hex(
      "10 17", // CONNECT, 23 bytes follow
      "0004 4d515454 05", // "MQTT", version
      "d4", // flags: user name, password, will QoS 2, will
      "ffff", // keep alive
      "00", // no properties
      "0000", // client id: ""
      "00", // no will properties [MQTT-2.2.2-1]
      "0001 77", // will topic: "w"
      "0000", // will payload: empty
      "0000", // user name: ""
      "0000", // password: empty
    ),
    packet: {
      type: 1,
      clientId: "",
      cleanStart: false,
      keepAlive: 65_535,
      will: { topic: "w", payload: hex(""), qos: 2, retain: false },
      username: "",
      password: hex(""),
    },
  },
  {
    name: "CONNECT with a password and no user name [MQTT-3.1.2-19]",
    bytes: hex("10 10", "0004 4d515454 05", "40", "0000", "00", "0000", "0001 00"),
    packet: { type: 1, clientId: "", cleanStart: false, keepAlive: 0, password: hex("00") },
  },
  {
    name: "CONNACK",
    bytes: hex("20 03", "00", "00", "00"), // no session, success, no properties
    packet: { type: 2, sessionPresent: false, reasonCode: 0 },
  },
  {
    name: "CONNACK with every property",
    bytes: hex(
      "20 3f", // CONNACK, 63 bytes follow
      "01 00", // session present, success
      "3c", // properties: 60 bytes
      "11 00000000", // session expiry interval: 0
      "12 0002 6964", // assigned client identifier: "id"
      "13 0000", // server keep alive: 0
      "15 0001 6d", // authentication method: "m"
      "16 0000", // authentication data: empty
      "1a 0001 69", // response information: "i"
      "1c 0001 73", // server reference: "s"
      "1f 0001 72", // reason string: "r"
      "21 ffff", // receive maximum
      "22 0000", // topic alias maximum: 0
      "24 00", // maximum QoS: 0
      "25 00", // retain available: no
      "26 0001 61 0001 62", // user property: a = b
      "27 ffffffff", // maximum packet size
      "28 01", // wildcard subscription available: yes
      "29 00", // subscription identifier available: no
      "2a 01", // shared subscription available: yes
    ),
    packet: {
      type: 2,
      sessionPresent: true,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 0,
        assignedClientIdentifier: "id",
        serverKeepAlive: 0,
        authenticationMethod: "m",
        authenticationData: hex(""),
        responseInformation: "i",
        serverReference: "s",
        reasonString: "r",
        receiveMaximum: 65_535,
        topicAliasMaximum: 0,
        maximumQoS: 0,
        retainAvailable: false,
        userProperties: [["a", "b"]],
        maximumPacketSize: 0xffff_ffff,
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifierAvailable: false,
        sharedSubscriptionAvailable: true,
      },
    },
  },
  {
    name: "PUBLISH at QoS 0: no packet identifier, properties follow the topic [MQTT-2.2.1-2] [MQTT-3.3.2-1]",
    bytes: hex("30 06", "0001 61", "00", "6869"), // topic "a", no properties, payload "hi"
    packet: { type: 3, topic: "a", payload: hex("6869"), qos: 0, retain: false, duplicate: false, packetId: 0 },
  },
  {
    name: "PUBLISH of nothing, retained [MQTT-3.3.1-6]",
    bytes: hex("31 04", "0001 2f", "00"), // topic "/"
    packet: { type: 3, topic: "/", payload: hex(""), qos: 0, retain: true, duplicate: false, packetId: 0 },
  },
  {
    name: "PUBLISH at QoS 1, sent again",
    bytes: hex("3a 06", "0001 61", "ffff", "00"), // topic "a", packet id 65535
    packet: { type: 3, topic: "a", payload: hex(""), qos: 1, retain: false, duplicate: true, packetId: 65_535 },
  },
  {
    name: "PUBLISH at QoS 2 with every property",
    bytes: hex(
      "35 32", // PUBLISH, QoS 2, retain, 50 bytes follow
      "0003 612f62", // topic "a/b"
      "0001", // packet id
      "29", // properties: 41 bytes
      "01 00", // payload format indicator: bytes
      "02 ffffffff", // message expiry interval
      "03 0000", // content type: ""
      "08 0003 722f74", // response topic: "r/t"
      "09 0002 0000", // correlation data
      "0b 01", // subscription identifier: 1
      "0b ffffff7f", // subscription identifier: 268435455
      "0b 01", // subscription identifier: 1 again [MQTT-3.3.4-4]
      "23 0001", // topic alias: 1
      "26 0001 6b 0002 c3a4", // user property: k = "ä"
      "00", // payload
    ),
    packet: {
      type: 3,
      topic: "a/b",
      payload: hex("00"),
      qos: 2,
      retain: true,
      duplicate: false,
      packetId: 1,
      properties: {
        payloadFormatIndicator: 0,
        messageExpiryInterval: 0xffff_ffff,
        contentType: "",
        responseTopic: "r/t",
        correlationData: hex("0000"),
        subscriptionIdentifiers: [1, 268_435_455, 1],
        topicAlias: 1,
        userProperties: [["k", "ä"]],
      },
    },
  },
  {
    name: "PUBLISH whose alias stands for the topic [MQTT-3.3.2-12]",
    bytes: hex("30 06", "0000", "03", "23 ffff"), // topic "", topic alias 65535
    packet: {
      type: 3,
      topic: "",
      payload: hex(""),
      qos: 0,
      retain: false,
      duplicate: false,
      packetId: 0,
      properties: { topicAlias: 65_535 },
    },
  },
  {
    name: "PUBLISH to a topic that begins with a byte order mark [MQTT-1.5.4-3]",
    bytes: hex("30 08", "0005 efbbbf 612f", "00"),
    packet: { type: 3, topic: "\ufeffa/", payload: hex(""), qos: 0, retain: false, duplicate: false, packetId: 0 },
  },
  { name: "PUBACK, short", bytes: hex("40 02", "0001"), packet: { type: 4, packetId: 1, reasonCode: 0 } },
  {
    name: "PUBACK with a code and no property length",
    bytes: hex("40 03", "0001", "10"), // no matching subscribers
    packet: { type: 4, packetId: 1, reasonCode: 0x10 },
  },
  {
    name: "PUBACK with a code of success and no property length",
    bytes: hex("40 03", "0001", "00"),
    packet: { type: 4, packetId: 1, reasonCode: 0 },
    foreign: true,
  },
  {
    name: "PUBACK with a property length of 0",
    bytes: hex("40 04", "0001", "87", "00"), // not authorized
    packet: { type: 4, packetId: 1, reasonCode: 0x87 },
    foreign: true,
  },
  {
    name: "PUBREC with properties",
    bytes: hex("50 11", "1234", "97", "0d", "1f 0001 72", "26 0002 6162 0002 6364"), // reason string "r", ab = cd
    packet: {
      type: 5,
      packetId: 0x1234,
      reasonCode: 0x97,
      properties: { reasonString: "r", userProperties: [["ab", "cd"]] },
    },
  },
  {
    name: "PUBREL, short [MQTT-3.6.1-1]",
    bytes: hex("62 02", "ffff"),
    packet: { type: 6, packetId: 65_535, reasonCode: 0 },
  },
  {
    name: "PUBREL of an unknown id",
    bytes: hex("62 03", "0002", "92"),
    packet: { type: 6, packetId: 2, reasonCode: 0x92 },
  },
  { name: "PUBCOMP, short", bytes: hex("70 02", "0100"), packet: { type: 7, packetId: 256, reasonCode: 0 } },
  {
    name: "PUBCOMP with success and a property",
    bytes: hex("70 08", "0002", "00", "04", "1f 0001 72"),
    packet: { type: 7, packetId: 2, reasonCode: 0, properties: { reasonString: "r" } },
  },
  {
    name: "SUBSCRIBE to one filter [MQTT-3.8.1-1]",
    bytes: hex("82 07", "0001", "00", "0001 23", "00"), // packet id, no properties, "#", options
    packet: {
      type: 8,
      packetId: 1,
      subscriptions: [{ filter: "#", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    },
  },
  {
    name: "SUBSCRIBE with every option and property [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
    bytes: hex(
      "82 27", // SUBSCRIBE, 39 bytes follow
      "000a", // packet id
      "0b", // properties: 11 bytes
      "0b 8001", // subscription identifier: 128
      "26 0001 61 0002 c3a4", // user property: a = "ä"
      "0003 2b2f61", // "+/a"
      "1d", // QoS 1, no local, retain as published, retain handling 1
      "000c 24736861 72652f67 2f2f612f", // "$share/g//a/"
      "22", // QoS 2, retain handling 2
      "0001 61", // "a"
      "00",
    ),
    packet: {
      type: 8,
      packetId: 10,
      subscriptions: [
        { filter: "+/a", qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 1 },
        { filter: "$share/g//a/", qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 2 },
        { filter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ],
      properties: { subscriptionIdentifier: 128, userProperties: [["a", "ä"]] },
    },
  },
  {
    name: "SUBACK",
    bytes: hex("90 04", "0001", "00", "00"), // packet id, no properties, granted QoS 0
    packet: { type: 9, packetId: 1, reasonCodes: [0] },
  },
  {
    name: "SUBACK of every code, with a property [MQTT-3.9.3-1] [MQTT-3.9.3-2]",
    bytes: hex("90 13", "0001", "04 1f 0001 72", "00 01 02 80 83 87 8f 91 97 9e a1 a2"),
    packet: {
      type: 9,
      packetId: 1,
      reasonCodes: [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
      properties: { reasonString: "r" },
    },
  },
  {
    name: "UNSUBSCRIBE from two filters [MQTT-3.10.1-1]",
    bytes: hex("a2 10", "0001", "00", "0001 61", "0008 2b2f2b2f622f2f23"), // "a", "+/+/b//#"
    packet: { type: 10, packetId: 1, filters: ["a", "+/+/b//#"] },
  },
  {
    name: "UNSUBSCRIBE with a property",
    bytes: hex("a2 0d", "0001", "07 26 0001 61 0001 62", "0001 61"),
    packet: { type: 10, packetId: 1, filters: ["a"], properties: { userProperties: [["a", "b"]] } },
  },
  {
    name: "UNSUBACK of every code [MQTT-3.11.3-1] [MQTT-3.11.3-2]",
    bytes: hex("b0 0a", "0001", "00", "00 11 80 83 87 8f 91"),
    packet: { type: 11, packetId: 1, reasonCodes: [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91] },
  },
  { name: "PINGREQ", bytes: hex("c0 00"), packet: { type: 12 } },
  { name: "PINGRESP", bytes: hex("d0 00"), packet: { type: 13 } },
  { name: "DISCONNECT, short", bytes: hex("e0 00"), packet: { type: 14, reasonCode: 0 } },
  {
    name: "DISCONNECT with a code and no property length",
    bytes: hex("e0 01", "8e"), // session taken over
    packet: { type: 14, reasonCode: 0x8e },
  },
  {
    name: "DISCONNECT with a property length of 0",
    bytes: hex("e0 02", "00", "00"),
    packet: { type: 14, reasonCode: 0 },
    foreign: true,
  },
  {
    name: "DISCONNECT from a client with properties",
    bytes: hex("e0 0b", "04", "09", "11 00000000", "1f 0001 72"), // session expiry interval 0
    packet: { type: 14, reasonCode: 4, properties: { sessionExpiryInterval: 0, reasonString: "r" } },
  },
  {
    name: "DISCONNECT from a server that moved",
    bytes: hex("e0 0d", "9d", "0b", "1c 0001 73", "26 0000 0002 c3a4"), // server reference "s"
    packet: { type: 14, reasonCode: 0x9d, properties: { serverReference: "s", userProperties: [["", "ä"]] } },
  },
  {
    name: "AUTH [MQTT-3.15.2-1]",
    bytes: hex("f0 0a", "18", "08", "15 0001 6d", "16 0001 64"), // continue, method "m", data
    packet: {
      type: 15,
      reasonCode: 0x18,
      properties: { authenticationMethod: "m", authenticationData: hex("64") },
    },
  },
];

export const malformed: readonly MalformedRow[] = [
  // The fixed header
  { name: "packet type 0", bytes: hex("00 00"), reasonCode: 0x81, says: "no such packet type" },
  {
    name: "CONNECT with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("11 0d", "0004 4d515454 05 00 0000 00 0000"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "CONNACK with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("21 03", "00 00 00"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "PUBACK with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("42 02", "0001"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "PUBREC with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("58 02", "0001"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "PUBREL without its flag [parity 12] [MQTT-3.6.1-1]",
    bytes: hex("60 02", "0001"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "PUBREL with more than its flag [parity 12] [MQTT-3.6.1-1]",
    bytes: hex("6a 02", "0001"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "PUBCOMP with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("72 02", "0001"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "SUBSCRIBE without its flag [parity 12] [MQTT-3.8.1-1]",
    bytes: hex("80 07", "0001 00 0001 23 00"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "SUBACK with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("91 04", "0001 00 00"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "UNSUBSCRIBE without its flag [parity 12] [MQTT-3.10.1-1]",
    bytes: hex("a0 06", "0001 00 0001 61"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "UNSUBACK with flags [parity 12] [MQTT-2.1.3-1]",
    bytes: hex("b4 04", "0001 00 00"),
    reasonCode: 0x81,
    says: "flags",
  },
  { name: "PINGREQ with flags [parity 12] [MQTT-2.1.3-1]", bytes: hex("c1 00"), reasonCode: 0x81, says: "flags" },
  { name: "PINGRESP with flags [parity 12] [MQTT-2.1.3-1]", bytes: hex("d8 00"), reasonCode: 0x81, says: "flags" },
  { name: "DISCONNECT with flags [parity 12] [MQTT-3.14.1-1]", bytes: hex("e1 00"), reasonCode: 0x81, says: "flags" },
  {
    name: "AUTH with flags [parity 12] [MQTT-3.15.1-1]",
    bytes: hex("f1 06", "18 04 15 0001 6d"),
    reasonCode: 0x81,
    says: "flags",
  },
  {
    name: "PINGREQ with a body [parity 12]",
    bytes: hex("c0 01", "00"),
    reasonCode: 0x81,
    says: "after its last field",
  },
  {
    name: "PINGRESP with a body [parity 12]",
    bytes: hex("d0 01", "00"),
    reasonCode: 0x81,
    says: "after its last field",
  },
  {
    name: "a Remaining Length of 0 in two bytes [parity 2] [MQTT-1.5.5-1]",
    bytes: hex("d0 8000"),
    reasonCode: 0x81,
    says: "longer than its value needs",
  },
  {
    name: "a Remaining Length of 2 in four bytes [parity 2] [MQTT-1.5.5-1]",
    bytes: hex("40 82808000", "0001"),
    reasonCode: 0x81,
    says: "longer than its value needs",
  },
  {
    name: "a Remaining Length of five bytes [parity 1]",
    bytes: hex("30 8080808001", "00"),
    reasonCode: 0x81,
    says: "more than four bytes",
  },

  // Packets that only the other side may send
  {
    name: "CONNECT from a server",
    bytes: hex("10 0d", "0004 4d515454 05 00 0000 00 0000"),
    reasonCode: 0x82,
    says: "a server sent it",
    sender: "server",
  },
  {
    name: "SUBSCRIBE from a server",
    bytes: hex("82 07", "0001 00 0001 23 00"),
    reasonCode: 0x82,
    says: "a server sent it",
    sender: "server",
  },
  {
    name: "UNSUBSCRIBE from a server",
    bytes: hex("a2 06", "0001 00 0001 61"),
    reasonCode: 0x82,
    says: "a server sent it",
    sender: "server",
  },
  { name: "PINGREQ from a server", bytes: hex("c0 00"), reasonCode: 0x82, says: "a server sent it", sender: "server" },
  {
    name: "CONNACK from a client",
    bytes: hex("20 03", "00 00 00"),
    reasonCode: 0x82,
    says: "a client sent it",
    sender: "client",
  },
  {
    name: "SUBACK from a client",
    bytes: hex("90 04", "0001 00 00"),
    reasonCode: 0x82,
    says: "a client sent it",
    sender: "client",
  },
  {
    name: "UNSUBACK from a client",
    bytes: hex("b0 04", "0001 00 00"),
    reasonCode: 0x82,
    says: "a client sent it",
    sender: "client",
  },
  { name: "PINGRESP from a client", bytes: hex("d0 00"), reasonCode: 0x82, says: "a client sent it", sender: "client" },

  // CONNECT
  {
    name: "CONNECT of MQTT 3.1",
    bytes: hex("10 0e", "0006 4d5149736470 03 00 0000 0000"),
    reasonCode: 0x84,
    says: "the protocol is not MQTT",
  },
  {
    name: "CONNECT with another protocol name [MQTT-3.1.2-1]",
    bytes: hex("10 0d", "0004 6d717474 05 00 0000 00 0000"),
    reasonCode: 0x84,
    says: "the protocol is not MQTT",
  },
  {
    name: "CONNECT of MQTT 3.1.1 [MQTT-3.1.2-2]",
    bytes: hex("10 0c", "0004 4d515454 04 00 0000 0000"),
    reasonCode: 0x84,
    says: "the protocol version is 4",
  },
  {
    name: "CONNECT with the reserved flag [MQTT-3.1.2-3]",
    bytes: hex("10 0d", "0004 4d515454 05 01 0000 00 0000"),
    reasonCode: 0x81,
    says: "reserved Connect Flag",
  },
  {
    name: "CONNECT with a Will QoS and no Will [MQTT-3.1.2-11]",
    bytes: hex("10 0d", "0004 4d515454 05 08 0000 00 0000"),
    reasonCode: 0x81,
    says: "without a Will",
  },
  {
    name: "CONNECT with a Will Retain and no Will [MQTT-3.1.2-13]",
    bytes: hex("10 0d", "0004 4d515454 05 20 0000 00 0000"),
    reasonCode: 0x81,
    says: "without a Will",
  },
  {
    name: "CONNECT with a Will of QoS 3 [parity 13] [MQTT-3.1.2-12]",
    bytes: hex("10 13", "0004 4d515454 05 1c 0000 00 0000", "00 0001 77 0000"),
    reasonCode: 0x81,
    says: "Will QoS is 3",
  },
  {
    name: "CONNECT with an empty will topic",
    bytes: hex("10 12", "0004 4d515454 05 04 0000 00 0000", "00 0000 0000"),
    reasonCode: 0x82,
    says: "topic name is empty",
  },
  {
    name: "CONNECT with a wildcard in the will topic [MQTT-4.7.0-1]",
    bytes: hex("10 13", "0004 4d515454 05 04 0000 00 0000", "00 0001 23 0000"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "CONNECT with U+0000 in the will topic [parity 14] [MQTT-1.5.4-2]",
    bytes: hex("10 13", "0004 4d515454 05 04 0000 00 0000", "00 0001 00 0000"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "CONNECT without the user name its flags announce [MQTT-3.1.2-17]",
    bytes: hex("10 0d", "0004 4d515454 05 80 0000 00 0000"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "CONNECT without the password its flags announce [MQTT-3.1.2-19]",
    bytes: hex("10 0d", "0004 4d515454 05 40 0000 00 0000"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "CONNECT with a user name its flags don't announce [MQTT-3.1.2-16]",
    bytes: hex("10 0f", "0004 4d515454 05 00 0000 00 0000", "0000"),
    reasonCode: 0x81,
    says: "after its last field",
  },
  {
    name: "CONNECT without a client id [MQTT-3.1.3-3]",
    bytes: hex("10 0b", "0004 4d515454 05 00 0000 00"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "CONNECT with U+0000 in the client id [parity 14] [MQTT-3.1.3-4]",
    bytes: hex("10 0e", "0004 4d515454 05 00 0000 00 0001 00"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "CONNECT with authentication data and no method",
    bytes: hex("10 10", "0004 4d515454 05 00 0000 03 16 0000 0000"),
    reasonCode: 0x82,
    says: "without a method",
  },
  {
    name: "CONNECT with a will delay among its own properties [parity 5]",
    bytes: hex("10 12", "0004 4d515454 05 00 0000 05 18 00000000 0000"),
    reasonCode: 0x81,
    says: "property 24 is not allowed",
  },
  {
    name: "CONNECT with a session expiry among the will's properties [parity 5]",
    bytes: hex("10 18", "0004 4d515454 05 04 0000 00 0000", "05 11 00000000", "0001 77 0000"),
    reasonCode: 0x81,
    says: "property 17 is not allowed",
  },
  {
    name: "CONNECT with a Receive Maximum of 0 [parity 9]",
    bytes: hex("10 10", "0004 4d515454 05 00 0000 03 21 0000 0000"),
    reasonCode: 0x82,
    says: "receiveMaximum is 0",
  },
  {
    name: "CONNECT with a Maximum Packet Size of 0 [parity 9]",
    bytes: hex("10 12", "0004 4d515454 05 00 0000 05 27 00000000 0000"),
    reasonCode: 0x82,
    says: "maximumPacketSize is 0",
  },
  {
    name: "CONNECT with a Request Problem Information of 2 [parity 8]",
    bytes: hex("10 0f", "0004 4d515454 05 00 0000 02 17 02 0000"),
    reasonCode: 0x82,
    says: "requestProblemInformation is neither 0 nor 1",
  },
  {
    name: "CONNECT with a Request Response Information of 2 [parity 8]",
    bytes: hex("10 0f", "0004 4d515454 05 00 0000 02 19 02 0000"),
    reasonCode: 0x82,
    says: "requestResponseInformation is neither 0 nor 1",
  },

  // CONNACK
  {
    name: "CONNACK with reserved flags [MQTT-3.2.2-1]",
    bytes: hex("20 03", "02 00 00"),
    reasonCode: 0x81,
    says: "reserved Connect Acknowledge Flag",
  },
  { name: "CONNACK without a property length", bytes: hex("20 02", "00 00"), reasonCode: 0x81, says: cut },
  { name: "CONNACK without a reason code", bytes: hex("20 01", "00"), reasonCode: 0x81, says: cut },
  {
    name: "CONNACK with a code of another packet [parity 11] [MQTT-3.2.2-8]",
    bytes: hex("20 03", "00 8b 00"),
    reasonCode: 0x81,
    says: "reason code 0x8b",
  },
  {
    name: "CONNACK that refuses and has a session [MQTT-3.2.2-6]",
    bytes: hex("20 03", "01 87 00"),
    reasonCode: 0x82,
    says: "a session is present",
  },
  {
    name: "CONNACK with a Maximum QoS of 2 [parity 8] [MQTT-3.2.2-9]",
    bytes: hex("20 05", "00 00 02 24 02"),
    reasonCode: 0x82,
    says: "maximumQoS is neither 0 nor 1",
  },
  {
    name: "CONNACK with a Retain Available of 2 [parity 8]",
    bytes: hex("20 05", "00 00 02 25 02"),
    reasonCode: 0x82,
    says: "retainAvailable is neither",
  },
  {
    name: "CONNACK with a Wildcard Subscription Available of 255 [parity 8]",
    bytes: hex("20 05", "00 00 02 28 ff"),
    reasonCode: 0x82,
    says: "wildcardSubscriptionAvailable is neither",
  },
  {
    name: "CONNACK with a Subscription Identifier Available of 2 [parity 8]",
    bytes: hex("20 05", "00 00 02 29 02"),
    reasonCode: 0x82,
    says: "subscriptionIdentifierAvailable is neither",
  },
  {
    name: "CONNACK with a Shared Subscription Available of 2 [parity 8]",
    bytes: hex("20 05", "00 00 02 2a 02"),
    reasonCode: 0x82,
    says: "sharedSubscriptionAvailable is neither",
  },
  {
    name: "CONNACK with a Receive Maximum of 0 [parity 9]",
    bytes: hex("20 06", "00 00 03 21 0000"),
    reasonCode: 0x82,
    says: "receiveMaximum is 0",
  },
  {
    name: "CONNACK with a Maximum Packet Size of 0 [parity 9]",
    bytes: hex("20 08", "00 00 05 27 00000000"),
    reasonCode: 0x82,
    says: "maximumPacketSize is 0",
  },
  {
    name: "CONNACK with two Receive Maximums [parity 6]",
    bytes: hex("20 09", "00 00 06 21 0001 21 0001"),
    reasonCode: 0x82,
    says: "receiveMaximum is there twice",
  },
  {
    name: "CONNACK with two Reason Strings [parity 6]",
    bytes: hex("20 09", "00 00 06 1f 0000 1f 0000"),
    reasonCode: 0x82,
    says: "reasonString is there twice",
  },
  {
    name: "CONNACK with authentication data and no method",
    bytes: hex("20 06", "00 00 03 16 0000"),
    reasonCode: 0x82,
    says: "without a method",
  },
  {
    name: "CONNACK with a topic alias [parity 5]",
    bytes: hex("20 06", "00 00 03 23 0001"),
    reasonCode: 0x81,
    says: "property 35 is not allowed",
  },
  {
    name: "CONNACK with bytes behind its properties",
    bytes: hex("20 04", "00 00 00 00"),
    reasonCode: 0x81,
    says: "after its last field",
  },
  {
    name: "CONNACK with an ill-formed Assigned Client Identifier [parity 14] [MQTT-1.5.4-1]",
    bytes: hex("20 07", "00 00 04 12 0001 ff"),
    reasonCode: 0x81,
    says: text,
  },

  // PUBLISH
  {
    name: "PUBLISH at QoS 3 [parity 13] [MQTT-3.3.1-4]",
    bytes: hex("36 06", "0001 61 0001 00"),
    reasonCode: 0x81,
    says: "QoS is 3",
  },
  {
    name: "PUBLISH at QoS 3, sent again [parity 13] [MQTT-3.3.1-4]",
    bytes: hex("3e 06", "0001 61 0001 00"),
    reasonCode: 0x81,
    says: "QoS is 3",
  },
  {
    name: "PUBLISH at QoS 0, sent again [parity 13] [MQTT-3.3.1-2]",
    bytes: hex("38 04", "0001 61 00"),
    reasonCode: 0x81,
    says: "DUP",
  },
  {
    name: "PUBLISH at QoS 0, sent again and retained [parity 13] [MQTT-3.3.1-2]",
    bytes: hex("39 04", "0001 61 00"),
    reasonCode: 0x81,
    says: "DUP",
  },
  {
    name: "PUBLISH with packet id 0 [parity 17]",
    bytes: hex("32 06", "0001 61 0000 00"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "PUBLISH without a topic or an alias [parity 15] [MQTT-4.7.3-1]",
    bytes: hex("30 03", "0000 00"),
    reasonCode: 0x82,
    says: "the topic is empty",
  },
  {
    name: "PUBLISH to a/+ [parity 15] [MQTT-3.3.2-2]",
    bytes: hex("30 06", "0003 612f2b 00"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "PUBLISH to # [parity 15] [MQTT-3.3.2-2]",
    bytes: hex("30 04", "0001 23 00"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "PUBLISH to abcd+efgh [parity 15] [MQTT-3.3.2-2]",
    bytes: hex("30 0c", "0009 616263642b65666768 00"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "PUBLISH to ä# [parity 15] [MQTT-3.3.2-2]",
    bytes: hex("30 06", "0003 c3a423 00"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "PUBLISH to a topic with U+0000 [parity 14] [MQTT-4.7.3-2]",
    bytes: hex("30 05", "0002 6100 00"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH to a longer topic with U+0000 [parity 14] [MQTT-1.5.4-2]",
    bytes: hex("30 09", "0006 616200636465 00"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH to a topic with a surrogate [parity 14] [MQTT-1.5.4-1]",
    bytes: hex("30 06", "0003 eda080 00"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH to a topic with an overlong form [parity 14] [MQTT-1.5.4-1]",
    bytes: hex("30 05", "0002 c080 00"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH to a topic that is cut inside a character [parity 14] [MQTT-1.5.4-1]",
    bytes: hex("30 05", "0002 61c3 00"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH to a topic above U+10FFFF [parity 14] [MQTT-1.5.4-1]",
    bytes: hex("30 07", "0004 f4908080 00"),
    reasonCode: 0x81,
    says: text,
  },
  { name: "PUBLISH that ends in the topic's length", bytes: hex("30 01", "00"), reasonCode: 0x81, says: cut },
  { name: "PUBLISH that ends in the topic", bytes: hex("30 03", "0002 61"), reasonCode: 0x81, says: cut },
  { name: "PUBLISH that ends in the packet id", bytes: hex("32 04", "0001 61 00"), reasonCode: 0x81, says: cut },
  { name: "PUBLISH without a property length", bytes: hex("30 03", "0001 61"), reasonCode: 0x81, says: cut },
  {
    name: "PUBLISH with properties longer than the packet",
    bytes: hex("30 05", "0001 61 02 01"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "PUBLISH with a property length of 0 in two bytes [parity 1] [MQTT-1.5.5-1]",
    bytes: hex("30 05", "0001 61 8000"),
    reasonCode: 0x81,
    says: "longer than its value needs",
  },
  {
    name: "PUBLISH with a property length of five bytes [parity 1]",
    bytes: hex("30 08", "0001 61 8080808000"),
    reasonCode: 0x81,
    says: "more than four bytes",
  },
  {
    name: "PUBLISH with a property that is cut off",
    bytes: hex("30 07", "0001 61 03 02 0000"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "PUBLISH with a property identifier and nothing else",
    bytes: hex("30 05", "0001 61 01 03"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "PUBLISH with a property that reaches into the payload",
    bytes: hex("30 0a", "0001 61 03 03 0003 616263"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "PUBLISH with binary data that reaches into the payload",
    bytes: hex("30 0a", "0001 61 03 09 0003 616263"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "PUBLISH with property 0 [parity 5]",
    bytes: hex("30 06", "0001 61 02 00 00"),
    reasonCode: 0x81,
    says: "property 0 is not allowed",
  },
  {
    name: "PUBLISH with property 127 [parity 5]",
    bytes: hex("30 06", "0001 61 02 7f 00"),
    reasonCode: 0x81,
    says: "property 127 is not allowed",
  },
  {
    name: "PUBLISH with a property identifier of two bytes [parity 5]",
    bytes: hex("30 07", "0001 61 03 8101 00"),
    reasonCode: 0x81,
    says: "property 129 is not allowed",
  },
  {
    name: "PUBLISH with a session expiry [parity 5]",
    bytes: hex("30 09", "0001 61 05 11 00000000"),
    reasonCode: 0x81,
    says: "property 17 is not allowed",
  },
  {
    name: "PUBLISH with a reason string [parity 5]",
    bytes: hex("30 07", "0001 61 03 1f 0000"),
    reasonCode: 0x81,
    says: "property 31 is not allowed",
  },
  {
    name: "PUBLISH with two payload format indicators [parity 6]",
    bytes: hex("30 08", "0001 61 04 01 00 01 00"),
    reasonCode: 0x82,
    says: "payloadFormatIndicator is there twice",
  },
  {
    name: "PUBLISH with two message expiry intervals [parity 6]",
    bytes: hex("30 0e", "0001 61 0a 02 00000001 02 00000001"),
    reasonCode: 0x82,
    says: "messageExpiryInterval is there twice",
  },
  {
    name: "PUBLISH with two topic aliases [parity 6]",
    bytes: hex("30 0a", "0001 61 06 23 0001 23 0002"),
    reasonCode: 0x82,
    says: "topicAlias is there twice",
  },
  {
    name: "PUBLISH with two content types around a user property [parity 6]",
    bytes: hex("30 0f", "0001 61 0b 03 0000 26 0000 0000 03 0000"),
    reasonCode: 0x82,
    says: "contentType is there twice",
  },
  {
    name: "PUBLISH with a payload format indicator of 2 [parity 8]",
    bytes: hex("30 06", "0001 61 02 01 02"),
    reasonCode: 0x82,
    says: "payloadFormatIndicator is neither",
  },
  {
    name: "PUBLISH with topic alias 0 [parity 10] [MQTT-3.3.2-8]",
    bytes: hex("30 07", "0001 61 03 23 0000"),
    reasonCode: 0x94,
    says: "topicAlias is 0",
  },
  {
    name: "PUBLISH with subscription identifier 0 [parity 9]",
    bytes: hex("30 06", "0001 61 02 0b 00"),
    reasonCode: 0x82,
    says: "is 0",
  },
  {
    name: "PUBLISH with a subscription identifier of 1 in two bytes [parity 1] [MQTT-1.5.5-1]",
    bytes: hex("30 07", "0001 61 03 0b 8100"),
    reasonCode: 0x81,
    says: "longer than its value needs",
  },
  {
    name: "PUBLISH with a subscription identifier of five bytes [parity 1]",
    bytes: hex("30 0a", "0001 61 06 0b 8080808001"),
    reasonCode: 0x81,
    says: "more than four bytes",
  },
  {
    name: "PUBLISH from a client with a subscription identifier [parity 7] [MQTT-3.3.4-6]",
    bytes: hex("30 06", "0001 61 02 0b 01"),
    reasonCode: 0x82,
    says: "Subscription Identifier",
    sender: "client",
  },
  {
    name: "PUBLISH with a response topic of # [parity 16] [MQTT-3.3.2-14]",
    bytes: hex("30 08", "0001 61 04 08 0001 23"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "PUBLISH with a response topic of a/+ [parity 16] [MQTT-3.3.2-14]",
    bytes: hex("30 0a", "0001 61 06 08 0003 612f2b"),
    reasonCode: 0x82,
    says: "wildcard",
  },
  {
    name: "PUBLISH with an empty response topic",
    bytes: hex("30 07", "0001 61 03 08 0000"),
    reasonCode: 0x82,
    says: "responseTopic is empty",
  },
  {
    name: "PUBLISH with an ill-formed response topic [parity 14] [MQTT-3.3.2-13]",
    bytes: hex("30 08", "0001 61 04 08 0001 80"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH with an ill-formed content type [parity 14] [MQTT-3.3.2-19]",
    bytes: hex("30 08", "0001 61 04 03 0001 fe"),
    reasonCode: 0x81,
    says: text,
  },
  {
    name: "PUBLISH with an ill-formed user property name [parity 14] [MQTT-1.5.7-1]",
    bytes: hex("30 0a", "0001 61 06 26 0001 c1 0000"),
    reasonCode: 0x81,
    says: pair,
  },
  {
    name: "PUBLISH with an ill-formed user property value [parity 14] [MQTT-1.5.7-1]",
    bytes: hex("30 0a", "0001 61 06 26 0000 0001 e0"),
    reasonCode: 0x81,
    says: pair,
  },
  {
    name: "PUBLISH with U+0000 in a user property value [parity 14] [MQTT-1.5.4-2]",
    bytes: hex("30 0f", "0001 61 0b 26 0001 61 0005 6162630064"),
    reasonCode: 0x81,
    says: pair,
  },
  {
    name: "PUBLISH with a user property without a value",
    bytes: hex("30 08", "0001 61 04 26 0001 61"),
    reasonCode: 0x81,
    says: pair,
  },
  {
    name: "PUBLISH with a user property whose name reaches beyond the properties",
    bytes: hex("30 0a", "0001 61 05 26 0004 61 62 63"),
    reasonCode: 0x81,
    says: pair,
  },
  {
    name: "PUBLISH with a user property whose value reaches beyond the properties",
    bytes: hex("30 0c", "0001 61 07 26 0001 61 0002 62 63"),
    reasonCode: 0x81,
    says: pair,
  },

  // PUBACK, PUBREC, PUBREL, PUBCOMP
  {
    name: "PUBACK with packet id 0 [parity 17]",
    bytes: hex("40 02", "0000"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  { name: "PUBACK that ends in the packet id", bytes: hex("40 01", "00"), reasonCode: 0x81, says: cut },
  { name: "PUBACK of nothing", bytes: hex("40 00"), reasonCode: 0x81, says: cut },
  {
    name: "PUBACK with a code of another packet [parity 11] [MQTT-3.4.2-1]",
    bytes: hex("40 03", "0001 81"),
    reasonCode: 0x81,
    says: "reason code 0x81",
  },
  {
    name: "PUBACK with a granted QoS [parity 11] [MQTT-3.4.2-1]",
    bytes: hex("40 04", "0001 01 00"),
    reasonCode: 0x81,
    says: "reason code 0x1",
  },
  {
    name: "PUBACK from a client that says No matching subscribers [parity 11]",
    bytes: hex("40 03", "0001 10"),
    reasonCode: 0x82,
    says: "from a client",
    sender: "client",
  },
  {
    name: "PUBACK with bytes behind its properties",
    bytes: hex("40 05", "0001 00 00 00"),
    reasonCode: 0x81,
    says: "after its last field",
  },
  {
    name: "PUBACK with a content type [parity 5]",
    bytes: hex("40 07", "0001 00 03 03 0000"),
    reasonCode: 0x81,
    says: "property 3 is not allowed",
  },
  {
    name: "PUBACK with properties longer than the packet",
    bytes: hex("40 04", "0001 00 01"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "PUBREC with a code of PUBREL [parity 11] [MQTT-3.5.2-1]",
    bytes: hex("50 03", "0001 92"),
    reasonCode: 0x81,
    says: "reason code 0x92",
  },
  {
    name: "PUBREC with packet id 0 [parity 17]",
    bytes: hex("50 02", "0000"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "PUBREL with an error it can't have [parity 11] [MQTT-3.6.2-1]",
    bytes: hex("62 03", "0001 80"),
    reasonCode: 0x81,
    says: "reason code 0x80",
  },
  {
    name: "PUBREL with packet id 0 [parity 17]",
    bytes: hex("62 02", "0000"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "PUBCOMP with an error it can't have [parity 11] [MQTT-3.7.2-1]",
    bytes: hex("70 03", "0001 10"),
    reasonCode: 0x81,
    says: "reason code 0x10",
  },
  {
    name: "PUBCOMP with two reason strings [parity 6]",
    bytes: hex("70 0a", "0001 00 06 1f 0000 1f 0000"),
    reasonCode: 0x82,
    says: "reasonString is there twice",
  },

  // SUBSCRIBE and UNSUBSCRIBE
  { name: "SUBSCRIBE without a filter [MQTT-3.8.3-2]", bytes: hex("82 03", "0001 00"), reasonCode: 0x81, says: cut },
  {
    name: "SUBSCRIBE with packet id 0 [parity 17]",
    bytes: hex("82 07", "0000 00 0001 61 00"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "SUBSCRIBE to an empty filter [parity 18] [MQTT-4.7.3-1]",
    bytes: hex("82 06", "0001 00 0000 00"),
    reasonCode: 0x82,
    says: "topic filter must not be empty",
  },
  {
    name: "SUBSCRIBE to a# [parity 18] [MQTT-4.7.1-1]",
    bytes: hex("82 08", "0001 00 0002 6123 00"),
    reasonCode: 0x82,
    says: "whole level",
  },
  {
    name: "SUBSCRIBE to #/a [parity 18] [MQTT-4.7.1-1]",
    bytes: hex("82 09", "0001 00 0003 232f61 00"),
    reasonCode: 0x82,
    says: "last level",
  },
  {
    name: "SUBSCRIBE to a+ [parity 18] [MQTT-4.7.1-2]",
    bytes: hex("82 08", "0001 00 0002 612b 00"),
    reasonCode: 0x82,
    says: "whole level",
  },
  {
    name: "SUBSCRIBE to $share//a [parity 19] [MQTT-4.8.2-1]",
    bytes: hex("82 0f", "0001 00 0009 24736861 72652f2f61 00"),
    reasonCode: 0x82,
    says: "name the share",
  },
  {
    name: "SUBSCRIBE to $share/g [parity 19] [MQTT-4.8.2-2]",
    bytes: hex("82 0e", "0001 00 0008 24736861 72652f67 00"),
    reasonCode: 0x82,
    says: "topic filter after",
  },
  {
    name: "SUBSCRIBE with No Local to a shared filter [parity 19] [MQTT-3.8.3-4]",
    bytes: hex("82 10", "0001 00 000a 24736861 72652f672f61 04"),
    reasonCode: 0x82,
    says: "No Local",
  },
  {
    name: "SUBSCRIBE with a QoS of 3",
    bytes: hex("82 07", "0001 00 0001 61 03"),
    reasonCode: 0x82,
    says: "QoS of a subscription is 3",
  },
  {
    name: "SUBSCRIBE with a Retain Handling of 3",
    bytes: hex("82 07", "0001 00 0001 61 30"),
    reasonCode: 0x82,
    says: "Retain Handling of a subscription is 3",
  },
  {
    name: "SUBSCRIBE with reserved option bit 6 [MQTT-3.8.3-5]",
    bytes: hex("82 07", "0001 00 0001 61 40"),
    reasonCode: 0x81,
    says: "reserved Subscription Option",
  },
  {
    name: "SUBSCRIBE with reserved option bit 7 [MQTT-3.8.3-5]",
    bytes: hex("82 07", "0001 00 0001 61 80"),
    reasonCode: 0x81,
    says: "reserved Subscription Option",
  },
  {
    name: "SUBSCRIBE with a filter and no options",
    bytes: hex("82 06", "0001 00 0001 61"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "SUBSCRIBE with two subscription identifiers [parity 7]",
    bytes: hex("82 0b", "0001 04 0b 01 0b 02 0001 61 00"),
    reasonCode: 0x82,
    says: "is there twice",
  },
  {
    name: "SUBSCRIBE with subscription identifier 0 [parity 9]",
    bytes: hex("82 09", "0001 02 0b 00 0001 61 00"),
    reasonCode: 0x82,
    says: "is 0",
  },
  {
    name: "SUBSCRIBE with an ill-formed filter [parity 14] [MQTT-3.8.3-1]",
    bytes: hex("82 07", "0001 00 0001 ff 00"),
    reasonCode: 0x81,
    says: text,
  },
  { name: "UNSUBSCRIBE without a filter [MQTT-3.10.3-2]", bytes: hex("a2 03", "0001 00"), reasonCode: 0x81, says: cut },
  {
    name: "UNSUBSCRIBE with packet id 0 [parity 17]",
    bytes: hex("a2 06", "0000 00 0001 61"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "UNSUBSCRIBE with a subscription identifier [parity 5]",
    bytes: hex("a2 08", "0001 02 0b 01 0001 61"),
    reasonCode: 0x81,
    says: "property 11 is not allowed",
  },
  {
    name: "UNSUBSCRIBE from $share/g+/a [parity 19] [MQTT-4.8.2-2]",
    bytes: hex("a2 10", "0001 00 000b 24736861 72652f672b2f61"),
    reasonCode: 0x82,
    says: "name of the share",
  },
  {
    name: "UNSUBSCRIBE from an ill-formed filter [parity 14] [MQTT-3.10.3-1]",
    bytes: hex("a2 07", "0001 00 0002 c328"),
    reasonCode: 0x81,
    says: text,
  },

  // SUBACK and UNSUBACK
  { name: "SUBACK without a code", bytes: hex("90 03", "0001 00"), reasonCode: 0x81, says: cut },
  { name: "SUBACK without a property length", bytes: hex("90 02", "0001"), reasonCode: 0x81, says: cut },
  {
    name: "SUBACK with packet id 0 [parity 17]",
    bytes: hex("90 04", "0000 00 00"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "SUBACK with a granted QoS of 3 [parity 11] [MQTT-3.9.3-2]",
    bytes: hex("90 05", "0001 00 00 03"),
    reasonCode: 0x81,
    says: "reason code 0x3",
  },
  { name: "UNSUBACK without a code", bytes: hex("b0 03", "0001 00"), reasonCode: 0x81, says: cut },
  {
    name: "UNSUBACK with packet id 0 [parity 17]",
    bytes: hex("b0 04", "0000 00 00"),
    reasonCode: 0x82,
    says: "Packet Identifier is 0",
  },
  {
    name: "UNSUBACK with a granted QoS [parity 11] [MQTT-3.11.3-2]",
    bytes: hex("b0 04", "0001 00 01"),
    reasonCode: 0x81,
    says: "reason code 0x1",
  },

  // DISCONNECT
  {
    name: "DISCONNECT with a code of CONNACK [parity 11] [MQTT-3.14.2-1]",
    bytes: hex("e0 01", "84"),
    reasonCode: 0x81,
    says: "reason code 0x84",
  },
  {
    name: "DISCONNECT with code 1 [parity 11] [MQTT-3.14.2-1]",
    bytes: hex("e0 01", "01"),
    reasonCode: 0x81,
    says: "reason code 0x1",
  },
  {
    name: "DISCONNECT from a server that asks for the Will [parity 11] [MQTT-3.14.2-1]",
    bytes: hex("e0 01", "04"),
    reasonCode: 0x82,
    says: "from a server",
    sender: "server",
  },
  {
    name: "DISCONNECT from a client that shuts down [parity 11] [MQTT-3.14.2-1]",
    bytes: hex("e0 01", "8b"),
    reasonCode: 0x82,
    says: "from a client",
    sender: "client",
  },
  {
    name: "DISCONNECT from a server with a session expiry [MQTT-3.14.2-2]",
    bytes: hex("e0 07", "00 05 11 00000000"),
    reasonCode: 0x82,
    says: "Session Expiry Interval",
    sender: "server",
  },
  {
    name: "DISCONNECT from a client with a server reference",
    bytes: hex("e0 05", "00 03 1c 0000"),
    reasonCode: 0x82,
    says: "Server Reference",
    sender: "client",
  },
  {
    name: "DISCONNECT with properties longer than the packet",
    bytes: hex("e0 02", "00 01"),
    reasonCode: 0x81,
    says: cut,
  },
  {
    name: "DISCONNECT with bytes behind its properties",
    bytes: hex("e0 03", "00 00 00"),
    reasonCode: 0x81,
    says: "after its last field",
  },
  {
    name: "DISCONNECT with an authentication method [parity 5]",
    bytes: hex("e0 05", "00 03 15 0000"),
    reasonCode: 0x81,
    says: "property 21 is not allowed",
  },

  // AUTH
  { name: "AUTH without anything", bytes: hex("f0 00"), reasonCode: 0x82, says: "no Authentication Method" },
  { name: "AUTH with a code and nothing else", bytes: hex("f0 01", "18"), reasonCode: 0x81, says: cut },
  { name: "AUTH without a method", bytes: hex("f0 02", "18 00"), reasonCode: 0x82, says: "no Authentication Method" },
  {
    name: "AUTH with data and no method",
    bytes: hex("f0 05", "18 03 16 0000"),
    reasonCode: 0x82,
    says: "no Authentication Method",
  },
  {
    name: "AUTH with a code of another packet [parity 11] [MQTT-3.15.2-1]",
    bytes: hex("f0 06", "87 04 15 0001 6d"),
    reasonCode: 0x82,
    says: "reason code 0x87",
  },
  {
    name: "AUTH from a server that wants to re-authenticate [parity 11]",
    bytes: hex("f0 06", "19 04 15 0001 6d"),
    reasonCode: 0x82,
    says: "from a server",
    sender: "server",
  },
  {
    name: "AUTH from a client that says Success [parity 11]",
    bytes: hex("f0 06", "00 04 15 0001 6d"),
    reasonCode: 0x82,
    says: "from a client",
    sender: "client",
  },
  {
    name: "AUTH with bytes behind its properties",
    bytes: hex("f0 07", "18 04 15 0001 6d 00"),
    reasonCode: 0x81,
    says: "after its last field",
  },
];
