// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, encode, encodeUtf8, PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { ack, Bench, connectPacket, publish, receive, subscribe, subscribePacket } from "./bench.js";

const will = { topic: "will", payload: encodeUtf8("gone"), qos: 2, retain: true } as const;

describe("a CONNECT", () => {
  it("is answered with a CONNACK that says only what differs from the standard's defaults", async () => {
    const { connack } = await new Bench({ topicAliasMaximum: 0 }).handshake();
    expect(connack.sessionPresent).toBe(false);
    expect(connack.properties.toObject()).toEqual({});
  });

  it("is answered with every limit that is set", async () => {
    const options = {
      receiveMaximum: 7,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 4096,
      topicAliasMaximum: 3,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifierAvailable: false,
      sharedSubscriptionAvailable: false,
      serverKeepAlive: 9,
      userProperties: [["broker", "test"]],
    } as const;
    const { connack } = await new Bench(options).handshake();
    expect(connack.properties.toObject()).toEqual(options);
  });

  it("gets Response Information only if it asks for it [MQTT-3.1.2-28]", async () => {
    const bench = new Bench({ responseInformation: "answers/" });
    const properties = { requestResponseInformation: true };
    await bench.handshake({ properties }, { properties: { responseInformation: "answers/" } });
    await bench.handshake({}, { properties: { responseInformation: undefined } });
  });

  it("has its session expiry interval lowered to the broker's maximum", async () => {
    const bench = new Bench({ maximumSessionExpiryInterval: 60 });
    const connect = (sessionExpiryInterval: number, told: number | undefined) =>
      bench.handshake({ properties: { sessionExpiryInterval } }, { properties: { sessionExpiryInterval: told } });
    await connect(3600, 60);
    expect(bench.broker.sessions[0]?.expiryInterval).toBe(60);
    await connect(30, undefined);
    expect(bench.broker.sessions[0]?.expiryInterval).toBe(30);
  });

  it("without a Client Identifier gets one of its own [MQTT-3.1.3-6] [MQTT-3.2.2-16]", async () => {
    const bench = new Bench();
    await bench.connect("assigned-1"); // what the broker would call the first
    const first = await bench.handshake({ clientId: "" });
    const second = await bench.handshake({ clientId: "", cleanStart: false });
    const ids = [first, second].map(({ connack }) => connack.properties.assignedClientIdentifier);
    expect(new Set(ids).size).toBe(2);
    expect(bench.broker.sessions.map(({ clientId }) => clientId)).toEqual(["assigned-1", ...ids]);
    await new Bench({ assignClientIdentifiers: false }).refused({ clientId: "" }, ReasonCode.ClientIdentifierNotValid);
  });

  it("with a Will the broker can't do is refused [MQTT-3.2.2-12] [MQTT-3.2.2-13]", async () => {
    await new Bench({ maximumQoS: 1 }).refused({ will }, ReasonCode.QoSNotSupported);
    await new Bench({ retainAvailable: false }).refused({ will }, ReasonCode.RetainNotSupported);
  });

  it("of another protocol version is refused with 0x84 [MQTT-3.1.2-2]", async () => {
    const { connection } = await new Bench().dial();
    const bytes = encode(connectPacket);
    bytes[8] = 4;
    connection.send(bytes);
    await connection.expect({ type: PacketType.Connack, reasonCode: ReasonCode.UnsupportedProtocolVersion });
    await connection.expectClosed();
  });

  it("that is malformed is refused, and nothing after it is read [MQTT-3.1.4-1] [MQTT-3.1.4-6]", async () => {
    const bench = new Bench();
    const { connection } = await bench.dial();
    const bytes = encode(connectPacket);
    bytes[9] = 1; // the reserved Connect Flag [MQTT-3.1.2-3]
    connection.send(bytes, connectPacket);
    await connection.expect({ type: PacketType.Connack, reasonCode: ReasonCode.MalformedPacket });
    await connection.expectClosed();
    expect(bench.broker.sessions).toEqual([]);
  });

  it("has to be the first packet", async () => {
    const { connection } = await new Bench().dial();
    connection.send({ type: PacketType.Pingreq });
    await connection.expectClosed();
    const { connection: garbage } = await new Bench().dial();
    garbage.sendRaw(0x00, 0x00);
    await garbage.expectClosed();
  });

  it("has to come in time", async () => {
    const bench = new Bench({ connectTimeout: 500 });
    const { connection } = await bench.dial();
    await connection.expectNone({ within: 499 });
    expect(connection.isClosed).toBe(false);
    await connection.expectClosed({ within: 1 });
    expect(bench.broker.connections).toEqual([]);
  });

  it("must not come twice [MQTT-3.1.0-2]", async () => {
    const bench = new Bench();
    for (const version of [5, 4]) {
      const client = await bench.connect("a");
      const bytes = encode(connectPacket);
      bytes[8] = version;
      client.send(bytes);
      await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
      await client.expectClosed();
    }
  });

  it("can be refused by a hook, with a reason and a place to go to", async () => {
    const seen: ConnectPacket[] = [];
    const bench = new Bench({
      authenticate(connect) {
        seen.push(connect);
        if (connect.username === "moved") return { reasonCode: ReasonCode.ServerMoved, serverReference: "other:1883" };
        return connect.username === "alice" ? undefined : ReasonCode.BadUserNameOrPassword;
      },
    });
    await bench.connect("a", { username: "alice", password: encodeUtf8("secret") });
    expect(seen[0]?.password).toEqual(encodeUtf8("secret"));
    await bench.refused({ username: "bob" }, ReasonCode.BadUserNameOrPassword);
    const connack = await bench.refused({ username: "moved" }, ReasonCode.ServerMoved);
    expect(connack.properties?.serverReference).toBe("other:1883");
    expect(bench.broker.sessions.map(({ clientId }) => clientId)).toEqual(["a"]);
  });

  it("may be judged later: what follows it waits", async () => {
    const bench = new Bench({
      authenticate: () => new Promise((resolve) => bench.clock.schedule(100, () => resolve(undefined))),
    });
    const { connection } = await bench.dial();
    connection.send(connectPacket, subscribePacket(["t"]), publish("t", "x"));
    await connection.expectNone({ within: 99 });
    await connection.expect(PacketType.Connack);
    await connection.expect(PacketType.Suback);
    await receive(connection, "t", "x");
  });

  it("whose hook fails is refused with 0x83, and the failure surfaces", async () => {
    const failure = new Error("broken hook");
    for (const authenticate of [
      () => {
        throw failure;
      },
      () => Promise.reject(failure),
    ]) {
      const bench = new Bench({ authenticate });
      const { connection } = await bench.dial();
      connection.send(connectPacket);
      await expect(connection.expect(PacketType.Connack)).rejects.toBe(failure);
      await connection.expect({ type: PacketType.Connack, reasonCode: ReasonCode.ImplementationSpecificError });
    }
  });

  it("is dropped if its client would not accept the CONNACK", async () => {
    const bench = new Bench();
    const { connection } = await bench.dial();
    connection.send({ ...connectPacket, properties: { maximumPacketSize: 4 } });
    await connection.expectClosed();
    const { connection: smaller } = await new Bench({ userProperties: [["a", "b"]], topicAliasMaximum: 0 }).dial();
    smaller.send({ ...connectPacket, properties: { maximumPacketSize: 5 } });
    await smaller.expect({ type: PacketType.Connack, reasonCode: 0, properties: { userProperties: undefined } }); // [MQTT-3.2.2-20]
  });

  it("takes the session from the connection that has it [MQTT-3.1.4-3]", async () => {
    const bench = new Bench();
    const old = await bench.keep("a");
    await subscribe(old, "t");
    const { connection: fresh, connack } = await bench.handshake({
      clientId: "a",
      cleanStart: false,
      properties: { sessionExpiryInterval: 60 },
    });
    expect(connack.sessionPresent).toBe(true);
    await old.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.SessionTakenOver });
    await old.expectClosed();
    bench.broker.publish("t", "still subscribed");
    await receive(fresh, "t", "still subscribed");
    expect(bench.broker.connections).toHaveLength(1);
  });
});

describe("a connection", () => {
  it("is closed after one and a half times its keep-alive without a packet [MQTT-3.1.2-22]", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { keepAlive: 10 });
    await bench.clock.advance(14_000);
    client.send({ type: PacketType.Pingreq });
    await client.expect(PacketType.Pingresp);
    await client.expectNone({ within: 14_999 });
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.KeepAliveTimeout }, { within: 1 });
    await client.expectClosed();
  });

  it("has the keep-alive the broker says, if it says one", async () => {
    const bench = new Bench({ serverKeepAlive: 2 });
    const client = await bench.connect("a", { keepAlive: 0 });
    await client.expectNone({ within: 2999 });
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.KeepAliveTimeout });
  });

  it("without keep-alive stays as long as it likes", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { keepAlive: 0 });
    await client.expectNone({ within: 1e9 });
    expect(bench.clock.pending).toBe(0);
  });

  it("ends with the right code on every violation [MQTT-4.13.1-1]", async () => {
    const bench = new Bench();
    const cases: readonly [code: number, bytes: readonly number[]][] = [
      [ReasonCode.MalformedPacket, [0x00, 0x00]], // packet type 0
      [ReasonCode.MalformedPacket, [0xc1, 0x00]], // PINGREQ with reserved flags [MQTT-2.1.3-1]
      [ReasonCode.MalformedPacket, [0x60, 0x02, 0x00, 0x01]], // PUBREL with flags 0000 [MQTT-3.6.1-1]
      [ReasonCode.MalformedPacket, [0x80, 0x07, 0, 1, 0, 0, 1, 0x61, 0]], // SUBSCRIBE with flags 0000 [MQTT-3.8.1-1]
      [ReasonCode.MalformedPacket, [0xa0, 0x06, 0, 1, 0, 0, 1, 0x61]], // UNSUBSCRIBE with flags 0000 [MQTT-3.10.1-1]
      [ReasonCode.MalformedPacket, [0x82, 0x07, 0, 1, 0, 0, 1, 0x61, 0x40]], // a reserved option bit [MQTT-3.8.3-5]
      [ReasonCode.MalformedPacket, [0x36, 0x06, 0, 1, 0x61, 0, 1, 0]], // QoS 3 [MQTT-3.3.1-4]
      [ReasonCode.MalformedPacket, [0xc0, 0xff, 0xff, 0xff, 0xff]], // a length of five bytes
      [ReasonCode.MalformedPacket, [0xe1, 0x00]], // DISCONNECT with reserved flags [MQTT-3.14.1-1]
      [ReasonCode.ProtocolError, [0x20, 0x03, 0, 0, 0]], // CONNACK from a client
      [ReasonCode.ProtocolError, [0xd0, 0x00]], // PINGRESP from a client
      [ReasonCode.ProtocolError, [0x30, 0x03, 0, 0, 0]], // no topic and no alias
    ];
    for (const [reasonCode, bytes] of cases) {
      const client = await bench.connect("a");
      client.sendRaw(...bytes);
      client.send({ type: PacketType.Pingreq });
      await client.expect({ type: PacketType.Disconnect, reasonCode });
      await client.expectClosed();
    }
  });

  it("ends when an acknowledgement belongs to another kind of exchange", async () => {
    const bench = new Bench();
    for (const [qos, wrong] of [
      [1, PacketType.Pubrec],
      [1, PacketType.Pubcomp],
      [2, PacketType.Puback],
      [2, PacketType.Pubcomp],
    ] as const) {
      const client = await bench.connect("a");
      await subscribe(client, "t");
      bench.broker.publish("t", "x", { qos });
      const { packetId } = await client.expect(PacketType.Publish);
      client.send(ack(wrong, packetId));
      await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
    }
    const client = await bench.connect("a");
    await subscribe(client, "t");
    bench.broker.publish("t", "x", { qos: 2 });
    const { packetId } = await client.expect(PacketType.Publish);
    client.send(ack(PacketType.Pubrec, packetId), ack(PacketType.Puback, packetId));
    await client.expect(PacketType.Pubrel);
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ProtocolError });
  });

  it("is closed by the broker even if the client doesn't read any more", async () => {
    const bench = new Bench();
    const client = await bench.connect("a");
    client.link.pause();
    bench.broker.disconnect("a");
    await bench.clock.advance(4999);
    expect(bench.broker.connections).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.broker.connections).toEqual([]);
    expect(bench.clock.pending).toBe(0);
  });

  it("leaves no timer behind", async () => {
    const bench = new Bench();
    const client = await bench.connect("a", { keepAlive: 10 });
    client.send({ type: PacketType.Disconnect, reasonCode: 0 });
    await client.expectClosed();
    await bench.clock.settle();
    expect(bench.clock.pending).toBe(0);
    expect(bench.broker.sessions).toEqual([]);
  });
});
