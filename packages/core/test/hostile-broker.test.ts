// SPDX-License-Identifier: Apache-2.0
import { encode, encodeUtf8, PacketType } from "@mqttv5/wire";
import type { FaultyLink, ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { malformed, valid } from "../../wire/test/byte-table.js";
import { Bench, collect, follow, grant, publish } from "./bench.js";
import { seeded } from "./session-bench.js";

const { Connect, Connack, Disconnect, Pubcomp } = PacketType;

describe("an AUTH that nobody asked for", () => {
  it("is a Protocol Error [parity 61]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    let last = connection;
    for (const reasonCode of [0x00, 0x18]) {
      last.send({ type: PacketType.Auth, reasonCode, properties: { authenticationMethod: "m" } });
      await last.expect({ type: Disconnect, reasonCode: 0x82 });
      await last.expectClosed();
      last = await bench.peer.acceptResume();
      await bench.clock.settle();
    }
    expect(client.stats()).toMatchObject({ protocolErrors: 2, connects: 3 });
    await bench.end(client);
  });
});

describe("malformed bytes on an open connection end it with their code, and the client reconnects [parity 172]", () => {
  const rows = malformed.filter(({ sender }) => sender !== "client");

  it(`${rows.length} rows of the byte table`, async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumPacketSize: 100_000 });
    let last = connection;
    let ended = 0;
    const wrong: string[] = [];
    for (const { name, bytes, reasonCode } of rows) {
      last.send(bytes);
      // What declares more than there is waits for the rest, and gets it.
      if (!(await bench.clock.until(() => client.state.status !== "connected", 0))) last.send(new Uint8Array(200));
      const answer = await last.next({ within: 1000 }).catch(() => undefined);
      const code = answer?.type === Disconnect ? answer.reasonCode : -1;
      // Packets that only a client sends are wrong before anything in them is.
      const clientOnly = [1, 8, 10, 12].includes((bytes[0] ?? 0) >> 4);
      if (code !== reasonCode && !(clientOnly && code === 0x82)) wrong.push(`${name}: 0x${code.toString(16)}`);
      ended++;
      last.cut();
      last = await bench.peer.acceptResume();
      await bench.clock.settle();
    }
    expect(wrong).toEqual([]);
    expect(ended).toBeGreaterThan(100);
    expect(client.stats()).toMatchObject({ protocolErrors: ended, connects: ended + 1 });
    expect(bench.log.length).toBeGreaterThanOrEqual(ended);
    await bench.end(client);
  });

  it("the same in the first packet fail the connect, with an error that has the code", async () => {
    for (const { bytes, reasonCode } of rows.filter(({ bytes: [first = 0] }) => first >> 4 === Connack)) {
      const bench = new Bench();
      const client = bench.client({ clientId: "" });
      const connecting = follow(client.connect());
      const connection = await bench.peer.accept();
      await connection.expect(Connect);
      connection.send(bytes, new Uint8Array(200));
      await connection.expect({ type: Disconnect, reasonCode });
      await connection.expectClosed();
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({ code: "PROTOCOL_ERROR", reasonCode });
      await bench.end(client);
    }
  });

  it("nothing behind the bad packet is looked at", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("#");
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const { got } = collect(sub);
    connection.send(publish("t", "before"), Uint8Array.of(0x00, 0x00), publish("t", "after"));
    await connection.expect({ type: Disconnect, reasonCode: 0x81 });
    connection.send(publish("t", "later"));
    await connection.expectClosed();
    expect(got).toEqual(["t=before"]);
    await bench.end(client);
  });
});

describe("a packet larger than we take", () => {
  it("ends the connection with 0x95 as soon as its length is known [decision 2]", async () => {
    for (const bytes of [
      [0x30, 0xff, 0xff, 0xff, 0x7f],
      [0x30, 0xe9, 0x07],
    ]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ maximumPacketSize: 1000 });
      connection.sendRaw(...bytes);
      await connection.expect({ type: Disconnect, reasonCode: 0x95 });
      await connection.expectClosed();
      expect(client.stats().protocolErrors).toBe(1);
      await bench.end(client);
    }
  });

  it("does not count its size without the header", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumPacketSize: 100 });
    const exact = publish("t", "x".repeat(100 - encode(publish("t", "")).length));
    expect(encode(exact).length).toBe(100);
    connection.send(exact);
    await connection.expectNone({ within: 10 });
    connection.send(publish("t", "x".repeat(exact.payload.length + 1)));
    await connection.expect({ type: Disconnect, reasonCode: 0x95 });
    await bench.end(client);
  });
});

describe("topic aliases of the broker", () => {
  it("are resolved up to our maximum, remapped, and forgotten with the connection [parity 155] [MQTT-3.3.2-7] [MQTT-3.3.2-10]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ topicAliasMaximum: 10 });
    const subscribing = client.subscribe("#");
    await grant(connection);
    const { got } = collect(await bench.clock.run(subscribing));
    const alias = (topic: string, payload: string, topicAlias: number) =>
      publish(topic, payload, { properties: { topicAlias } });
    connection.send(
      alias("a", "1", 1),
      alias("b", "2", 10),
      alias("", "3", 1),
      alias("", "4", 10),
      alias("c", "5", 1),
      alias("", "6", 1),
    );
    await bench.clock.settle();
    expect(got).toEqual(["a=1", "b=2", "a=3", "b=4", "c=5", "c=6"]);
    const second = await bench.reconnect(connection);
    second.send(alias("", "7", 1));
    await second.expect({ type: Disconnect, reasonCode: 0x82 });
    const third = await bench.peer.acceptResume();
    third.send(alias("d", "8", 11));
    await third.expect({ type: Disconnect, reasonCode: 0x94 });
    const fourth = await bench.peer.acceptResume();
    fourth.sendRaw(0x30, 0x06, 0x00, 0x00, 0x03, 0x23, 0x00, 0x00);
    await fourth.expect({ type: Disconnect, reasonCode: 0x94 });
    expect(got).toHaveLength(6);
    await bench.end(client);
  });

  it("are refused with 0x94 if none were allowed", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send(publish("a", "", { properties: { topicAlias: 1 } }));
    await connection.expect({ type: Disconnect, reasonCode: 0x94 });
    await bench.end(client);
  });
});

describe("a lenient client", () => {
  it("tolerates the two known deviations, with a warning each, a strict one does not", async () => {
    const deviations = [
      [0xd0, 0x80, 0x00], // PINGRESP with a Remaining Length of two bytes
      [0xd1, 0x00], // PINGRESP with a reserved flag
    ];
    for (const lenientDecoding of [true, false]) {
      for (const bytes of deviations) {
        const bench = new Bench();
        const { client, connection } = await bench.connect({ lenientDecoding });
        connection.sendRaw(...bytes);
        await bench.clock.settle();
        expect(client.stats().protocolErrors).toBe(lenientDecoding ? 0 : 1);
        expect(bench.log).toHaveLength(1);
        await bench.end(client);
      }
    }
  });
});

describe("a broker that stays silent, stalls or resets", () => {
  it("in the middle of a packet is noticed by keep-alive", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 10, pingTimeout: 3000 });
    connection.sendRaw(0x30, 0x50, 0x00, 0x01); // the rest never comes
    await bench.clock.advance(13_001);
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "KEEP_ALIVE_TIMEOUT" } });
    // The next connection does not begin with the leftovers.
    const next = await bench.peer.acceptResume();
    next.send({ type: PacketType.Pingresp });
    await bench.clock.settle();
    expect([client.state.status, client.stats().protocolErrors]).toEqual(["connected", 0]);
    await bench.end(client);
  });

  it("with garbage before its reset leaves nothing pending", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const sent = follow(client.publish("t", "", { qos: 1 }));
    await connection.expect(PacketType.Publish);
    (connection.link as FaultyLink).split(1);
    connection.sendRaw(0x40, 0x02, 0x00);
    connection.cut(new Error("reset"));
    const next = await bench.peer.acceptResume();
    await next.expect({ type: PacketType.Publish, duplicate: true });
    next.send({ type: PacketType.Puback, packetId: 1, reasonCode: 0 });
    await bench.clock.settle();
    expect(sent.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("random bytes", () => {
  /** Sends something random on each of many connections; the client has to survive them all. */
  async function survive(
    connections: number,
    hurt: (connection: ScriptedConnection, random: () => number) => void,
  ): Promise<number> {
    const bench = new Bench();
    const { client, connection } = await bench.connect({
      maximumPacketSize: 65_536,
      topicAliasMaximum: 5,
      keepAlive: false,
    });
    const subscribing = client.subscribeCallback("#", () => {}, { qos: 2 });
    await grant(connection);
    await bench.clock.run(subscribing);
    let last = connection;
    const sent = [];
    for (let seed = 1; seed <= connections; seed++) {
      const random = seeded(seed * 104_729);
      if (seed % 10 === 0) sent.push(follow(client.publish("t", "x", { qos: seed % 20 === 0 ? 1 : 2 })));
      hurt(last, random);
      await bench.clock.settle();
      last.cut();
      last = await bench.peer.acceptConnect({ connack: { sessionPresent: random() < 0.7 }, within: 1000 });
      await bench.clock.settle();
    }
    expect(client.state.status).toBe("connected");
    expect(client.stats().connects).toBe(connections + 1);
    await bench.end(client);
    expect(sent.every(({ status }) => status !== "pending")).toBe(true);
    return client.stats().protocolErrors;
  }

  it("never throw, hang or end the client", async () => {
    const errors = await survive(300, (connection, random) => {
      const length = 1 + Math.floor(random() * 300);
      connection.send(Uint8Array.from({ length }, () => Math.floor(random() * 256)));
    });
    expect(errors).toBeGreaterThan(100); // the rest waits for more bytes
  });

  it("in the place of some bytes of good packets never do either", async () => {
    const packets = valid
      .filter(({ bytes: [first = 0] }) => ![1, 2, 8, 10, 12, 14].includes(first >> 4))
      .map(({ bytes }) => bytes);
    expect(packets.length).toBeGreaterThan(10);
    const errors = await survive(600, (connection, random) => {
      for (let n = 0; n < 4; n++) {
        const bytes = (packets[Math.floor(random() * packets.length)] as Uint8Array).slice();
        if (random() < 0.6) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
        connection.send(bytes);
      }
    });
    expect(errors).toBeGreaterThan(200);
    expect(errors).toBeLessThan(600);
  });

  it("split anywhere give the same as whole", async () => {
    for (const size of [1, 2, 3, 7]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      const subscribing = client.subscribe("#", { qos: 2 });
      await grant(connection);
      const { got } = collect(await bench.clock.run(subscribing));
      connection.split(size);
      const messages = Array.from({ length: 20 }, (_, n) =>
        publish(`t/${n}`, String(n).repeat(n * 10), { qos: (n % 3) as 0 | 1 | 2, packetId: n % 3 === 0 ? 0 : n }),
      );
      connection.send(...messages);
      await bench.clock.settle();
      expect(got).toEqual(messages.map(({ topic }, n) => `${topic}=${String(n).repeat(n * 10)}`));
      await bench.end(client);
    }
  });
});

describe("what a broker may not make us keep", () => {
  it("a flood of QoS 0 beyond the buffer is dropped", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("#", { bufferSize: 100 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const chunk = encode(publish("t", "x"));
    const many = new Uint8Array(chunk.length * 1000);
    for (let n = 0; n < 1000; n++) many.set(chunk, n * chunk.length);
    for (let n = 0; n < 20; n++) connection.send(many.slice());
    await bench.clock.settle();
    expect(sub.pending).toBe(100);
    expect(client.stats()).toMatchObject({ inboundPublishes: 20_000, inboundDropped: 19_900 });
    await bench.end(client);
  });

  it("acks of all kinds for all identifiers leave no trace", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    for (let id = 1; id <= 2000; id++) {
      connection.send(
        { type: PacketType.Puback, packetId: id, reasonCode: 0 },
        { type: Pubcomp, packetId: id, reasonCode: 0x92 },
      );
    }
    await bench.clock.settle();
    expect(client.stats().acksIgnored).toBe(4000);
    const sent = follow(client.publish("t", encodeUtf8("x"), { qos: 1 }));
    const { packetId } = await connection.expect(PacketType.Publish);
    expect(packetId).toBe(1);
    connection.send({ type: PacketType.Puback, packetId, reasonCode: 0 });
    await bench.clock.settle();
    expect(sent.status).toBe("resolved");
    await bench.end(client);
  });
});
