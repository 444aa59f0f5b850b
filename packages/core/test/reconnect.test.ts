// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { linkPair, VirtualClock } from "@mqttv5/testing";
import { describe, expect, it, vi } from "vitest";
import {
  Client,
  type ClientOptions,
  constantBackoff,
  exponentialBackoff,
  type Link,
  type Transport,
} from "../src/index.js";
import { Bench, BrokerBench, codeOf, follow, publish } from "./bench.js";

const { Connect, Connack, Publish } = PacketType;

/** Remembers when and where it was asked to connect, and passes it on. */
function recording(bench: Bench, inner: Transport): { transport: Transport; dials: { at: number; url: string }[] } {
  const dials: { at: number; url: string }[] = [];
  const transport: Transport = {
    connect(url, options): Promise<Link> {
      dials.push({ at: bench.clock.now(), url: url.href });
      return inner.connect(url, options);
    },
  };
  return { transport, dials };
}

const failing: Transport = { connect: () => Promise.reject(new Error("down")) };

describe("exponentialBackoff", () => {
  const middle = () => 0.5;

  it("doubles from the minimum to the maximum [parity 162]", () => {
    const backoff = exponentialBackoff();
    expect([0, 1, 2, 3, 4, 5, 6, 1e9].map((attempt) => backoff(attempt, middle))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
    ]);
    expect(exponentialBackoff(1, 1e9, 0)(1000, middle)).toBe(1e9);
    expect(exponentialBackoff(5000, 10, 0)(3, middle)).toBe(5000);
  });

  it("has jitter on both sides, and never goes below 0 [parity 162]", () => {
    const backoff = exponentialBackoff(1000, 30_000, 200);
    expect([0, 0.25, 0.75].map((random) => backoff(0, () => random))).toEqual([800, 900, 1100]);
    expect(exponentialBackoff(100, 100, 500)(0, () => 0)).toBe(0);
  });

  it("names what is wrong", () => {
    for (const bad of [-1, Number.NaN, Infinity, "1" as never]) {
      expect(() => exponentialBackoff(bad)).toThrow(
        expect.objectContaining({ code: "INVALID_FIELD", field: "minimum" }),
      );
      expect(() => exponentialBackoff(1, bad)).toThrow(expect.objectContaining({ field: "maximum" }));
      expect(() => exponentialBackoff(1, 1, bad)).toThrow(expect.objectContaining({ field: "jitter" }));
      expect(() => constantBackoff(bad)).toThrow(expect.objectContaining({ field: "delay" }));
    }
    expect(constantBackoff(7)(99, middle)).toBe(7);
  });

  it("spreads a thousand clients", () => {
    const clock = new VirtualClock();
    const backoff = exponentialBackoff();
    const delays = Array.from({ length: 1000 }, () => Math.round(backoff(0, () => clock.random())));
    expect(Math.min(...delays)).toBeLessThan(820);
    expect(Math.max(...delays)).toBeGreaterThan(1180);
    expect(new Set(delays).size).toBeGreaterThan(200);
  });
});

describe("reconnecting", () => {
  it("waits longer with each failure", async () => {
    const bench = new Bench();
    const { transport, dials } = recording(bench, failing);
    const client = bench.client({
      transport,
      retryInitialConnect: true,
      reconnectBackoff: exponentialBackoff(1000, 8000, 0),
    });
    const connecting = follow(client.connect());
    await bench.clock.advance(31_000);
    expect(dials.map(({ at }) => at)).toEqual([0, 1000, 3000, 7000, 15_000, 23_000, 31_000]);
    await bench.end(client);
    expect(codeOf(connecting.error)).toBe("CLOSED");
  });

  it("sets no timer for the first attempt if it has no delay, and one for each that follows", async () => {
    const bench = new Bench();
    let reachable = true;
    const dials: number[] = [];
    const inner = bench.peer.transport();
    const transport: Transport = {
      connect(url, options) {
        dials.push(bench.clock.now());
        return reachable ? inner.connect(url, options) : Promise.reject(new Error("down"));
      },
    };
    const { client, connection } = await bench.connect({ transport, reconnectBackoff: constantBackoff(0) });
    const schedule = vi.spyOn(bench.clock, "schedule");
    const pauses = (): number => schedule.mock.calls.filter(([delay]) => delay === 0).length;
    const second = await bench.reconnect(connection);
    expect([dials.length, pauses()]).toEqual([2, 0]);
    await bench.clock.advance(1); // what ends the moment it is there counts as failed
    reachable = false;
    schedule.mockImplementation((delay, callback) => {
      // The third attempt that waits never goes on.
      const timer = { cancel(): void {} };
      if (delay === 0 && pauses() < 3) bench.clock.afterTurn(callback);
      return timer;
    });
    second.cut();
    await bench.clock.settle();
    expect([dials.length, pauses()]).toEqual([5, 3]);
    schedule.mockRestore();
    await bench.end(client);
  });

  it("starts at a random broker and goes on to the next one after each failure, at once after the first [parity 164]", async () => {
    const brokers = ["mqtt://a", "mqtt://b", "mqtt://c"];
    const starts = new Set<string | undefined>();
    for (let seed = 1; seed <= 20; seed++) {
      const clock = new VirtualClock({ seed });
      const urls: string[] = [];
      const transport: Transport = {
        connect: (url) => {
          urls.push(url.href);
          return Promise.reject(new Error("down"));
        },
      };
      const options: ClientOptions = {
        brokers,
        transport,
        clock,
        retryInitialConnect: true,
        reconnectBackoff: constantBackoff(100),
      };
      const client = new Client(options);
      const connecting = follow(client.connect());
      await clock.advance(500);
      starts.add(urls[0]);
      const first = brokers.indexOf(urls[0] as string);
      expect(urls).toEqual(Array.from({ length: 6 }, (_, n) => brokers[(first + n) % 3]));
      await clock.run(client.disconnect());
      expect(codeOf(connecting.error)).toBe("CLOSED");
    }
    expect(starts.size).toBe(3);
  });

  it("to the next broker after a lost connection, and stays where it succeeded", async () => {
    const bench = new Bench();
    const { transport, dials } = recording(bench, bench.peer.transport());
    const { client, connection } = await bench.connect({ brokers: ["mqtt://a", "mqtt://b"], transport });
    const next = await bench.reconnect(connection);
    await bench.clock.settle();
    expect(new Set(dials.map(({ url }) => url)).size).toBe(2);
    await bench.clock.advance(10_000);
    expect(dials).toHaveLength(2);
    expect(client.state).toMatchObject({ status: "connected", broker: dials[1]?.url });
    await next.expectNone();
    await bench.end(client);
  });

  it("a broker that accepts and drops at once is asked ever more rarely; the count starts anew only after a connection outlived its delay [parity 163]", async () => {
    const bench = new Bench();
    const { transport, dials } = recording(bench, bench.peer.transport());
    const { client, connection } = await bench.connect({
      transport,
      keepAlive: false,
      reconnectBackoff: exponentialBackoff(1000, 64_000, 0),
    });
    let last = connection;
    const gaps = async (lasting: number): Promise<number> => {
      await bench.clock.advance(lasting);
      const cut = bench.clock.now();
      last.cut();
      last = await bench.peer.acceptConnect({ connack: { sessionPresent: true }, within: 100_000 });
      await bench.clock.settle();
      return (dials.at(-1)?.at as number) - cut;
    };
    expect(await gaps(0)).toBe(1000);
    expect(await gaps(0)).toBe(2000);
    expect(await gaps(2000)).toBe(4000); // as long as its delay is not longer
    expect(await gaps(3999)).toBe(8000);
    expect(await gaps(8001)).toBe(1000);
    expect(await gaps(500)).toBe(2000);
    await bench.end(client);
  });

  it("a broker that breaks the protocol on every connection is asked ever more rarely, however long it takes to do so", async () => {
    const bench = new Bench();
    const { transport, dials } = recording(bench, bench.peer.transport());
    const client = bench.client({
      transport,
      keepAlive: false,
      receiveMaximum: 1,
      reconnectBackoff: exponentialBackoff(1000, 64_000, 0),
    });
    await client.subscribe("t"); // what arrives stays unacked
    const connecting = client.connect();
    let last = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    const gap = async (lasting: number, end: () => void): Promise<number> => {
      await bench.clock.advance(lasting);
      const ended = bench.clock.now();
      end();
      await bench.clock.settle();
      last.discard(); // the client's DISCONNECT, if it had a word to say
      last = await bench.peer.acceptConnect({ connack: { sessionPresent: true }, within: 100_000 });
      await bench.clock.settle();
      return (dials.at(-1)?.at as number) - ended;
    };
    // Two messages at a time are one too many: 0x93.
    const violate = () =>
      last.send(publish("t", "", { qos: 1, packetId: 1 }), publish("t", "", { qos: 1, packetId: 2 }));
    const cut = () => last.cut();
    expect(await gap(5000, violate)).toBe(1000);
    expect(await gap(5000, violate)).toBe(2000); // it outlived its delay, which is no merit
    expect(await gap(60_000, violate)).toBe(4000);
    expect(await gap(60_000, () => last.sendRaw(0x00, 0x00))).toBe(8000); // whatever the violation
    expect(await gap(600_000, violate)).toBe(16_000);
    expect(await gap(600_001, violate)).toBe(1000); // ten minutes prove it good
    expect(await gap(5000, violate)).toBe(2000);
    expect(await gap(2001, cut)).toBe(1000); // any other end of a connection that outlived its delay
    expect(client.stats().protocolErrors).toBe(7);
    await bench.end(client);
  });

  it("a refusal that will not change soon waits the longest", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ reconnectBackoff: exponentialBackoff(1000, 30_000, 0) });
    connection.cut();
    const refused = await bench.peer.accept();
    await refused.expect(Connect);
    refused.send({ type: Connack, sessionPresent: false, reasonCode: 0x87 });
    await refused.expectClosed();
    await bench.clock.settle();
    expect(client.state).toMatchObject({ status: "waiting", retryAt: bench.clock.wallTime() + 30_000 });
    await bench.end(client);
  });

  it("survives a backoff that throws or returns nonsense", async () => {
    for (const reconnectBackoff of [
      () => {
        throw new Error("backoff");
      },
      () => Number.NaN,
      () => undefined as never,
      () => -5,
      () => Infinity,
    ]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ reconnectBackoff });
      connection.cut();
      await bench.peer.acceptConnect({ within: 60_000 });
      await bench.clock.settle();
      expect(client.state.status).toBe("connected");
      await bench.end(client);
    }
  });

  it("stops when the connection-down callback returns false, and only then [parity 166]", async () => {
    for (const answer of [true, undefined, 0, "", null, false]) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ onConnectionDown: () => answer as boolean });
      connection.cut();
      await bench.clock.advance(1000);
      expect(client.state.status).toBe(answer === false ? "closed" : "connecting");
      if (answer === false) {
        expect(client.state).toMatchObject({ cause: { code: "CONNECTION_LOST" } });
        const connecting = follow(client.connect());
        await bench.peer.acceptConnect();
        await bench.clock.settle();
        expect(connecting.status).toBe("resolved");
      }
      await bench.end(client);
    }
  });

  it("carries the error of the link", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const cause = new Error("ECONNRESET");
    connection.cut(cause);
    await bench.clock.settle();
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "CONNECTION_LOST", cause } });
    await bench.end(client);
  });

  it("a connection that is cut within the handshake counts as a failed attempt", async () => {
    const bench = new Bench();
    const errors: (string | undefined)[] = [];
    const { client, connection } = await bench.connect({ onConnectError: (error) => errors.push(error.code) });
    connection.cut();
    const half = await bench.peer.accept();
    await half.expect(Connect);
    half.cut();
    await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(errors).toEqual(["CONNECTION_LOST"]);
    expect(client.stats()).toMatchObject({ connects: 2, connectFailures: 1, disconnects: 1 });
    await bench.end(client);
  });

  it("hundreds of times leaves nothing behind", async () => {
    const bench = new BrokerBench();
    const client = await bench.connect({ reconnectBackoff: constantBackoff(1) });
    const sub = await bench.clock.run(client.subscribe("t"));
    const timers = bench.clock.pending;
    for (let n = 0; n < 300; n++) {
      bench.broker.drop();
      await bench.clock.until(() => client.state.status === "waiting");
      await bench.clock.until(() => client.state.status === "connected");
    }
    expect(bench.clock.pending).toBeLessThanOrEqual(timers + 1);
    expect(client.stats()).toMatchObject({ connects: 301, disconnects: 300, subscribesSent: 1 });
    expect(sub.granted).toHaveLength(1);
    await bench.clock.run(client.disconnect());
  });
});

describe("callbacks", () => {
  it("run one at a time, in order, off the message path, and may call the client [parity 170]", async () => {
    const bench = new Bench();
    const calls: string[] = [];
    let inside = 0;
    const log = (text: string): void => {
      expect(++inside).toBe(1);
      calls.push(text);
      inside--;
    };
    const client: Client = bench.client({
      onConnectionUp: (info) => {
        log(`up ${info.sessionPresent}`);
        void client.publish("hello");
      },
      onConnectionDown: (error) => log(`down ${error.code}`),
      onServerDisconnect: (error) => log(`server ${error.reasonCode}`),
      onReconnectAttempt: (attempt, broker) => log(`attempt ${attempt} ${broker}`),
      onConnectError: (error) => log(`error ${error.code}`),
    });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect();
    await connection.expect(Publish);
    expect(connecting.status).toBe("resolved");
    connection.send({ type: PacketType.Disconnect, reasonCode: 0x89 });
    await connection.expectClosed();
    const refused = await bench.peer.accept();
    await refused.expect(Connect);
    refused.send({ type: Connack, sessionPresent: false, reasonCode: 0x88 });
    await refused.expectClosed();
    const next = await bench.peer.acceptResume();
    await next.expect(Publish);
    await bench.clock.settle();
    expect(calls).toEqual([
      "up false",
      "server 137",
      "down SERVER_DISCONNECTED",
      "attempt 1 mqtt://test",
      "error CONNECT_REFUSED",
      "attempt 2 mqtt://test",
      "up true",
    ]);
    await bench.end(client);
  });

  it("may disconnect, from each of them", async () => {
    for (const name of [
      "onConnectionUp",
      "onConnectionDown",
      "onConnectError",
      "onReconnectAttempt",
      "onServerDisconnect",
    ] as const) {
      const bench = new Bench();
      let leaving: ReturnType<typeof follow<void>> | undefined;
      const client: Client = bench.client({
        retryInitialConnect: true,
        [name]: () => {
          leaving ??= follow(client.disconnect());
        },
      });
      const connecting = follow(client.connect());
      const first = await bench.peer.accept();
      await first.expect(Connect);
      if (name === "onConnectError") first.cut();
      else {
        first.send({ type: Connack, sessionPresent: false, reasonCode: 0 });
        await bench.clock.settle();
        if (name !== "onConnectionUp") first.send({ type: PacketType.Disconnect, reasonCode: 0x8b });
      }
      await bench.clock.advance(2000);
      expect([name, leaving?.status, client.state.status]).toEqual([name, "resolved", "closed"]);
      expect(connecting.status).not.toBe("pending");
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("that throw or reject do no harm, and are logged", async () => {
    const bench = new Bench();
    const thrower = (): never => {
      throw new Error("callback");
    };
    const rejecter = (() => Promise.reject(new Error("callback"))) as () => void;
    for (const callback of [thrower, rejecter]) {
      const { client, connection } = await bench.connect({
        onConnectionUp: callback,
        onConnectionDown: callback,
        onServerDisconnect: callback,
        onReconnectAttempt: callback,
        onConnectError: callback,
        onResubscribeError: callback,
      });
      connection.send({ type: PacketType.Disconnect, reasonCode: 0x8b });
      await connection.expectClosed();
      const failed = await bench.peer.accept();
      failed.cut();
      await bench.peer.acceptResume();
      await bench.clock.settle();
      expect(client.state.status).toBe("connected");
      await bench.end(client);
    }
    expect(bench.log.length).toBeGreaterThanOrEqual(10);
  });

  it("that never resolve hold up neither the reconnect nor the disconnect", async () => {
    const bench = new Bench();
    const never = (() => new Promise(() => {})) as () => void;
    const { client, connection } = await bench.connect({
      onConnectionUp: never,
      onConnectionDown: never,
      onReconnectAttempt: never,
    });
    connection.cut();
    await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("a logger that throws does no harm", async () => {
    const bench = new Bench();
    const thrower = (): never => {
      throw new Error("logger");
    };
    const { client, connection } = await bench.connect({
      logger: { debug: thrower, info: thrower, warn: thrower, error: thrower },
    });
    connection.sendRaw(0x00, 0x00);
    await connection.expect({ type: PacketType.Disconnect, reasonCode: 0x81 });
    await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });
});

describe("a link that breaks its contract", () => {
  it("and never says that it closed holds up nothing", async () => {
    const bench = new Bench();
    const transport: Transport = {
      connect: async () => {
        const [link, remote] = linkPair({ clock: bench.clock });
        bench.peer.attach(remote, link);
        link.destroy = () => {};
        link.end = () => {};
        return link;
      },
    };
    const { client, connection } = await bench.connect({ transport, keepAlive: 1, pingTimeout: 500 });
    await bench.clock.advance(1500); // no answer to PINGREQ
    await connection.expect(PacketType.Pingreq);
    await bench.clock.advance(500);
    expect(client.state.status).toBe("waiting");
    const next = await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await next.expectNone();
    const leaving = follow(client.disconnect());
    await bench.clock.advance(1000);
    expect(leaving.status).toBe("resolved");
    expect(bench.clock.pending).toBe(0);
  });

  it("and says so twice, or goes on delivering, does no harm", async () => {
    const bench = new Bench();
    const links: Link[] = [];
    const receivers: { received(chunk: Uint8Array): void; closed(error?: Error): void }[] = [];
    const transport: Transport = {
      connect: async () => {
        const [link, remote] = linkPair({ clock: bench.clock });
        bench.peer.attach(remote, link);
        const open = link.open.bind(link);
        link.open = (receiver) => {
          receivers.push(receiver);
          open(receiver);
        };
        links.push(link);
        return link;
      },
    };
    const { client, connection } = await bench.connect({ transport });
    connection.cut();
    await bench.clock.settle();
    receivers[0]?.closed();
    receivers[0]?.closed(new Error("again"));
    receivers[0]?.received(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff));
    const next = await bench.peer.acceptResume();
    receivers[0]?.closed();
    receivers[0]?.received(Uint8Array.of(0xe0, 0x00));
    await bench.clock.advance(1000);
    expect(client.state.status).toBe("connected");
    expect(client.stats()).toMatchObject({ connects: 2, disconnects: 1, protocolErrors: 0 });
    await next.expectNone();
    await bench.end(client);
  });
});
