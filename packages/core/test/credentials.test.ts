// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { Credentials, Transport } from "../src/index.js";
import { Bench, codeOf, follow } from "./bench.js";

const { Connect, Connack } = PacketType;

describe("credentials per attempt [decision 15]", () => {
  it("are asked for before every attempt, and change nothing else of CONNECT [parity 47]", async () => {
    const bench = new Bench();
    const attempts: number[] = [];
    const client = bench.client({
      username: "static",
      password: "old",
      userProperties: [["a", "1"]],
      keepAlive: 17,
      credentials: async (attempt, signal) => {
        expect(signal.aborted).toBe(false);
        attempts.push(attempt);
        const token = `token ${attempts.length}`;
        return attempts.length === 2
          ? { password: token }
          : { username: "service", password: token, userProperties: [["b", "2"]], clientId: "other", keepAlive: 1 };
      },
    });
    follow(client.connect());
    const connection = await bench.peer.accept();
    const first = await connection.expect(Connect);
    connection.send({ type: Connack, sessionPresent: false, reasonCode: 0 });
    await bench.clock.settle();
    expect(first).toMatchObject({
      clientId: "client",
      keepAlive: 17,
      username: "service",
      password: new TextEncoder().encode("token 1"),
      properties: {
        userProperties: [
          ["a", "1"],
          ["b", "2"],
        ],
      },
    });
    connection.cut();
    const refused = await bench.peer.accept();
    const second = await refused.expect(Connect);
    expect(second).toMatchObject({ username: "static", password: new TextEncoder().encode("token 2") });
    expect(second.properties?.userProperties).toEqual([["a", "1"]]);
    refused.cut();
    const third = await (await bench.peer.accept()).expect(Connect);
    expect(third).toMatchObject({ username: "service", password: new TextEncoder().encode("token 3") });
    expect(attempts).toEqual([1, 2, 3]);
    await bench.end(client);
  });

  it("give the transport its headers", async () => {
    const bench = new Bench();
    const inner = bench.peer.transport();
    const seen: unknown[] = [];
    const transport: Transport = {
      connect(url, options) {
        seen.push(options.headers);
        return inner.connect(url, options);
      },
    };
    const answers: Credentials[] = [{ headers: { authorization: "Bearer 1" } }, {}];
    const { client, connection } = await bench.connect({
      transport,
      credentials: () => answers.shift() ?? { headers: { authorization: "Bearer 3" } },
    });
    await bench.reconnect(await bench.reconnect(connection));
    await bench.clock.settle();
    expect(seen).toEqual([{ authorization: "Bearer 1" }, undefined, { authorization: "Bearer 3" }]);
    await bench.end(client);
  });

  it("that come slowly are waited for within the connect timeout, which CONNACK then shares", async () => {
    const bench = new Bench();
    const client = bench.client({
      connectTimeout: 1000,
      credentials: () => new Promise((resolve) => void bench.clock.schedule(900, () => resolve({ username: "slow" }))),
    });
    const connecting = follow(client.connect());
    await bench.clock.advance(899);
    await bench.peer.expectNoConnection();
    await bench.clock.advance(1);
    const connection = await bench.peer.accept();
    expect((await connection.expect(Connect)).username).toBe("slow");
    await bench.clock.advance(100);
    expect(codeOf(connecting.error)).toBe("CONNECT_TIMEOUT");
    await bench.clock.advance(1000);
    expect(bench.clock.pending).toBe(0);
  });

  it("that never come fail the attempt at the connect timeout, and the next attempt asks anew", async () => {
    const bench = new Bench();
    const signals: AbortSignal[] = [];
    const errors: string[] = [];
    const client = bench.client({
      connectTimeout: 1000,
      retryInitialConnect: true,
      onConnectError: (error) => errors.push(error.code),
      credentials: (_, signal) => {
        signals.push(signal);
        return signals.length === 1 ? new Promise(() => {}) : { username: "second" };
      },
    });
    const connecting = follow(client.connect());
    await bench.clock.advance(1000);
    expect(signals[0]?.aborted).toBe(true);
    const connection = await bench.peer.accept();
    expect((await connection.expect(Connect)).username).toBe("second");
    connection.send({ type: Connack, sessionPresent: false, reasonCode: 0 });
    await bench.clock.settle();
    expect([connecting.status, errors]).toEqual(["resolved", ["CONNECT_TIMEOUT"]]);
    expect(signals[1]?.aborted).toBe(false);
    await bench.end(client);
  });

  it("that fail, or are nonsense, fail the attempt and say why; nothing is dialled", async () => {
    const cause = new Error("no token");
    const failures: [() => never, object][] = [
      [(() => Promise.reject(cause)) as never, { cause }],
      [
        () => {
          throw cause;
        },
        { cause },
      ],
      [(() => undefined) as never, { cause: { field: "credentials" } }],
      [(() => null) as never, { cause: { field: "credentials" } }],
      [(() => ({ username: 1 })) as never, { cause: { field: "credentials.username" } }],
      [(() => ({ username: "a\u0000" })) as never, { cause: { field: "username" } }],
      [(() => ({ password: 1 })) as never, { cause: { field: "credentials.password" } }],
      [(() => ({ headers: { a: 1 } })) as never, { cause: { field: "credentials.headers.a" } }],
      [(() => ({ userProperties: 1 })) as never, {}],
    ];
    for (const [credentials, expected] of failures) {
      const bench = new Bench();
      const client = bench.client({ credentials });
      const connecting = follow(client.connect());
      await bench.clock.settle();
      await bench.peer.expectNoConnection();
      expect(connecting.error).toMatchObject({ code: "CREDENTIALS_FAILED", ...expected });
      expect(client.stats().connectFailures).toBe(1);
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("are no longer waited for when the client ends, whatever becomes of them", async () => {
    const bench = new Bench();
    let fail: (() => void) | undefined;
    const client = bench.client({
      credentials: () => new Promise((_, reject) => (fail = () => reject(new Error("late")))),
    });
    const connecting = follow(client.connect());
    await bench.clock.settle();
    await bench.end(client);
    expect(codeOf(connecting.error)).toBe("CLOSED");
    fail?.();
    await bench.clock.settle();
    await bench.peer.expectNoConnection();
  });

  it("after a refusal are asked for again, at the longest delay [decision 13]", async () => {
    const bench = new Bench();
    const tokens = ["old", "new"];
    const { client, connection } = await bench.connect({ credentials: () => ({ password: tokens[0] }) });
    connection.cut();
    const refused = await bench.peer.accept();
    await refused.expect(Connect);
    tokens.shift();
    refused.send({ type: Connack, sessionPresent: false, reasonCode: 0x86 });
    await refused.expectClosed();
    const next = await bench.peer.accept({ within: 60_000 });
    expect((await next.expect(Connect)).password).toEqual(new TextEncoder().encode("new"));
    await bench.end(client);
  });
});
