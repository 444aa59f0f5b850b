// SPDX-License-Identifier: Apache-2.0
import { encode, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { type PacketEvent, TestBroker, VirtualClock } from "@mqttv5/testing";
import { Client, type PublishOptions, type ReasonCodeError } from "../src/index.js";
import { Bench, codeOf, follow, puback, pubcomp, publish, pubrec } from "./bench.js";

const { Publish, Pubrel, Disconnect, Pingreq } = PacketType;

describe("publish", () => {
  it("resolves at QoS 0 once it is on its way, at QoS 1 on PUBACK, at QoS 2 on PUBCOMP [parity 68]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const [zero, one, two] = [0, 1, 2].map((qos) => follow(client.publish("t", "hi", { qos: qos as 0 | 1 | 2 })));
    await connection.expect({ type: Publish, qos: 0, packetId: 0, payload: "hi" });
    await connection.expect({ type: Publish, qos: 1, packetId: 1, duplicate: false });
    await connection.expect({ type: Publish, qos: 2, packetId: 2, duplicate: false });
    await bench.clock.advance(1000);
    expect([zero?.status, one?.status, two?.status]).toEqual(["resolved", "pending", "pending"]);
    expect(zero?.value).toEqual({ reasonCode: 0 });
    connection.send({ ...puback(1, 0x10), properties: { reasonString: "nobody", userProperties: [["a", "b"]] } });
    connection.send(pubrec(2));
    await connection.expect({ type: Pubrel, packetId: 2, reasonCode: 0 });
    expect(one?.value).toEqual({ reasonCode: 0x10, reasonString: "nobody", userProperties: [["a", "b"]] });
    expect(two?.status).toBe("pending");
    connection.send({ ...pubcomp(2), properties: { reasonString: "done" } });
    await bench.clock.settle();
    expect(two?.value).toMatchObject({ reasonCode: 0, reasonString: "done" });
    expect(client.stats()).toMatchObject({ publishesSent: 3, publishesAcked: 2, publishesInflight: 0 });
    await bench.end(client);
  });

  it("sends every property of the call, and payloads as text, bytes or nothing", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const correlationData = Uint8Array.of(0, 255);
    const options: PublishOptions = {
      retain: true,
      payloadFormatIndicator: 1,
      messageExpiryInterval: 60,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData,
      userProperties: [
        ["k", "1"],
        ["k", "2"],
      ],
    };
    void client.publish("a", "ü", options);
    void client.publish("b", Uint8Array.of(1, 2), { qos: 1 }).catch(() => {});
    void client.publish("c");
    const { properties } = await connection.expect({ type: Publish, topic: "a", payload: "ü", retain: true });
    expect(properties.toObject()).toEqual({
      payloadFormatIndicator: 1,
      messageExpiryInterval: 60,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData,
      userProperties: [
        ["k", "1"],
        ["k", "2"],
      ],
    });
    await connection.expect({ type: Publish, topic: "b", payload: Uint8Array.of(1, 2) });
    await connection.expect({ type: Publish, topic: "c", payload: "" });
    await bench.end(client);
  });

  it("sends no Subscription Identifier, whatever object its options are [MQTT-3.3.4-6]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send(publish("in", "x", { properties: { subscriptionIdentifiers: [5], contentType: "c" } }));
    const forwarded = { subscriptionIdentifier: 5, subscriptionIdentifiers: [5], contentType: "c" };
    void client.publish("t", "", forwarded);
    const { properties } = await connection.expect(Publish);
    expect(properties.toObject()).toEqual({ contentType: "c" });
    await bench.end(client);
  });

  it("is refused with a typed error that ends the exchange for good; 0x10 is success [parity 72] [MQTT-4.4.0-2]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const one = follow(client.publish("a", "", { qos: 1 }));
    const two = follow(client.publish("b", "", { qos: 2 }));
    const none = follow(client.publish("c", "", { qos: 1 }));
    const other = follow(client.publish("d", "", { qos: 2 }));
    await bench.clock.settle();
    connection.discard();
    connection.send({ ...puback(1, 0x87), properties: { reasonString: "no", userProperties: [["a", "b"]] } });
    connection.send(pubrec(2, 0x97), puback(3, 0x10), pubrec(4, 0x80));
    await connection.expectNone({ within: 100 });
    expect(one.error).toMatchObject({
      name: "ReasonCodeError",
      code: "NOT_AUTHORIZED",
      delivery: "refused",
      packet: "PUBACK",
      reasonCode: 0x87,
      reasonString: "no",
      userProperties: [["a", "b"]],
    } satisfies Partial<ReasonCodeError>);
    expect(two.error).toMatchObject({
      code: "QUOTA_EXCEEDED",
      packet: "PUBREC",
      reasonCode: 0x97,
      delivery: "refused",
    });
    expect(none.value).toMatchObject({ reasonCode: 0x10 });
    expect(other.error).toMatchObject({ code: "REFUSED", reasonCode: 0x80 });
    const next = await bench.reconnect(connection);
    await next.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("rejects with NOT_CONNECTED and sends nothing while there is no connection [parity 69]", async () => {
    const bench = new Bench();
    const client = bench.client();
    const attempts = () => [0, 1, 2].map((qos) => follow(client.publish("t", "", { qos: qos as 0 | 1 | 2 })));
    const early = attempts();
    const connecting = client.connect();
    const dialling = attempts();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    connection.cut();
    await bench.clock.settle();
    expect(client.state.status).toBe("waiting");
    const waiting = attempts();
    const next = await bench.peer.acceptConnect();
    await next.expectNone({ within: 1000 });
    const ending = client.disconnect();
    const leaving = attempts();
    await bench.clock.run(ending);
    const closed = attempts();
    await bench.clock.settle();
    await next.expect(Disconnect);
    await next.expectNone();
    for (const outcome of [...early, ...dialling, ...waiting, ...closed, ...leaving]) {
      expect(outcome.status).toBe("rejected");
      expect(outcome.error).toMatchObject({ delivery: "not-sent" });
    }
    for (const outcome of [...early, ...dialling, ...waiting, ...closed]) {
      expect(codeOf(outcome.error)).toBe("NOT_CONNECTED");
    }
  });

  it("checks Maximum QoS, Retain Available and Maximum Packet Size before anything is sent [parity 70] [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]", async () => {
    const bench = new Bench();
    const properties = { maximumQoS: 1 as const, retainAvailable: false, maximumPacketSize: 30 };
    const { client, connection } = await bench.connect({}, { connack: { properties } });
    const size = (topic: string, qos: 0 | 1, payload: string): number =>
      encode(publish(topic, payload, { qos, packetId: qos })).length;
    const two = follow(client.publish("t", "", { qos: 2 }));
    const retained = follow(client.publish("t", "", { retain: true }));
    const large = [0, 1].map((qos) => follow(client.publish("t", "x".repeat(30), { qos: qos as 0 | 1 })));
    await connection.expectNone({ within: 10 });
    expect(two.error).toMatchObject({ code: "QOS_NOT_SUPPORTED", field: "qos", value: 2, delivery: "not-sent" });
    expect(retained.error).toMatchObject({ code: "RETAIN_NOT_SUPPORTED", field: "retain", delivery: "not-sent" });
    for (const { error } of large) expect(error).toMatchObject({ code: "PACKET_TOO_LARGE", delivery: "not-sent" });
    // To the byte, whatever the packet consists of.
    for (const qos of [0, 1] as const) {
      const room = 30 - size("t", qos, "");
      const over = follow(client.publish("t", "x".repeat(room + 1), { qos }));
      const exact = follow(client.publish("t", "x".repeat(room), { qos }));
      const wide = follow(client.publish("ü", "x".repeat(room), { qos }));
      const { packetId, payload } = await connection.expect({ type: Publish, qos });
      expect(payload.length).toBe(room);
      if (qos === 1) connection.send(puback(packetId));
      await connection.expectNone({ within: 10 });
      expect([over, exact, wide].map(({ status }) => status)).toEqual(["rejected", "resolved", "rejected"]);
    }
    const named = follow(client.publish("t", "", { contentType: "x".repeat(30) }));
    await connection.expectNone({ within: 10 });
    expect(codeOf(named.error)).toBe("PACKET_TOO_LARGE");
    // Nothing was leaked by the refused ones.
    expect(client.stats()).toMatchObject({ publishesInflight: 0, sendQuota: 65_535 });
    await bench.end(client);
  });

  it("lowers the QoS to the broker's maximum if told to [parity 71]", async () => {
    for (const maximumQoS of [0, 1] as const) {
      const bench = new Bench();
      const { client, connection } = await bench.connect(
        { qosDowngrade: true },
        { connack: { properties: { maximumQoS } } },
      );
      const sent = follow(client.publish("t", "", { qos: 2 }));
      const { packetId } = await connection.expect({ type: Publish, qos: maximumQoS, packetId: maximumQoS });
      if (maximumQoS === 1) connection.send(puback(packetId));
      await bench.clock.settle();
      expect(sent.value).toMatchObject({ reasonCode: 0 });
      await bench.end(client);
    }
  });

  it("aborted before the first sending is withdrawn, later it may still be delivered [parity 74]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 1 } } });
    const controller = new AbortController();
    const { signal } = controller;
    const sent = follow(client.publish("sent", "", { qos: 1, signal }));
    const queued = follow(client.publish("queued", "", { qos: 1, signal }));
    const next = follow(client.publish("next", "", { qos: 1 }));
    await connection.expect({ type: Publish, topic: "sent" });
    controller.abort(new Error("enough"));
    await bench.clock.settle();
    expect(sent.error).toMatchObject({ name: "AbortError", code: "ABORTED", delivery: "unknown" });
    expect(queued.error).toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    expect((queued.error as Error).cause).toMatchObject({ message: "enough" });
    // What was sent stays in the session: its slot and its resending too.
    await connection.expectNone({ within: 10 });
    const again = await bench.reconnect(connection, { properties: { receiveMaximum: 1 } });
    const { packetId } = await again.expect({ type: Publish, topic: "sent", duplicate: true });
    again.send(puback(packetId));
    const last = await again.expect({ type: Publish, topic: "next", duplicate: false });
    again.send(puback(last.packetId));
    await again.expectNone({ within: 10 });
    expect(next.status).toBe("resolved");
    // A signal aborted before: nothing is sent at any QoS.
    const late = [0, 1, 2].map((qos) => follow(client.publish("late", "", { qos: qos as 0 | 1 | 2, signal })));
    await again.expectNone({ within: 10 });
    for (const { error } of late) expect(error).toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    await bench.end(client);
  });

  it("stops waiting when its time is up, as if aborted", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 1 } } });
    const sent = follow(client.publish("sent", "", { qos: 2, timeout: 500 }));
    const queued = follow(client.publish("queued", "", { qos: 1, timeout: 500 }));
    const quick = follow(client.publish("quick", "", { qos: 0, timeout: 500 }));
    await bench.clock.advance(499);
    expect([sent.status, queued.status, quick.status]).toEqual(["pending", "pending", "resolved"]);
    await bench.clock.advance(1);
    expect(sent.error).toMatchObject({ name: "TimeoutError", code: "TIMEOUT", delivery: "unknown" });
    expect(queued.error).toMatchObject({ code: "TIMEOUT", delivery: "not-sent" });
    connection.discard();
    connection.send(pubrec(1));
    await connection.expect(Pubrel);
    connection.send(pubcomp(1));
    await connection.expectNone({ within: 10 });
    await bench.end(client);
  });

  it("leaves no listener on its signal", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const sent = follow(client.publish("t", "", { qos: 1, signal, timeout: 1000 }));
    const refused = follow(client.publish("t", "", { qos: 1, signal, timeout: 1000 }));
    const late = follow(client.publish("t", "", { qos: 1, signal, timeout: 1000 }));
    expect(listeners).toBe(3);
    await bench.clock.settle();
    connection.send(puback(1), puback(2, 0x80));
    await bench.clock.settle();
    expect(listeners).toBe(1);
    await bench.clock.advance(1000);
    expect([sent.status, codeOf(refused.error), codeOf(late.error)]).toEqual(["resolved", "REFUSED", "TIMEOUT"]);
    expect(listeners).toBe(0);
    await bench.end(client);
  });

  it("QoS 1 and 2 never overtake an earlier QoS 0, whatever its size [parity 76]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sizes = [0, 70_000, 10, 65_536, 3, 200_000, 65_535];
    for (const [index, size] of sizes.entries()) {
      void client.publish(`zero/${index}`, "x".repeat(size));
      void client.publish(`one/${index}`, "y".repeat(size), { qos: index % 2 === 0 ? 1 : 2 }).catch(() => {});
    }
    for (const [index, size] of sizes.entries()) {
      const zero = await connection.expect({ type: Publish, topic: `zero/${index}` });
      const one = await connection.expect({ type: Publish, topic: `one/${index}` });
      expect([zero.payload.length, one.payload.length]).toEqual([size, size]);
    }
    await bench.end(client);
  });

  it("sends no Topic Alias where the broker takes none [MQTT-3.2.2-18]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    await expect(client.publish("t", "", { topicAlias: 1 })).rejects.toMatchObject({ code: "TOPIC_ALIAS_INVALID" });
    await connection.expectNone();
    await bench.end(client);
  });

  it("that expired while it waited for the broker is not sent [parity 79]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { keepAlive: false },
      { connack: { properties: { receiveMaximum: 1 } } },
    );
    void client.publish("first", "", { qos: 1 });
    const expired = follow(client.publish("old", "", { qos: 1, messageExpiryInterval: 5 }));
    const fresh = follow(client.publish("new", "", { qos: 1, messageExpiryInterval: 10 }));
    await connection.expect({ type: Publish, topic: "first" });
    await bench.clock.advance(5000);
    connection.send(puback(1));
    const { packetId } = await connection.expect({
      type: Publish,
      topic: "new",
      properties: { messageExpiryInterval: 5 },
    });
    connection.send(puback(packetId));
    await bench.clock.settle();
    expect(expired.error).toMatchObject({ code: "MESSAGE_EXPIRED", delivery: "not-sent" });
    expect(fresh.status).toBe("resolved");
    await bench.end(client);
  });

  it("a QoS 0 message is sent once and never again [MQTT-4.3.1-1] [MQTT-3.3.1-2]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    void client.publish("t");
    await connection.expect(encode(publish("t", "")));
    const next = await bench.reconnect(connection);
    await next.expectNone({ within: 1000 });
    await bench.end(client);
  });

  it("forgets withdrawn messages even while the broker takes none", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { keepAlive: false },
      { connack: { properties: { receiveMaximum: 1 } } },
    );
    const first = follow(client.publish("first", "", { qos: 1 }));
    for (let round = 0; round < 50; round++) {
      for (let n = 0; n < 100; n++) follow(client.publish("t", "x".repeat(100), { qos: 1, timeout: 1 }));
      await bench.clock.advance(1);
    }
    expect(client.stats().publishesInflight).toBe(1);
    const last = follow(client.publish("last", "", { qos: 1 }));
    await connection.expect({ type: Publish, topic: "first" });
    connection.send(puback(1));
    const { packetId } = await connection.expect({ type: Publish, topic: "last" });
    connection.send(puback(packetId));
    await bench.clock.settle();
    expect([first.status, last.status]).toEqual(["resolved", "resolved"]);
    await bench.end(client);
  });
});

describe("the event loop", () => {
  it("a turn's 1,000 publishes leave in few writes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, {});
    let writes = 0;
    const link = connection.remote;
    if (link === undefined) throw new Error("no link");
    const send = link.send.bind(link);
    link.send = (chunk) => {
      writes++;
      return send(chunk);
    };
    const sent = Array.from({ length: 1000 }, (_, index) =>
      follow(client.publish("t", "x".repeat(100), { qos: index % 2 === 0 ? 0 : 1 })),
    );
    for (let index = 0; index < 1000; index++) await connection.expect(Publish);
    expect(writes).toBeLessThanOrEqual(4);
    writes = 0;
    connection.send(...Array.from({ length: 500 }, (_, index) => puback(index + 1)));
    await bench.clock.settle();
    expect(sent.every(({ status }) => status === "resolved")).toBe(true);
    await bench.end(client);
  });

  it("acks of one read leave in one write", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sub = follow(client.subscribeCallback("#", () => {}, { qos: 1 }));
    const { packetId } = await connection.expect(PacketType.Subscribe);
    connection.send({ type: PacketType.Suback, packetId, reasonCodes: [1] });
    await bench.clock.settle();
    expect(sub.status).toBe("resolved");
    let writes = 0;
    const link = connection.remote;
    if (link === undefined) throw new Error("no link");
    const send = link.send.bind(link);
    link.send = (chunk) => {
      writes++;
      return send(chunk);
    };
    connection.send(...Array.from({ length: 100 }, (_, index) => publish("t", "", { qos: 1, packetId: index + 1 })));
    for (let id = 1; id <= 100; id++) await connection.expect(puback(id));
    expect(writes).toBe(1);
    await bench.end(client);
  });

  it("an endless loop of awaited QoS 0 publishes holds back neither timers, pings nor messages by 50 ms [decision 16]", async () => {
    const clock = new VirtualClock();
    const pings: number[] = [];
    const onPacket = ({ packet }: PacketEvent): void => {
      if (packet.type === Pingreq) pings.push(clock.now());
    };
    const broker = new TestBroker({ clock, onPacket });
    const transport = broker.transport({ latency: 1 });
    const client = new Client({ broker: "mqtt://test", transport, clock, keepAlive: 1 });
    await clock.run(client.connect());
    const start = clock.now();
    const delays: number[] = [];
    await clock.run(
      client.subscribeCallback("in", (message) => void delays.push(clock.now() - Number(message.text()))),
    );
    let published = 0;
    const loop = (async () => {
      for (; clock.now() < start + 3600; published++) await client.publish("out", new Uint8Array(16_384));
    })();
    const late: number[] = [];
    for (let due = 500; due <= 3000; due += 500) {
      clock.schedule(due, () => {
        late.push(clock.now() - start - due);
        if (due === 500) broker.publish("in", String(clock.now()));
      });
    }
    await clock.run(loop);
    expect(published).toBeGreaterThan(5000);
    expect(Math.max(...late)).toBeLessThanOrEqual(50);
    expect(late).toHaveLength(6);
    expect(delays).toHaveLength(1);
    expect(delays[0]).toBeLessThanOrEqual(50);
    // Nothing comes in but PINGRESP and one message: after a second of silence at the latest a PINGREQ has left.
    for (const [index, at] of pings.entries()) expect(at - (pings[index - 1] ?? start + 500)).toBeLessThanOrEqual(1050);
    expect(pings).toHaveLength(3);
    expect(client.state.status).toBe("connected");
    await clock.run(client.disconnect());
  });

  it("callers wait while the link is full, and all go on when it drains [decision 16]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    connection.remote?.stall();
    const sent = Array.from({ length: 40 }, () => follow(client.publish("t", "x".repeat(10_000))));
    await bench.clock.advance(5000);
    expect(sent.some(({ status }) => status === "pending")).toBe(true);
    const late = follow(client.publish("t", "late"));
    await bench.clock.advance(5000);
    expect(late.status).toBe("pending");
    connection.remote?.unstall();
    await bench.clock.settle();
    expect([...sent, late].every(({ status }) => status === "resolved")).toBe(true);
    await bench.end(client);
  });

  it("callers who wait for a full link settle when it is cut", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    connection.remote?.stall();
    const sent = Array.from({ length: 40 }, () => follow(client.publish("t", "x".repeat(10_000))));
    await bench.clock.settle();
    connection.cut(new Error("reset"));
    await bench.clock.settle();
    expect(sent.every(({ status }) => status !== "pending")).toBe(true);
    await bench.end(client);
  });

  it("a keep-alive answer is asked for while a publish loop runs", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 1, pingTimeout: 500 });
    let pings = 0;
    for (let elapsed = 0; elapsed < 3000; elapsed += 50) {
      void client.publish("t", "x");
      await bench.clock.advance(50);
      for (;;) {
        const packet = await connection.next({ within: 0 }).catch(() => undefined);
        if (packet === undefined) break;
        if (packet.type !== Pingreq) continue;
        pings++;
        connection.send({ type: PacketType.Pingresp });
      }
    }
    expect(client.state.status).toBe("connected");
    expect(pings).toBe(3);
    await bench.end(client);
  });
});
