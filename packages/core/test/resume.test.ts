// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import {
  Bench,
  BrokerBench,
  codeOf,
  collect,
  confirm,
  follow,
  grant,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
} from "./bench.js";

const { Publish, Pubrel, Subscribe, Unsubscribe, Connect } = PacketType;

/** A broker that takes one publish of a client, naming its steps; on a later connection it goes on where it was. */
async function take(connection: ScriptedConnection, qos: 1 | 2, steps: string[]): Promise<void> {
  const packet = await connection.next();
  if (packet.type === Publish) {
    steps.push(`PUBLISH${packet.duplicate ? " dup" : ""}`);
    connection.step("after PUBLISH");
    connection.send(qos === 1 ? puback(packet.packetId) : pubrec(packet.packetId));
    if (qos === 1) return;
    connection.step("after PUBREC");
    const { packetId } = await connection.expect(Pubrel);
    steps.push("PUBREL");
    connection.step("after PUBREL");
    connection.send(pubcomp(packetId));
  } else if (packet.type === Pubrel) {
    steps.push("PUBREL");
    connection.send(pubcomp(packet.packetId));
  }
}

describe("a publish survives a cut", () => {
  const cases: [1 | 2, string, string[]][] = [
    [1, "after PUBLISH", ["PUBLISH", "PUBLISH dup"]],
    [2, "after PUBLISH", ["PUBLISH", "PUBLISH dup", "PUBREL"]],
    [2, "after PUBREC", ["PUBLISH", "PUBLISH dup", "PUBREL"]],
    [2, "after PUBREL", ["PUBLISH", "PUBREL", "PUBREL"]],
  ];

  for (const [qos, step, expected] of cases) {
    it(`at QoS ${qos} ${step} [parity 73] [MQTT-3.3.1-1]`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      bench.peer.at(step, (at) => {
        bench.peer.at(step, () => {});
        at.cut();
      });
      const sent = follow(client.publish("t", "hi", { qos }));
      const steps: string[] = [];
      expect(await bench.peer.play(connection, (at) => take(at, qos, steps))).toBe(step);
      await bench.clock.settle();
      expect(sent.status).toBe("pending");
      const next = await bench.peer.acceptResume();
      expect(await bench.peer.play(next, (at) => take(at, qos, steps))).toBeUndefined();
      await bench.clock.settle();
      expect(sent.value).toMatchObject({ reasonCode: 0 });
      expect(steps).toEqual(expected);
      await bench.end(client);
    });
  }

  it("that comes after PUBREC arrived: PUBREL alone is sent again [MQTT-4.3.3-5] [MQTT-4.3.3-6]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = follow(client.publish("t", "hi", { qos: 2 }));
    const { packetId } = await connection.expect(Publish);
    connection.remote?.stall(); // PUBREL will not arrive
    connection.send(pubrec(packetId));
    await bench.clock.settle();
    const next = await bench.reconnect(connection);
    await next.expect(pubrel(packetId));
    next.send(pubcomp(packetId, 0x92));
    await next.expectNone({ within: 100 });
    expect(sent.value).toMatchObject({ reasonCode: 0 });
    await bench.end(client);
  });

  it("that comes before a byte of it was written: it goes without DUP", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 1 } } });
    const first = follow(client.publish("first", "", { qos: 1 }));
    const second = follow(client.publish("second", "", { qos: 2 }));
    await connection.expect({ type: Publish, topic: "first" });
    const next = await bench.reconnect(connection);
    await next.expect({ type: Publish, topic: "first", duplicate: true, packetId: 1 });
    await next.expect({ type: Publish, topic: "second", duplicate: false, packetId: 2 });
    next.send(puback(1), pubrec(2));
    await next.expect(pubrel(2));
    next.send(pubcomp(2));
    await bench.clock.settle();
    expect([first.status, second.status]).toEqual(["resolved", "resolved"]);
    await bench.end(client);
  });

  it("several times over, and each time it is sent once with the same bytes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = follow(
      client.publish("t", "hi", { qos: 1, messageExpiryInterval: 3600, userProperties: [["a", "b"]] }),
    );
    const packet = await connection.expect(Publish);
    const frame = packet.buffer.slice(packet.start, packet.end);
    frame[0] = (frame[0] as number) | 8;
    let last = connection;
    for (let round = 0; round < 5; round++) {
      last = await bench.reconnect(last);
      await last.expect(frame);
      await last.expectNone({ within: 1000 });
    }
    last.send(puback(packet.packetId));
    await bench.clock.settle();
    expect(sent.status).toBe("resolved");
    expect(client.stats()).toMatchObject({ publishesSent: 1, publishesReplayed: 5, publishesAcked: 1, connects: 6 });
    await bench.end(client);
  });

  it("also for what is published while the replay is under way", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 2 } } });
    const sent = [1, 2, 3, 4].map((n) => follow(client.publish(`old/${n}`, "", { qos: 1 })));
    await bench.clock.settle();
    const second = await bench.reconnect(connection, { properties: { receiveMaximum: 2 } });
    await second.expect({ type: Publish, topic: "old/1" });
    sent.push(follow(client.publish("new", "", { qos: 1 })));
    const third = await bench.reconnect(second);
    for (const topic of ["old/1", "old/2", "old/3", "old/4", "new"]) {
      const { packetId } = await third.expect({ type: Publish, topic });
      third.send(puback(packetId));
    }
    await third.expectNone({ within: 100 });
    expect(sent.every(({ status }) => status === "resolved")).toBe(true);
    await bench.end(client);
  });

  it("and replays 50 of them within the broker's window, not one a round trip", async () => {
    const bench = new BrokerBench();
    const client = await bench.connect();
    const link = bench.broker.transport({ latency: 10 });
    expect(link).toBeDefined();
    const sent = Array.from({ length: 50 }, (_, n) => follow(client.publish(`t/${n}`, "", { qos: 1 })));
    bench.broker.drop();
    const start = bench.clock.now();
    await bench.clock.until(() => sent.every(({ status }) => status === "resolved"));
    expect(bench.clock.now() - start).toBeLessThan(200); // 100 ms of them are the backoff
    await bench.clock.run(client.disconnect());
  });
});

describe("a lost session", () => {
  it("has everything published again as new in the original order [parity 93]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = [
      follow(client.publish("a", "", { qos: 2 })),
      follow(client.publish("b", "", { qos: 1 })),
      follow(client.publish("c", "", { qos: 2 })),
    ];
    for (let n = 0; n < 3; n++) await connection.expect(Publish);
    connection.send(pubrec(1));
    await connection.expect(pubrel(1));
    const next = await bench.reconnect(connection, { sessionPresent: false });
    for (const topic of ["a", "b", "c"]) {
      const { packetId, qos } = await next.expect({ type: Publish, topic, duplicate: false });
      next.send(qos === 1 ? puback(packetId) : pubrec(packetId));
    }
    for (let n = 0; n < 2; n++) next.send(pubcomp((await next.expect(Pubrel)).packetId));
    await next.expectNone({ within: 100 });
    expect(sent.every(({ status }) => status === "resolved")).toBe(true);
    await bench.end(client);
  });

  it("fails what was in flight with SESSION_LOST if told to, and keeps what was never sent [parity 94]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { sessionLossPolicy: "fail" },
      { connack: { properties: { receiveMaximum: 1 } } },
    );
    const sent = follow(client.publish("sent", "", { qos: 2 }));
    const queued = follow(client.publish("queued", "", { qos: 1 }));
    await connection.expect(Publish);
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { packetId } = await next.expect({ type: Publish, topic: "queued", duplicate: false });
    next.send(puback(packetId));
    await next.expectNone({ within: 100 });
    expect(sent.error).toMatchObject({ code: "SESSION_LOST", delivery: "unknown" });
    expect(queued.status).toBe("resolved");
    await bench.end(client);
  });

  it("has what the new broker does not take fail with the reason [parity 96]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    const sent = [
      follow(client.publish("qos", "", { qos: 2 })),
      follow(client.publish("retain", "", { qos: 1, retain: true })),
      follow(client.publish("size", "x".repeat(100), { qos: 1 })),
      follow(client.publish("expired", "", { qos: 1, messageExpiryInterval: 1 })),
      follow(client.publish("fine", "", { qos: 1 })),
    ];
    await bench.clock.advance(1000);
    const properties = { maximumQoS: 1 as const, retainAvailable: false, maximumPacketSize: 60 };
    const next = await bench.reconnect(connection, { sessionPresent: false, properties });
    const { packetId } = await next.expect({ type: Publish, topic: "fine" });
    next.send(puback(packetId));
    await next.expectNone({ within: 100 });
    expect(sent.map(({ error }) => codeOf(error))).toEqual([
      "QOS_NOT_SUPPORTED",
      "RETAIN_NOT_SUPPORTED",
      "PACKET_TOO_LARGE",
      "MESSAGE_EXPIRED",
      undefined,
    ]);
    expect(client.stats().publishesInflight).toBe(0);
    await bench.end(client);
  });

  it("makes acks of its messages do nothing, and its identifiers new [parity 95]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("#", { qos: 2 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const held: (() => void)[] = [];
    const { got } = collect(sub, (message) => held.push(() => message.ack()));
    connection.send(publish("a", "1", { qos: 1, packetId: 1 }), publish("a", "2", { qos: 2, packetId: 2 }));
    await bench.clock.settle();
    const next = await bench.reconnect(connection, { sessionPresent: false });
    await grant(next);
    for (const settle of held.splice(0)) settle();
    await next.expectNone({ within: 100 });
    next.send(publish("a", "3", { qos: 1, packetId: 1 }), publish("a", "4", { qos: 2, packetId: 2 }));
    await bench.clock.settle();
    expect(got).toEqual(["a=1", "a=2", "a=3", "a=4"]);
    for (const settle of held.splice(0)) settle();
    await next.expect(puback(1));
    await next.expect(pubrec(2));
    await bench.end(client);
  });
});

describe("acks across a cut", () => {
  it("given while disconnected leave on resume, as the broker resends; nothing is delivered twice [parity 98, 100]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("#", { qos: 2 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const held: (() => void)[] = [];
    const { got } = collect(sub, (message) => held.push(() => message.ack()));
    connection.send(
      publish("a", "1", { qos: 1, packetId: 1 }),
      publish("a", "2", { qos: 2, packetId: 2 }),
      publish("a", "3", { qos: 1, packetId: 3 }),
    );
    await bench.clock.settle();
    connection.cut();
    await bench.clock.settle();
    held[1]?.();
    held[0]?.();
    const next = await bench.peer.acceptResume();
    await next.expectNone({ within: 100 });
    next.send(
      publish("a", "1", { qos: 1, packetId: 1, duplicate: true }),
      publish("a", "2", { qos: 2, packetId: 2, duplicate: true }),
      publish("a", "3", { qos: 1, packetId: 3, duplicate: true }),
    );
    await next.expect(puback(1));
    await next.expect(pubrec(2));
    await next.expectNone({ within: 100 });
    held[2]?.();
    await next.expect(puback(3));
    next.send(pubrel(2));
    await next.expect(pubcomp(2));
    expect(got).toEqual(["a=1", "a=2", "a=3"]);
    expect(client.stats().inboundDuplicates).toBe(3);
    await bench.end(client);
  });

  it("given while disconnected, of what the broker does not resend, leave when it has answered a PINGREQ", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const queueing = client.subscribeQueue("#", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    connection.send(publish("a", "1", { qos: 1, packetId: 1 }));
    await bench.clock.settle();
    connection.cut();
    await bench.clock.settle();
    queue.tryDequeue()?.ack();
    const next = await bench.peer.acceptResume();
    await next.expect(PacketType.Pingreq, { within: 31_000 });
    next.send({ type: PacketType.Pingresp });
    await next.expect(puback(1));
    await bench.end(client);
  });

  it("a QoS 2 message is delivered once, wherever the line is cut [MQTT-4.3.3-10]", async () => {
    for (const cutAfter of ["PUBLISH", "PUBREC", "PUBREL"]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      const subscribing = client.subscribe("#", { qos: 2 });
      await grant(connection);
      const { got } = collect(await bench.clock.run(subscribing));
      if (cutAfter === "PUBLISH") connection.remote?.stall(); // the PUBREC is lost
      connection.send(publish("a", "1", { qos: 2, packetId: 9 }));
      if (cutAfter !== "PUBLISH") await connection.expect(pubrec(9));
      else await bench.clock.settle();
      if (cutAfter === "PUBREL") {
        connection.remote?.stall(); // the PUBCOMP is lost
        connection.send(pubrel(9));
        await bench.clock.settle();
      }
      const next = await bench.reconnect(connection);
      if (cutAfter === "PUBREL") {
        next.send(pubrel(9));
        await next.expect(pubcomp(9, 0x92));
      } else {
        next.send(publish("a", "1", { qos: 2, packetId: 9, duplicate: true }));
        await next.expect(pubrec(9));
        next.send(pubrel(9));
        await next.expect(pubcomp(9));
      }
      await next.expectNone({ within: 100 });
      expect(got).toEqual(["a=1"]);
      await bench.end(client);
    }
  });
});

describe("a SUBSCRIBE or UNSUBSCRIBE under way", () => {
  it("is asked again after each cut, and settles once", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe("a/#", { qos: 1 }));
    const first = await connection.expect(Subscribe);
    const second = await bench.reconnect(connection);
    const again = await second.expect(Subscribe);
    const third = await bench.reconnect(second);
    const last = await third.expect(Subscribe);
    const identifiers = [first, again, last].map(({ properties }) => properties.toObject().subscriptionIdentifier);
    expect(new Set(identifiers).size).toBe(3);
    expect(subscribing.status).toBe("pending");
    third.send({ type: PacketType.Suback, packetId: last.packetId, reasonCodes: [1] });
    await third.expectNone({ within: 100 });
    expect(subscribing.value?.granted).toEqual([{ filter: "a/#", reasonCode: 1 }]);
    // Confirmed: with the session still there it is not asked again.
    const fourth = await bench.reconnect(third);
    await fourth.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("several are asked again in their order [parity 136]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("old");
    await grant(connection);
    const old = await bench.clock.run(subscribing);
    const one = follow(client.subscribe("one"));
    const gone = follow(old.unsubscribe());
    const two = follow(client.subscribe("two"));
    await bench.clock.settle();
    const next = await bench.reconnect(connection);
    await grant(next);
    await confirm(next);
    const { subscriptions } = await grant(next);
    expect(subscriptions[0]?.filter).toBe("two");
    await next.expectNone({ within: 100 });
    expect([one.status, gone.status, two.status]).toEqual(["resolved", "resolved", "resolved"]);
    await bench.end(client);
  });

  it("an UNSUBSCRIBE asked while disconnected leaves on the next connection [parity 135]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe(["a", "b"]);
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    connection.cut();
    await bench.clock.settle();
    const gone = follow(sub.unsubscribe());
    const offline = follow(client.subscribe("c"));
    await bench.clock.settle();
    expect(gone.status).toBe("pending");
    expect(offline.error).toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
    const next = await bench.peer.acceptResume();
    expect((await confirm(next)).filters).toEqual(["a", "b"]);
    await next.expectNone({ within: 100 });
    expect(gone.status).toBe("resolved");
    await bench.end(client);
  });

  it("a pending UNSUBSCRIBE succeeds unsent when the session is lost, and the rest is made again oldest first [parity 137]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subs = [];
    for (const filter of ["a", "b", "c"]) {
      const subscribing = client.subscribe(filter, { qos: 1 });
      await grant(connection);
      subs.push(await bench.clock.run(subscribing));
    }
    const gone = follow(subs[1]?.unsubscribe() as Promise<void>);
    await connection.expect(Unsubscribe);
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const again = [await grant(next), await grant(next)].map(({ subscriptions }) => subscriptions[0]?.filter);
    expect(again).toEqual(["a", "c"]);
    await next.expectNone({ within: 100 });
    expect(gone.status).toBe("resolved");
    await bench.end(client);
  });

  it("of nobody any more is not asked again in a new session", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe("a"); // declared before the connection
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    await connection.expect(Subscribe);
    const gone = follow(sub.unsubscribe());
    await connection.expect(Unsubscribe);
    const next = await bench.reconnect(connection, { sessionPresent: false });
    await next.expectNone({ within: 100 });
    expect(gone.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("the session belongs to the client", () => {
  it("a disconnect and a new connect go on with it if the broker keeps it [MQTT-3.1.2-23]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = follow(client.publish("t", "", { qos: 2 }));
    await connection.expect(Publish);
    await bench.clock.run(client.disconnect());
    expect(sent.error).toMatchObject({ code: "CLOSED", delivery: "unknown" });
    const connecting = client.connect();
    const next = await bench.peer.accept();
    await next.expect({ type: Connect, cleanStart: false });
    next.send({ type: PacketType.Connack, sessionPresent: true, reasonCode: 0 });
    await bench.clock.run(connecting);
    await next.expect({ type: Publish, duplicate: true, packetId: 1 });
    next.send(pubrec(1));
    await next.expect(pubrel(1));
    next.send(pubcomp(1));
    await next.expectNone({ within: 100 });
    expect(client.stats().publishesInflight).toBe(0);
    await bench.end(client);
  });

  it("a broker that restarts loses nothing of QoS 1 and 2, in both directions", async () => {
    const bench = new BrokerBench();
    const client = await bench.connect({ clientId: "sender" });
    const receiver = await bench.connect({ clientId: "receiver" });
    const sub = await bench.clock.run(receiver.subscribe("t/#", { qos: 2 }));
    const { got } = collect(sub);
    const sent = Array.from({ length: 200 }, (_, n) =>
      follow(client.publish(`t/${n}`, "", { qos: n % 2 === 0 ? 1 : 2 })),
    );
    for (let round = 0; round < 5; round++) {
      for (let turns = 0; turns < 20; turns++) await bench.clock.until(() => true);
      await bench.clock.run(bench.broker.restart());
    }
    await bench.clock.until(() => got.length >= 200 && sent.every(({ status }) => status === "resolved"), 5000);
    expect(sent.every(({ status }) => status === "resolved")).toBe(true);
    expect(new Set(got).size).toBe(200);
    const twos = got.filter((text) => Number(/\d+/.exec(text)?.[0]) % 2 === 1);
    expect(twos.length).toBe(new Set(twos).size);
    await bench.clock.run(Promise.all([client.disconnect(), receiver.disconnect()]));
  });
});
