// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, type DecodedConnect, PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { type Client, type ClientOptions, MqttError, type Transport } from "../src/index.js";
import { fnv1a } from "../src/publisher-pool.js";
import { Bench, BrokerBench, codeOf, follow, puback } from "./bench.js";

const { Connect, Connack, Publish } = PacketType;

/** A bench whose connections are told apart by their Client Identifier. */
class PoolBench extends Bench {
  readonly connects: DecodedConnect[] = [];

  /** Accepts so many connections, whatever their order. */
  async take(count: number): Promise<Record<string, ScriptedConnection>> {
    const taken: Record<string, ScriptedConnection> = {};
    for (let n = 0; n < count; n++) {
      const connection = await this.peer.accept();
      const packet = await connection.expect(Connect);
      this.connects.push(packet);
      taken[packet.clientId] = connection;
      connection.send({ type: Connack, sessionPresent: false, reasonCode: 0 });
    }
    await this.clock.settle();
    return taken;
  }

  async pool(
    options: Partial<ClientOptions> = {},
  ): Promise<{ client: Client } & Record<"main" | "a" | "b", ScriptedConnection>> {
    const client = this.client({ publisherPool: { size: 2 }, ...options });
    const connecting = this.clock.run(client.connect());
    const taken = await this.take(3);
    await connecting;
    const [main, a, b] = ["client", "client-pub-1", "client-pub-2"].map((id) => taken[id]);
    return { client, main: main as ScriptedConnection, a: a as ScriptedConnection, b: b as ScriptedConnection };
  }
}

/** Who published what, as the broker saw it. */
function watched(options: { refuse?: string } = {}): { bench: BrokerBench; seen: string[]; connects: ConnectPacket[] } {
  const seen: string[] = [];
  const connects: ConnectPacket[] = [];
  const bench = new BrokerBench({
    assignClientIdentifiers: true,
    onPacket({ direction, clientId, packet }) {
      if (direction !== "received") return;
      if (packet.type === Connect) connects.push(packet);
      if (packet.type === Publish) seen.push(`${clientId} ${packet.topic}`);
    },
    authenticate: ({ clientId }) => (options.refuse !== undefined && clientId === options.refuse ? 0x87 : 0),
  });
  return { bench, seen, connects };
}

describe("a publisher pool", () => {
  it("has clean members whose session ends with the connection, with suffixed identifiers, no Will and no callbacks [parity 173]", async () => {
    const bench = new PoolBench();
    const calls: string[] = [];
    const { client, main, a, b } = await bench.pool({
      username: "me",
      will: { topic: "gone" },
      sessionExpiryInterval: 600,
      cleanStart: false,
      onConnectionUp: () => calls.push("up"),
      onConnectionDown: () => void calls.push("down"),
      onConnectError: () => calls.push("error"),
    });
    expect(bench.connects.map(({ clientId }) => clientId)).toEqual(["client", "client-pub-1", "client-pub-2"]);
    expect(bench.connects[0]).toMatchObject({ cleanStart: false, properties: { sessionExpiryInterval: 600 } });
    expect(bench.connects[0]?.will?.topic).toBe("gone");
    for (const packet of bench.connects.slice(1)) {
      expect(packet).toMatchObject({ cleanStart: true, username: "me", keepAlive: 30 });
      expect([packet.will, packet.properties?.sessionExpiryInterval]).toEqual([undefined, undefined]);
    }
    a.cut();
    await bench.take(1);
    expect([calls, client.state.status, client.stats().disconnects]).toEqual([["up"], "connected", 0]);
    await Promise.all([main.expectNone(), b.expectNone()]);
    await bench.end(client);
  });

  it("of a client without an identifier goes by the assigned one; the application may name its publishers", async () => {
    const { bench, connects } = watched();
    const client = await bench.connect({ clientId: "", publisherPool: { size: 1 } });
    expect(connects.map(({ clientId }) => clientId)).toEqual(["", `${client.clientId}-pub-1`]);
    await bench.clock.run(client.disconnect());
    const named = await bench.connect({
      publisherPool: { size: 2, clientId: (parent, index) => `${index} of ${parent}` },
    });
    expect(connects.slice(3).map(({ clientId }) => clientId)).toEqual(["1 of client", "2 of client"]);
    await bench.clock.run(named.disconnect());
  });

  it("publishes on one after the other, at every QoS [parity 174]", async () => {
    const { bench, seen } = watched();
    const client = await bench.connect({ publisherPool: { size: 3 } });
    for (const qos of [0, 1, 2, 0] as const) {
      await bench.clock.run(client.publish(`t${qos}`, "x", { qos }));
      await bench.clock.settle(); // each has a connection of its own, and between those there is no order
    }
    expect(seen).toEqual(["client-pub-1 t0", "client-pub-2 t1", "client-pub-3 t2", "client-pub-1 t0"]);
    expect(client.stats()).toMatchObject({
      publishesSent: 4,
      publishesAcked: 2,
      publishesInflight: 0,
      poolFallbacks: 0,
    });
    await bench.clock.run(client.disconnect());
  });

  it("by topic publishes the same topic on the same publisher, by FNV-1a over UTF-8 [parity 174]", async () => {
    expect(["", "a", "foobar", "temperature/küche"].map((topic) => fnv1a(topic).toString(16))).toEqual([
      "811c9dc5",
      "e40c292c",
      "bf9cf968",
      fnv1a("temperature/küche").toString(16),
    ]);
    const { bench, seen } = watched();
    const client = await bench.connect({ publisherPool: { size: 3, routing: "hash-by-topic" } });
    const topics = ["a", "b", "c", "d/e", "küche"];
    for (const topic of [...topics, ...topics]) await bench.clock.run(client.publish(topic, "x", { qos: 1 }));
    const expected = topics.map((topic) => `client-pub-${(fnv1a(topic) % 3) + 1} ${topic}`);
    expect(seen).toEqual([...expected, ...expected]);
    await bench.clock.run(client.disconnect());
  });

  it("moves on only when a message was certainly not sent; the client's own connection is the last, and counted [parity 175]", async () => {
    const bench = new PoolBench();
    const { client, main, a, b } = await bench.pool({ reconnectBackoff: () => 60_000 });
    a.cut();
    await bench.clock.settle();
    const second = follow(client.publish("1", "", { qos: 1 }));
    b.send(puback((await b.expect({ type: Publish, topic: "1" })).packetId));
    await bench.clock.settle();
    expect([second.status, client.stats().poolFallbacks]).toEqual(["resolved", 0]);
    b.cut();
    await bench.clock.settle();
    const third = follow(client.publish("2", "", { qos: 1 }));
    main.send(puback((await main.expect({ type: Publish, topic: "2" })).packetId));
    await bench.clock.settle();
    expect([third.status, client.stats().poolFallbacks]).toEqual(["resolved", 1]);
    main.cut();
    await bench.clock.settle();
    const fourth = follow(client.publish("3", "", { qos: 1 }));
    await bench.clock.settle();
    expect([codeOf(fourth.error), client.stats().poolFallbacks]).toEqual(["NOT_CONNECTED", 2]);
    await bench.end(client);
  });

  it("does not publish a second time what was refused, may have arrived, or is wrong [parity 175]", async () => {
    const bench = new PoolBench();
    const { client, main, a, b } = await bench.pool({ reconnectBackoff: () => 60_000 });
    const refused = follow(client.publish("1", "", { qos: 1 }));
    a.send(puback((await a.expect(Publish)).packetId, 0x97));
    const lost = follow(client.publish("2", "", { qos: 1, timeout: 1000 }));
    await b.expect(Publish);
    b.cut();
    await bench.clock.advance(1000);
    expect([codeOf(refused.error), codeOf(lost.error)]).toEqual(["QUOTA_EXCEEDED", "TIMEOUT"]);
    const aborted = follow(client.publish("3", "", { qos: 1, signal: AbortSignal.abort() }));
    const wrong = [client.publish("#", ""), client.publish(7 as never, "")].map(follow);
    await bench.clock.settle();
    expect([codeOf(aborted.error), ...wrong.map(({ error }) => codeOf(error))]).toEqual([
      "ABORTED",
      "INVALID_TOPIC",
      "INVALID_FIELD",
    ]);
    await Promise.all([main.expectNone(), a.expectNone()]);
    expect(client.stats().poolFallbacks).toBe(0);
    await bench.end(client);
  });

  it("that can't connect is only warned of, and holds up connect no longer than its first attempt", async () => {
    const { bench, seen } = watched({ refuse: "client-pub-1" });
    const log: string[] = [];
    const client = await bench.connect({
      publisherPool: { size: 2 },
      sessionExpiryInterval: 0,
      logger: { warn: (text) => log.push(text) },
    });
    await bench.clock.settle();
    expect(log).toEqual([expect.stringContaining("client-pub-1")]);
    for (let n = 0; n < 3; n++) await bench.clock.run(client.publish(`${n}`));
    await bench.clock.settle();
    expect(seen).toEqual(["client-pub-2 0", "client-pub-2 1", "client-pub-2 2"]);
    await bench.clock.run(client.disconnect());
    expect(bench.clock.pending).toBe(0);
  });

  it("goes on trying to connect a publisher whose first attempt failed", async () => {
    const bench = new PoolBench();
    const client = bench.client({ publisherPool: { size: 1 } });
    const connecting = follow(client.connect());
    await bench.take(1);
    (await bench.peer.accept()).cut();
    await bench.clock.settle();
    expect([connecting.status, bench.log.length]).toEqual(["resolved", 1]);
    const { "client-pub-1": publisher } = await bench.take(1);
    void client.publish("t");
    await publisher?.expect(Publish);
    await bench.end(client);
  });

  it("whose publishers hang does not hold up connect past its timeout", async () => {
    const bench = new PoolBench();
    const client = bench.client({ publisherPool: { size: 1 } });
    const connecting = follow(client.connect({ timeout: 2000 }));
    await bench.take(1);
    await bench.clock.advance(1999);
    expect(connecting.status).toBe("pending");
    await bench.clock.advance(1);
    expect([connecting.status, client.state.status]).toEqual(["resolved", "connected"]);
    await bench.end(client);
  });

  it("whose identifiers can't be made leaves all to the client's own connection", async () => {
    const { bench, seen } = watched();
    for (const clientId of [
      () => {
        throw new Error("naming");
      },
      () => 7 as never,
    ]) {
      const log: string[] = [];
      const client = await bench.connect({
        publisherPool: { size: 2, clientId },
        logger: { warn: (text) => log.push(text) },
      });
      await bench.clock.run(client.publish("t", "", { qos: 1 }));
      expect([log.length, client.stats().poolFallbacks]).toEqual([1, 1]);
      await bench.clock.run(client.disconnect());
    }
    expect(seen).toEqual(["client t", "client t"]);
  });

  it("lives and dies with its client, life after life, and goes where its client's brokers are", async () => {
    const { bench, connects } = watched();
    const urls: string[] = [];
    const inner = bench.broker.transport();
    const transport: Transport = {
      connect(url, connectOptions) {
        urls.push(url.href);
        return inner.connect(url, connectOptions);
      },
    };
    const client = await bench.connect({ transport, publisherPool: { size: 2 }, sessionExpiryInterval: 0 });
    expect(bench.broker.connections).toHaveLength(3);
    bench.broker.drop();
    await bench.clock.advance(500);
    expect(bench.broker.connections).toHaveLength(3);
    await bench.clock.run(client.disconnect());
    await bench.clock.settle();
    expect([bench.broker.connections.length, bench.clock.pending]).toEqual([0, 0]);
    client.setBrokers(["mqtt://elsewhere"]);
    await bench.clock.run(client.connect());
    expect(urls.slice(6)).toEqual(Array(3).fill("mqtt://elsewhere"));
    expect([bench.broker.connections.length, connects.length]).toEqual([3, 9]);
    await bench.clock.run(client[Symbol.asyncDispose]());
    await bench.clock.settle();
    expect([bench.broker.connections.length, bench.clock.pending]).toEqual([0, 0]);
  });

  it("ends with a client that fails", async () => {
    const { bench } = watched();
    const client = await bench.connect({
      publisherPool: { size: 2 },
      sessionExpiryInterval: 0,
      onConnectionDown: () => false,
    });
    bench.broker.drop("client");
    await bench.clock.advance(1000);
    expect([client.state.status, bench.broker.connections.length, bench.clock.pending]).toEqual(["closed", 0, 0]);
  });

  it("names what is wrong with its options", () => {
    const bench = new Bench();
    for (const [publisherPool, field] of [
      [{}, "publisherPool.size"],
      [{ size: 0 }, "publisherPool.size"],
      [{ size: 1.5 }, "publisherPool.size"],
      [{ size: 1025 }, "publisherPool.size"],
      [{ size: 2, routing: "random" }, "publisherPool.routing"],
      [{ size: 2, clientId: "x" }, "publisherPool.clientId"],
      [4, "publisherPool"],
    ] as const) {
      let error: unknown;
      try {
        bench.client({ publisherPool: publisherPool as never });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(MqttError);
      expect(error).toMatchObject({ code: "INVALID_FIELD", field });
    }
  });
});
