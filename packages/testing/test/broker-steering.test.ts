// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, encode, encodeUtf8, PacketType, packetName, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { linkPair, type BrokerMessage, type PacketEvent, TestBroker, VirtualClock } from "../src/index.js";
import { ack, Bench, connectPacket, publish, receive, subscribe } from "./bench.js";

const nowhere = new URL("mqtt://test");

describe("steering the test broker", () => {
  it("publish sends as the broker, and says whether anybody listens", async () => {
    const bench = new Bench({ authorizePublish: () => ReasonCode.NotAuthorized });
    expect(bench.broker.publish("t", "x")).toBe(false);
    const client = await bench.connect("a");
    await subscribe(client, "t");
    const properties = { contentType: "text/plain", messageExpiryInterval: 5 };
    expect(bench.broker.publish("t", Uint8Array.of(1), { qos: 2, retain: true, properties })).toBe(true);
    await receive(client, "t", "\u0001", { qos: 2, properties });
    expect(bench.broker.retained).toHaveLength(1);
    expect(() => bench.broker.publish("t/+", "x")).toThrow(RangeError);
  });

  it("subscribe hands messages to a function, until it is told to stop", async () => {
    const bench = new Bench();
    const seen: BrokerMessage[] = [];
    const stop = bench.broker.subscribe("t/#", (message) => seen.push(message));
    const client = await bench.connect("a");
    client.send(publish("t/1", "one", { qos: 1, packetId: 1, retain: true }));
    await client.expect(ack(PacketType.Puback, 1));
    stop();
    client.send(publish("t/2", "two"));
    await bench.clock.settle();
    expect(
      seen.map(({ topic, payload, retain, publisher }) => [topic, decodeUtf8(payload), retain, publisher]),
    ).toEqual([["t/1", "one", true, "a"]]);
    expect(() => bench.broker.subscribe("#/t", () => {})).toThrow(RangeError);
  });

  it("sessions and connections show the state of the moment", async () => {
    const bench = new Bench();
    await bench.dial();
    const client = await bench.keep("a", { username: "alice", properties: { receiveMaximum: 1 } });
    await subscribe(client, "t", "$share/g/u");
    for (const payload of ["1", "2"]) bench.broker.publish("t", payload, { qos: 1 });
    expect(bench.broker.connections.map(({ clientId, username }) => [clientId, username])).toEqual([
      ["", undefined],
      ["a", "alice"],
    ]);
    expect(bench.broker.connections[1]?.connect?.cleanStart).toBe(false);
    expect(bench.broker.sessions).toMatchObject([
      { clientId: "a", connected: true, expiryInterval: 3600, filters: ["t", "$share/g/u"], queued: 1, inFlight: 1 },
    ]);
    client.cut();
    await bench.clock.settle();
    expect(bench.broker.sessions[0]?.connected).toBe(false);
    expect(bench.broker.connections).toHaveLength(1);
  });

  it("disconnect ends a connection with a reason, and keeps the session", async () => {
    const bench = new Bench();
    const client = await bench.keep("a");
    expect(bench.broker.disconnect("nobody")).toBe(false);
    const properties = {
      serverReference: "other:1883",
      reasonString: "please move",
      userProperties: [["a", "b"]],
    } as const;
    expect(bench.broker.disconnect("a", { reasonCode: ReasonCode.UseAnotherServer, ...properties })).toBe(true);
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.UseAnotherServer, properties });
    await client.expectClosed();
    expect(bench.broker.sessions).toHaveLength(1);
    expect(bench.broker.disconnect("a")).toBe(false);
  });

  it("drop breaks one connection or all, without a word", async () => {
    const bench = new Bench();
    const [a, b, c] = [await bench.keep("a"), await bench.keep("b"), await bench.keep("c")];
    expect(bench.broker.drop("a")).toBe(1);
    await a.expectClosed();
    expect(b.isClosed).toBe(false);
    expect(bench.broker.drop()).toBe(2);
    await b.expectClosed();
    await c.expectClosed();
    expect(bench.broker.drop()).toBe(0);
  });

  it("restart breaks everything, publishes no Will, and refuses connections until it is back", async () => {
    const bench = new Bench();
    const client = await bench.keep("a", { will: { topic: "t", payload: encodeUtf8("will"), qos: 0, retain: true } });
    await subscribe(client, "t");
    bench.broker.publish("t", "in flight", { qos: 1, retain: true });
    await client.expect({ type: PacketType.Publish, payload: "in flight" });
    const restarted = bench.broker.restart({ downtime: 1000 });
    await client.expectClosed();
    await expect(bench.dial()).rejects.toThrow("the test broker is down");
    const [link, brokerEnd] = linkPair({ clock: bench.clock });
    let closed = false;
    link.open({
      received() {},
      drained() {},
      closed: () => {
        closed = true;
      },
    });
    bench.broker.accept(brokerEnd);
    await bench.clock.settle();
    expect(closed).toBe(true);
    await bench.clock.run(restarted);
    expect(bench.clock.now()).toBe(1000);
    const again = await bench.keep("a");
    await receive(again, "t", "in flight", { duplicate: true });
    expect(bench.broker.retained.map(({ payload }) => decodeUtf8(payload))).toEqual(["in flight"]);
  });

  it("restart may lose sessions, and retained messages", async () => {
    const bench = new Bench();
    const client = await bench.keep("a");
    await subscribe(client, "t");
    bench.broker.publish("t", "kept", { retain: true });
    await bench.broker.restart({ keepSessions: false });
    expect(bench.broker.sessions).toEqual([]);
    expect(bench.broker.retained).toHaveLength(1);
    expect(bench.broker.publish("t", "x")).toBe(false);
    await bench.broker.restart({ keepRetained: false });
    expect(bench.broker.retained).toEqual([]);
    await bench.handshake({ clientId: "a", cleanStart: false }, { sessionPresent: false });
    expect(bench.clock.pending).toBe(0);
  });

  it("restart may come while another is running, and close while one is", async () => {
    const bench = new Bench();
    const first = bench.broker.restart({ downtime: 1000 });
    await bench.clock.advance(900);
    const second = bench.broker.restart({ downtime: 1000 });
    await bench.clock.run(first);
    expect(bench.clock.now()).toBe(900);
    await bench.clock.advance(600);
    await expect(bench.dial()).rejects.toThrow("down");
    await bench.clock.run(second);
    expect(bench.clock.now()).toBe(1900);
    await bench.dial();
    const third = bench.broker.restart({ downtime: 1000 });
    await bench.clock.run(bench.broker.close());
    await bench.clock.run(third);
    expect(bench.clock.pending).toBe(0);
    await expect(bench.dial()).rejects.toThrow("down");
  });

  it("close says goodbye to all, and leaves nothing running", async () => {
    const bench = new Bench();
    await bench.connect("b", { will: { topic: "will", payload: encodeUtf8("x"), qos: 0, retain: false } });
    const client = await bench.keep("a", { keepAlive: 10 });
    await subscribe(client, "will");
    const { connection: silent } = await bench.dial();
    (await bench.keep("away")).cut();
    await bench.clock.run(bench.broker.close());
    await client.expect({ type: PacketType.Disconnect, reasonCode: ReasonCode.ServerShuttingDown });
    await client.expectClosed();
    await silent.expectClosed();
    expect(bench.clock.pending).toBe(0);
    expect(bench.broker.sessions).toEqual([]);
    await expect(bench.dial()).rejects.toThrow("down");
    await bench.broker[Symbol.asyncDispose]();
  });

  it("close does not wait for a hook that never answers", async () => {
    const bench = new Bench({ authenticate: () => new Promise(() => {}) });
    const { connection } = await bench.dial();
    connection.send(connectPacket);
    await bench.clock.settle();
    await bench.clock.run(bench.broker.close());
    expect(bench.clock.now()).toBe(0);
    await connection.expectClosed();
  });

  it("configure changes what later connections meet", async () => {
    const bench = new Bench({ receiveMaximum: 10 });
    bench.broker.configure({ maximumQoS: 1 });
    await bench.handshake({}, { properties: { receiveMaximum: 10, maximumQoS: 1 } });
    expect(() => bench.broker.configure({ receiveMaximum: 0 })).toThrow(
      "TestBroker: receiveMaximum must be a whole number from 1 to 65535, not 0",
    );
    await bench.handshake({}, { properties: { receiveMaximum: 10 } });
  });

  it("onPacket sees all that is said, in its order", async () => {
    const events: PacketEvent[] = [];
    const bench = new Bench({ onPacket: (event) => events.push(event) });
    const client = await bench.connect("a");
    await subscribe(client, "t");
    client.send(publish("t", "x", { qos: 1, packetId: 1 }));
    await receive(client, "t", "x");
    await bench.clock.settle();
    const lines = events.map(
      ({ direction, clientId, packet }) => `${clientId} ${direction} ${packetName(packet.type)}`,
    );
    expect(lines).toEqual([
      " received CONNECT",
      "a sent CONNACK",
      "a received SUBSCRIBE",
      "a sent SUBACK",
      "a received PUBLISH",
      "a sent PUBLISH",
      "a sent PUBACK",
      "a received PUBACK",
    ]);
  });

  it("authorizePublish refuses messages, at QoS 0 without a word", async () => {
    const bench = new Bench({
      authorizePublish: ({ topic }, { clientId, username }) =>
        topic === `${clientId}/${username}`
          ? undefined
          : { reasonCode: ReasonCode.NotAuthorized, reasonString: "not yours" },
    });
    const client = await bench.connect("a", { username: "alice" });
    await subscribe(client, "#");
    const other = (qos: 0 | 1 | 2) => publish("other", "x", { qos, packetId: qos });
    client.send(other(0), other(1), other(2), publish("a/alice", "mine"));
    const refusal = { reasonCode: ReasonCode.NotAuthorized, properties: { reasonString: "not yours" } };
    await client.expect({ type: PacketType.Puback, packetId: 1, ...refusal });
    await client.expect({ type: PacketType.Pubrec, packetId: 2, ...refusal });
    await receive(client, "a/alice", "mine");
    client.send(ack(PacketType.Pubrel, 2)); // the refusal ended the exchange [MQTT-4.3.3-9]
    await client.expect(ack(PacketType.Pubcomp, 2, ReasonCode.PacketIdentifierNotFound));
  });

  it("its transport gives both ends of each link to inject faults, and keeps to the signal", async () => {
    const clock = new VirtualClock();
    const broker = new TestBroker({ clock });
    const transport = broker.transport({ latency: 25, onConnect: (client) => client.at(5, () => client.cut()) });
    const link = await transport.connect(nowhere, { signal: new AbortController().signal });
    let closedAt = -1;
    link.open({
      received() {},
      drained() {},
      closed: () => {
        closedAt = clock.now();
      },
    });
    link.send(new Uint8Array(10));
    await clock.advance(100);
    expect(closedAt).toBe(25);
    const reason = new Error("enough");
    await expect(transport.connect(nowhere, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("refuses options it can't mean, by name", () => {
    for (const [options, name] of [
      [{ receiveMaximum: 65536 }, "receiveMaximum"],
      [{ maximumPacketSize: 0 }, "maximumPacketSize"],
      [{ topicAliasMaximum: -1 }, "topicAliasMaximum"],
      [{ serverKeepAlive: 1.5 }, "serverKeepAlive"],
    ] as const) {
      expect(() => new TestBroker(options)).toThrow(`TestBroker: ${name} must be`);
    }
  });

  it("runs on real time if no clock is given", async () => {
    const broker = new TestBroker();
    const link = await broker.transport().connect(nowhere, { signal: new AbortController().signal });
    const received = new Promise<number>((resolve) => {
      link.open({ received: (chunk) => resolve((chunk[0] ?? 0) >> 4), drained() {}, closed() {} });
    });
    link.send(encode(connectPacket));
    expect(await received).toBe(PacketType.Connack);
    await broker.close();
  });
});
