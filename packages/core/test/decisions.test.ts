// SPDX-License-Identifier: Apache-2.0
// What the decisions on the hard questions say that no other test does; the rest are where their subject is.
import { PacketType, type QoS } from "@mqttv5/wire";
import { VirtualClock } from "@mqttv5/testing";
import { describe, expect, expectTypeOf, it, vi } from "vitest";
import {
  type Authenticator,
  type ClientOptions,
  MemorySessionStore,
  MqttError,
  type SubscribeCallbackOptions,
  type SubscribeOptions,
  type Transport,
} from "../src/index.js";
import { auth, connected, expectAuth, TestAuthenticator } from "./auth-bench.js";
import { Bench, follow, grant, puback, publish } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";

const { Connect, Connack, Disconnect, Publish, Unsubscribe } = PacketType;

describe("overflow: pause", () => {
  it("lets a re-authentication be awaited inside the loop of the full subscription [decision 1]", async () => {
    const bench = new Bench();
    const { client, connection } = await connected(bench, new TestAuthenticator());
    const subscribing = client.subscribe("a", { overflow: "pause", bufferSize: 1 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const steps: string[] = [];
    const loop = follow(
      (async () => {
        for await (const message of sub) {
          await client.reauthenticate();
          steps.push(message.text());
          if (steps.length === 2) break;
        }
      })(),
    );
    for (const text of ["1", "2", "3", "4"]) {
      connection.send(publish("a", text));
      await bench.clock.settle();
    }
    for (const begin of ["begin 2", "begin 3"]) {
      await expectAuth(connection, 0x19, begin);
      connection.send(auth(0x00));
    }
    await bench.clock.until(() => loop.status !== "pending");
    expect([loop.status, steps]).toEqual(["resolved", ["1", "2"]]);
    await bench.end(client);
  });
});

describe("a new client", () => {
  it("advertises Receive Maximum 1024 and Maximum Packet Size 16 MiB [decision 2]", async () => {
    const bench = new Bench();
    const connecting = follow(bench.client().connect());
    const { properties } = await (await bench.peer.accept()).expect(Connect);
    expect(properties).toMatchObject({ receiveMaximum: 1024, maximumPacketSize: 16 * 1024 * 1024 });
    expect(connecting.status).toBe("pending");
  });
});

describe("a loop that breaks", () => {
  it("acks and reports what was not handed out, waits for nothing, and leaves the rest to be acked [decision 4]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const dropped: string[] = [];
    const subscribing = client.subscribe("a", {
      qos: 1,
      onDrop: (message, reason) => dropped.push(`${message.text()} ${reason}`),
    });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    for (let id = 1; id <= 3; id++) connection.send(publish("a", String(id), { qos: 1, packetId: id }));
    await bench.clock.settle();
    for await (const message of sub) {
      bench.clock.schedule(50, () => message.ack());
      break;
    }
    // The broker has not answered, nor been asked yet.
    expect(dropped).toEqual(["2 unsubscribed", "3 unsubscribed"]);
    expect(await sub.closed).toEqual({ reason: "unsubscribed" });
    await connection.expect(Unsubscribe);
    await connection.expectNone({ within: 40 });
    for (let id = 1; id <= 3; id++) await connection.expect(puback(id));
    await bench.end(client);
  });

  it("leaves everything to the broker if the client disconnects instead [decision 4]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    for (let id = 1; id <= 2; id++) connection.send(publish("a", String(id), { qos: 1, packetId: id }));
    await bench.clock.settle();
    queue.tryDequeue();
    await bench.end(client);
    await connection.expect(Disconnect);
    await connection.expectNone();
  });
});

describe("autoAck", () => {
  it.each<QoS>([0, 1, 2])("makes hold act as drop-newest at QoS %i [decision 6]", async (qos) => {
    const seen: string[][] = [];
    for (const overflow of ["hold", "drop-newest"] as const) {
      const bench = new Bench();
      const { client, connection } = await bench.connect();
      const dropped: string[] = [];
      const onDrop = (message: { text(): string }, reason: string) => dropped.push(`${message.text()} ${reason}`);
      const subscribing = client.subscribeQueue("a", { qos, overflow, autoAck: true, bufferSize: 1, onDrop });
      await grant(connection);
      const queue = await bench.clock.run(subscribing);
      for (let id = 1; id <= 3; id++) connection.send(publish("a", `${id}`, { qos, packetId: qos === 0 ? 0 : id }));
      await bench.clock.settle();
      expect(queue.size).toBe(1);
      seen.push([...dropped, `${queue.tryDequeue()?.text()} kept`]);
      await bench.end(client);
    }
    expect(seen[0]).toEqual(["2 overflow", "3 overflow", "1 kept"]);
    expect(seen[1]).toEqual(seen[0]);
  });
});

describe("two subscriptions on one filter", () => {
  it("ask for the highest QoS of either, whoever came first, also in a new session [decision 7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    for (const [qos, asked] of [
      [0, 0],
      [2, 2],
      [1, 2],
    ] as const) {
      void client.subscribeQueue("a", { qos });
      const { subscriptions } = await grant(connection);
      expect(subscriptions.map((subscription) => subscription.qos)).toEqual([asked]);
      await bench.clock.settle();
    }
    const next = await bench.reconnect(connection, { sessionPresent: false });
    expect((await grant(next)).subscriptions.map(({ filter, qos }) => [filter, qos])).toEqual([["a", 2]]);
    await bench.end(client);
  });
});

describe("Subscription Identifiers", () => {
  it("start at a random value in each process, and count from there [decision 10]", async () => {
    const identifiers = async (seed: number): Promise<number[]> => {
      const bench = new Bench();
      const seeded = new VirtualClock({ seed });
      const clock = Object.assign(bench.clock, { random: () => seeded.random() });
      const { client, connection } = await bench.connect({ clock });
      const found: number[] = [];
      for (const filter of ["a", "b"]) {
        const subscribing = client.subscribeQueue(filter);
        found.push((await grant(connection)).properties.subscriptionIdentifier ?? 0);
        await bench.clock.run(subscribing);
      }
      await bench.end(client);
      return found;
    };
    const starts = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const [first = 0, second] = await identifiers(seed);
      expect(second).toBe(first + 1);
      starts.add(first);
    }
    expect(starts.size).toBe(20);
    // All over the range, not near its beginning: an earlier process has used those.
    expect(Math.max(...starts)).toBeGreaterThan(100_000_000);
  });
});

describe("a stored session", () => {
  it("that has ended, or is another client's, leaves Clean Start as without a store [decision 11]", async () => {
    for (const meta of [
      { clientId: "client", sessionExpiryInterval: 0 },
      { clientId: "other", sessionExpiryInterval: 300 },
    ]) {
      const memory = new MemorySessionStore();
      void memory.setMeta(meta);
      const bench = new Bench();
      const store = new ScriptedStore(memory).free();
      const { client } = await bench.connect({ store }, { connect: { cleanStart: true, clientId: "client" } });
      expect(client.serverInfo?.sessionPresent).toBe(false);
      await bench.end(client);
    }
  });
});

describe("connect with retryInitialConnect", () => {
  it("stays pending until it is aborted, if nothing else ends it [decision 12]", async () => {
    const bench = new Bench();
    const client = bench.client({ retryInitialConnect: true });
    const controller = new AbortController();
    const connecting = follow(client.connect({ signal: controller.signal }));
    for (let attempt = 0; attempt < 10; attempt++) {
      const connection = await bench.peer.accept();
      await connection.expect(Connect);
      connection.send({ type: Connack, sessionPresent: false, reasonCode: 0x88 });
      await connection.expectClosed();
      expect(connecting.status).toBe("pending");
    }
    controller.abort();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "ABORTED" });
    expect([client.state.status, bench.clock.pending]).toEqual(["closed", 0]);
  });
});

describe("one attempt", () => {
  it("asks the authenticator, then for credentials, then dials, and does so anew each time [decision 15]", async () => {
    const bench = new Bench();
    const steps: string[] = [];
    const peer = bench.peer.transport();
    const transport: Transport = {
      connect: (url, options) => {
        steps.push(`dial ${options.headers?.["authorization"]}`);
        return peer.connect(url, options);
      },
    };
    const authenticator: Authenticator = {
      method: "METHOD",
      begin: () => {
        steps.push("begin");
        return { respond: () => undefined };
      },
    };
    const credentials: ClientOptions["credentials"] = (attempt, signal) => {
      steps.push(`credentials ${attempt} ${signal.aborted}`);
      return { headers: { authorization: `token ${steps.length}` } };
    };
    const client = bench.client({ transport, authenticator, credentials });
    const connecting = follow(client.connect());
    const first = await bench.peer.accept();
    await first.expect(Connect);
    first.send({
      type: Connack,
      sessionPresent: false,
      reasonCode: 0,
      properties: { authenticationMethod: "METHOD" },
    });
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    first.cut();
    await (await bench.peer.accept()).expect(Connect);
    expect(steps.join(", ")).toBe("begin, credentials 1 false, dial token 2, begin, credentials 2 false, dial token 5");
    await bench.end(client);
  });
});

describe("a turn of the event loop", () => {
  /** How many of the publishes resolve within the turn of the call. */
  async function atOnce(options: Partial<ClientOptions>, payload: string): Promise<number> {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false, ...options });
    let resolved = 0;
    let turns = 0;
    bench.clock.afterTurn(() => turns++);
    for (let n = 0; n < 1000; n++) void client.publish("t", payload).then(() => (resolved += turns === 0 ? 1 : 0));
    for (let n = 0; n < 1000; n++) await connection.expect(Publish);
    await bench.clock.settle();
    await bench.end(client);
    return resolved;
  }

  it("takes fewer than 256 QoS 0 publishes and 64 KiB, or as many as it is told to [decision 16]", async () => {
    expect(await atOnce({}, "")).toBe(255);
    expect(await atOnce({}, "x".repeat(1024))).toBe(63);
    expect(await atOnce({ maximumTurnPackets: 10 }, "")).toBe(9);
    expect(await atOnce({ maximumTurnBytes: 10_000 }, "x".repeat(1000))).toBe(9);
    expect(await atOnce({ maximumTurnBytes: 1, maximumTurnPackets: 1 }, "x")).toBe(0);
  });
});

describe("a store", () => {
  it("whose one sync makes many records durable has all their packets leave at once [decision 17]", async () => {
    const bench = new Bench();
    const store = new ScriptedStore().free(/^meta/);
    const { client, connection } = await bench.connect({ store });
    store.hold();
    for (const text of ["a", "b", "c"]) void client.publish("t", text, { qos: 1 }).catch(() => {});
    await bench.clock.settle();
    expect(store.waiting).toHaveLength(3);
    await connection.expectNone();
    for (const name of store.waiting) store.done(name);
    for (const payload of ["a", "b", "c"]) await connection.expect({ type: Publish, payload });
    store.free();
    await bench.end(client);
  });
});

describe("MqttError.is", () => {
  it("knows the errors of another copy of this package, and theirs knows ours [decision 18]", async () => {
    vi.resetModules(); // the next import makes everything anew
    const other = await import("../src/errors.js");
    expect(other.MqttError).not.toBe(MqttError);
    const theirs = new other.ProtocolError(0x82, "theirs");
    expect(theirs).not.toBeInstanceOf(MqttError);
    expect([MqttError.is(theirs), other.MqttError.is(new MqttError("CLOSED", "ours"))]).toEqual([true, true]);
    expect(Object.keys(theirs)).not.toContain("Symbol(@mqttv5/core.MqttError)");
  });

  it("lets an error of a transport that has another copy of this package through as it is [decision 22]", async () => {
    vi.resetModules();
    const other = await import("../src/errors.js");
    const thrown = new other.MqttError("PROTOCOL_ERROR", "The broker does not speak mqtt");
    const bench = new Bench();
    const client = bench.client({ transport: { connect: () => Promise.reject(thrown) } });
    const failure: unknown = await bench.clock.run(client.connect().catch((error: unknown) => error));
    expect(failure).toBe(thrown);
  });
});

describe("options", () => {
  it("of subscribe have these names [decision 19]", () => {
    type Named = "noLocal" | "onDrop" | "overflow" | "qos" | "retainAsPublished" | "retainHandling" | "signal";
    type Rest = "autoAck" | "bufferSize" | "strict" | "timeout" | "whenOffline";
    expectTypeOf<keyof SubscribeOptions>().toEqualTypeOf<Named | Rest>();
    expectTypeOf<Exclude<keyof SubscribeCallbackOptions, keyof SubscribeOptions>>().toEqualTypeOf<
      "concurrency" | "zeroCopy"
    >();
  });

  it("switch keep-alive off with false, and with nothing else [decision 19]", async () => {
    const bench = new Bench();
    const client = bench.client({ keepAlive: false });
    const connecting = client.connect();
    await bench.peer.acceptConnect({ connect: { keepAlive: 0 } });
    await bench.clock.run(connecting);
    await bench.clock.advance(1_000_000);
    expect([client.state.status, bench.clock.pending]).toEqual(["connected", 0]);
    expect(() => bench.client({ keepAlive: 0 })).toThrow("keepAlive");
    await bench.end(client);
  });
});
