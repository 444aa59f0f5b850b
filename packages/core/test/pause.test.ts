// SPDX-License-Identifier: Apache-2.0
import { PacketType, type PublishPacket } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { Client, ClientOptions, DropReason, MessageQueue, SubscribeOptions } from "../src/index.js";
import { auth, connected, deferred, expectAuth, TestAuthenticator } from "./auth-bench.js";
import { Bench, BrokerBench, follow, grant, puback, pubcomp, publish, pubrec, suback, unsuback } from "./bench.js";

const { Pingreq, Publish, Pubrel, Subscribe, Unsubscribe } = PacketType;

interface Setup {
  readonly bench: Bench;
  readonly client: Client;
  readonly connection: ScriptedConnection;
  readonly queue: MessageQueue;
}

/** A client with a `pause` subscription of two messages. */
async function setUp(client: Partial<ClientOptions> = {}, options: SubscribeOptions = {}): Promise<Setup> {
  const bench = new Bench();
  const connected = await bench.connect(client);
  const subscribing = connected.client.subscribeQueue("a", { overflow: "pause", bufferSize: 2, ...options });
  await grant(connected.connection);
  return { bench, ...connected, queue: await bench.clock.run(subscribing) };
}

/** Sends each in a chunk of its own. */
async function send({ bench, connection }: Setup, ...packets: PublishPacket[]): Promise<void> {
  for (const packet of packets) {
    connection.send(packet);
    await bench.clock.settle();
  }
}

const messages = (...payloads: string[]) => payloads.map((payload) => publish("a", payload));

/** Full, with one more message unread on the link. */
async function full(client: Partial<ClientOptions> = {}): Promise<Setup> {
  const setup = await setUp(client);
  await send(setup, ...messages("1", "2", "3"));
  expect(setup.queue.size).toBe(2);
  return setup;
}

describe("overflow: pause [decision 1]", () => {
  it("stops reading for the whole client until there is room, and drops nothing at any QoS", async () => {
    const dropped: DropReason[] = [];
    const setup = await setUp({}, { onDrop: (_, reason) => dropped.push(reason), qos: 1 });
    const { bench, client, queue } = setup;
    const other = client.subscribeQueue("b");
    await grant(setup.connection);
    const others = await bench.clock.run(other);
    await send(setup, ...messages("1"), publish("a", "2", { qos: 1, packetId: 1 }));
    await send(setup, publish("b", "waits"), ...messages("3"));
    expect([queue.size, others.size]).toEqual([2, 0]);
    await bench.clock.advance(20_000);
    expect([queue.size, others.size]).toEqual([2, 0]);
    const got: (string | undefined)[] = [];
    got.push(queue.tryDequeue()?.text());
    await bench.clock.settle();
    expect([queue.size, others.size]).toEqual([2, 1]);
    got.push(queue.tryDequeue()?.text(), queue.tryDequeue()?.text());
    expect(got).toEqual(["1", "2", "3"]);
    expect(dropped).toEqual([]);
    expect(client.stats().inboundDropped).toBe(0);
    await bench.end(client);
  });

  it("keeps what came with the message that filled the buffer", async () => {
    const setup = await setUp();
    setup.connection.send(...messages("1", "2", "3", "4"));
    await setup.bench.clock.settle();
    expect(setup.queue.size).toBe(4);
    await send(setup, ...messages("5"));
    setup.queue.tryDequeue();
    setup.queue.tryDequeue();
    await setup.bench.clock.settle();
    expect(setup.queue.size).toBe(2); // no room yet
    setup.queue.tryDequeue();
    await setup.bench.clock.settle();
    expect(setup.queue.size).toBe(2);
    await setup.bench.end(setup.client);
  });

  it("yields to a QoS 1 publish awaited meanwhile", async () => {
    const { bench, client, connection, queue } = await full();
    const publishing = follow(client.publish("b", "", { qos: 1 }));
    connection.send(puback((await connection.expect(Publish)).packetId));
    await bench.clock.settle();
    expect(publishing.status).toBe("resolved");
    expect(queue.size).toBe(3);
    connection.send(...messages("4"));
    await bench.clock.settle();
    expect(queue.size).toBe(3); // and then it is not read again
    await bench.end(client);
  });

  it("yields to a QoS 2 publish awaited meanwhile, to both of its answers", async () => {
    const { bench, client, connection } = await full();
    const publishing = follow(client.publish("b", "", { qos: 2 }));
    connection.send(pubrec((await connection.expect(Publish)).packetId));
    connection.send(pubcomp((await connection.expect(Pubrel)).packetId));
    await bench.clock.settle();
    expect(publishing.status).toBe("resolved");
    await bench.end(client);
  });

  it("yields to a subscribe and an unsubscribe awaited meanwhile", async () => {
    const { bench, client, connection } = await full();
    const subscribing = client.subscribe("b");
    connection.send(suback((await connection.expect(Subscribe)).packetId, 0));
    const sub = await bench.clock.run(subscribing);
    const unsubscribing = sub.unsubscribe();
    connection.send(unsuback((await connection.expect(Unsubscribe)).packetId, 0));
    await bench.clock.run(unsubscribing);
    await bench.end(client);
  });

  it("lets each of them be awaited inside the loop of the full subscription itself", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("a", { overflow: "pause", bufferSize: 1 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const steps: string[] = [];
    const loop = follow(
      (async () => {
        for await (const message of sub) {
          steps.push(message.text());
          if (message.text() !== "1") continue;
          await client.publish("b", "", { qos: 1 });
          await client.publish("b", "", { qos: 2 });
          const other = await client.subscribe("c");
          await other.unsubscribe();
          await client.disconnect();
          steps.push("disconnected");
        }
      })(),
    );
    connection.send(...messages("1"));
    connection.send(...messages("2"), ...messages("3"));
    connection.send(puback((await connection.expect(Publish)).packetId));
    connection.send(...messages("4"));
    connection.send(pubrec((await connection.expect(Publish)).packetId));
    connection.send(pubcomp((await connection.expect(Pubrel)).packetId));
    connection.send(suback((await connection.expect(Subscribe)).packetId, 0));
    connection.send(unsuback((await connection.expect(Unsubscribe)).packetId, 0));
    await connection.expect(PacketType.Disconnect);
    await bench.clock.settle();
    expect(loop.status).toBe("resolved");
    expect(steps).toEqual(["1", "disconnected", "2", "3", "4"]);
    expect((await sub.closed).reason).toBe("disconnected");
    expect(bench.clock.pending).toBe(0);
  });

  it("with a call that waits keeps the excess up to maximumBufferedBytes; past it QoS 0 is dropped", async () => {
    const dropped: DropReason[] = [];
    const setup = await setUp({ maximumBufferedBytes: 4096 }, { onDrop: (_, reason) => dropped.push(reason) });
    const publishing = follow(setup.client.publish("b", "", { qos: 1 }));
    await send(setup, ...Array.from({ length: 6 }, () => publish("a", "x".repeat(1024))));
    expect(publishing.status).toBe("pending");
    expect(setup.queue.size).toBe(4);
    expect(dropped).toEqual(["memory", "memory"]);
    await setup.bench.end(setup.client);
  });

  it("reads once a keep-alive interval, and notices a peer that is gone", async () => {
    const setup = await full({ keepAlive: 10 });
    const { bench, client, connection, queue } = setup;
    connection.send(...messages("4"));
    for (let times = 1; times <= 3; times++) {
      await connection.expect(Pingreq, { within: 10_100 });
      await bench.clock.settle();
      connection.send({ type: PacketType.Pingresp });
      await bench.clock.settle();
      expect(client.state.status).toBe("connected");
    }
    expect(queue.size).toBeLessThanOrEqual(4);
    connection.stall();
    await bench.clock.advance(16_000);
    expect(client.stats().pingTimeouts).toBe(1);
    await bench.clock.run(client.disconnect());
  });

  it("does not keep the next connection from being made", async () => {
    const { bench, client, connection, queue } = await full();
    connection.cut();
    const next = await bench.peer.accept();
    await next.expect(PacketType.Connect);
    next.split(1);
    next.send({ type: PacketType.Connack, reasonCode: 0, sessionPresent: true });
    await bench.clock.until(() => client.state.status === "connected");
    expect(queue.size).toBe(2);
    await bench.end(client);
  });

  it("goes on when the full subscription ends", async () => {
    const setup = await full();
    const { bench, client, connection } = setup;
    const other = client.subscribeQueue("b");
    await grant(connection);
    const others = await bench.clock.run(other);
    await send(setup, publish("b", "1"));
    expect(others.size).toBe(0);
    const unsubscribing = setup.queue.unsubscribe();
    connection.send(unsuback((await connection.expect(Unsubscribe)).packetId, 0));
    await bench.clock.run(unsubscribing);
    expect(others.size).toBe(1);
    await bench.end(client);
  });

  it("holds up a handler's subscription as well, and goes on as it finishes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const running: (() => void)[] = [];
    const subscribing = client.subscribeCallback("a", () => new Promise<void>((resolve) => running.push(resolve)), {
      overflow: "pause",
      bufferSize: 1,
      concurrency: 2,
    });
    await grant(connection);
    await bench.clock.run(subscribing);
    for (const message of messages("1", "2", "3", "4", "5")) {
      connection.send(message);
      await bench.clock.settle();
    }
    expect(running.length).toBe(2);
    running[0]?.();
    await bench.clock.settle();
    expect(running.length).toBe(3);
    running[1]?.();
    running[2]?.();
    await bench.clock.settle();
    expect(running.length).toBe(5);
    await bench.end(client);
  });

  it("yields to a request awaited inside the loop, whatever its QoS", async () => {
    const bench = new BrokerBench();
    const [client, answering] = [await bench.connect(), await bench.connect({ clientId: "other" })];
    await bench.clock.run(answering.respond("ask", (request) => `re ${request.text()}`));
    const sub = await bench.clock.run(client.subscribe("a", { overflow: "pause", bufferSize: 1 }));
    const got: string[] = [];
    const ready = deferred<void>();
    const loop = follow(
      (async () => {
        for await (const message of sub) {
          await ready.promise;
          got.push((await client.request("ask", message.text())).text());
          if (got.length === 3) break;
        }
      })(),
    );
    for (let times = 0; times < 4; times++) {
      bench.broker.publish("a", `${times}`);
      await bench.clock.settle();
    }
    expect(sub.pending).toBe(1);
    ready.resolve();
    await bench.clock.until(() => loop.status !== "pending");
    expect([loop.status, got]).toEqual(["resolved", ["re 0", "re 1", "re 2"]]);
    await bench.clock.run(Promise.all([client.disconnect(), answering.disconnect()]));
  });

  it("yields to a re-authentication awaited meanwhile", async () => {
    const bench = new Bench();
    const { client, connection } = await connected(bench, new TestAuthenticator());
    const subscribing = client.subscribeQueue("a", { overflow: "pause", bufferSize: 2 });
    await grant(connection);
    const setup = { bench, client, connection, queue: await bench.clock.run(subscribing) };
    await send(setup, ...messages("1", "2", "3"));
    expect(setup.queue.size).toBe(2);
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    connection.send(auth(0x00));
    await bench.clock.settle();
    expect(again.status).toBe("resolved");
    await bench.end(client);
  });
});
