// SPDX-License-Identifier: Apache-2.0
import { encode, encodeUtf8, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { MqttError, type Transport } from "../src/index.js";
import {
  auth,
  connack,
  connected,
  deferred,
  expectAuth,
  METHOD,
  NOT_BELIEVED,
  start,
  TestAuthenticator,
  textOf,
} from "./auth-bench.js";
import { Bench, codeOf, collect, follow, publish, suback } from "./bench.js";

const { Connack, Connect, Disconnect, Publish, Subscribe } = PacketType;

const BAD = [
  ["AUTH with another method", auth(0x18, "x", "OTHER")],
  ["AUTH with the method in other letters", auth(0x18, "x", METHOD.toLowerCase())],
  ["AUTH that says success", auth(0x00)],
  ["AUTH that re-authenticates", Uint8Array.of(0xf0, 10, 0x19, 8, 0x15, 0, 5, 0x54, 0x4f, 0x4b, 0x45, 0x4e)],
  ["AUTH with an unknown code", Uint8Array.of(0xf0, 10, 0x01, 8, 0x15, 0, 5, 0x54, 0x4f, 0x4b, 0x45, 0x4e)],
  ["AUTH without a method", Uint8Array.of(0xf0, 2, 0x18, 0)],
  ["AUTH of no length", Uint8Array.of(0xf0, 0)],
  ["AUTH with data and no method", Uint8Array.of(0xf0, 6, 0x18, 4, 0x16, 0, 1, 0)],
] as const;

describe("enhanced authentication", () => {
  it("takes as many rounds as the broker wants, then the connection is up [parity 55] [MQTT-4.12.0-3]", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const client = bench.client({ authenticator });
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    const { properties } = await connection.expect(Connect);
    expect([properties.authenticationMethod, textOf(properties.authenticationData)]).toEqual([METHOD, "begin 1"]);
    for (const challenge of ["one", "two", undefined]) {
      connection.send(auth(0x18, challenge));
      await expectAuth(connection, 0x18, `re ${challenge ?? "nothing"}`);
      expect(connecting.status).toBe("pending");
    }
    connection.send(connack("proof"));
    await bench.clock.settle();
    expect(connecting.value).toMatchObject({ authenticationMethod: METHOD, authenticationData: encodeUtf8("proof") });
    expect(authenticator.calls).toEqual(["begin", "respond one", "respond two", "respond nothing", "verify proof"]);
    await bench.end(client);
  });

  it("lets the broker speak first, and an answer be empty", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator({
      begin: () => Promise.resolve({ respond: () => Promise.resolve(undefined) }),
    });
    const client = bench.client({ authenticator });
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    const { properties } = await connection.expect(Connect);
    expect([properties.authenticationMethod, properties.authenticationData]).toEqual([METHOD, undefined]);
    connection.send(auth(0x18));
    await expectAuth(connection, 0x18);
    connection.send(connack());
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    await bench.end(client);
  });

  it("begins afresh at every attempt, before it dials, with the method it had at first", async () => {
    const bench = new Bench();
    const dials: number[] = [];
    const peer = bench.peer.transport();
    const transport: Transport = {
      connect: (url, options) => {
        dials.push(authenticator.signals.length);
        return peer.connect(url, options);
      },
    };
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator, { transport });
    Object.defineProperty(authenticator, "method", { value: "OTHER" });
    connection.cut();
    const next = await bench.peer.accept();
    const { properties } = await next.expect(Connect);
    expect([properties.authenticationMethod, textOf(properties.authenticationData)]).toEqual([METHOD, "begin 2"]);
    expect(dials).toEqual([1, 2]);
    next.send(connack());
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("sends only AUTH before CONNACK, whatever is asked of the client, then the rest [MQTT-3.1.2-30]", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await start(bench, { authenticator, keepAlive: 1, connectTimeout: 60_000 });
    await client.subscribe("a/#", { qos: 1 });
    for (const qos of [0, 1, 2] as const) {
      await expect(client.publish("a", "b", { qos })).rejects.toMatchObject({ code: "NOT_CONNECTED" });
    }
    for (let round = 0; round < 3; round++) {
      await bench.clock.advance(5000);
      connection.send(auth(0x18, "x"));
      await expectAuth(connection, 0x18, "re x");
    }
    await connection.expectNone({ within: 5000 });
    connection.send(connack());
    await connection.expect(Subscribe);
    await bench.end(client);
  });

  it("waits for an answer that takes time, and sends it then", async () => {
    const bench = new Bench();
    const answer = deferred<Uint8Array>();
    const { client, connecting, connection } = await start(bench, {
      authenticator: new TestAuthenticator({ respond: () => answer.promise }),
    });
    connection.send(auth(0x18, "x"));
    await connection.expectNone({ within: 1000 });
    answer.resolve(encodeUtf8("late"));
    await expectAuth(connection, 0x18, "late");
    connection.send(connack());
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("a broker that breaks the rules of authentication", () => {
  for (const [name, packet] of BAD) {
    it(`is left with 0x82: ${name} [parity 56] [MQTT-4.12.0-2, MQTT-4.12.0-5]`, async () => {
      const bench = new Bench();
      const authenticator = new TestAuthenticator();
      const { client, connecting, connection } = await start(bench, { authenticator });
      connection.send(packet);
      await connection.expect({ type: Disconnect, reasonCode: 0x82 });
      await connection.expectClosed();
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({ code: "PROTOCOL_ERROR", reasonCode: 0x82 });
      expect(authenticator.calls).toEqual(["begin"]);
      expect(authenticator.signals[0]?.aborted).toBe(true);
      expect(client.stats().protocolErrors).toBe(1);
      expect(bench.clock.pending).toBe(0);
    });
  }

  it("is left with 0x82 for any AUTH where no method was named [MQTT-4.12.0-6, MQTT-4.12.0-7]", async () => {
    for (const packet of [auth(0x18), auth(0x00)]) {
      for (const before of [true, false]) {
        const bench = new Bench();
        const { client, connection } = await start(bench);
        if (!before) connection.send({ type: Connack, sessionPresent: false, reasonCode: 0 });
        connection.send(packet);
        await connection.expect({ type: Disconnect, reasonCode: 0x82 });
        await connection.expectClosed();
        await bench.end(client);
      }
    }
  });

  it("is left with 0x82 for a CONNACK with another method, none, or one that nobody asked for [parity 57] [MQTT-4.12.0-5]", async () => {
    for (const [authenticator, packet] of [
      [new TestAuthenticator(), connack("x", "OTHER")],
      [new TestAuthenticator(), { type: Connack, sessionPresent: false, reasonCode: 0 }],
      [undefined, connack("x")],
      [undefined, connack()],
    ] as const) {
      const bench = new Bench();
      const { connecting, connection } = await start(bench, { authenticator });
      connection.send(packet);
      await connection.expect({ type: Disconnect, reasonCode: 0x82 });
      await connection.expectClosed();
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({ code: "PROTOCOL_ERROR", reasonCode: 0x82 });
      expect(authenticator?.calls ?? ["begin"]).toEqual(["begin"]);
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("is left with 0x82 if it goes on before it has the answer, and the answer stays here", async () => {
    for (const packet of [auth(0x18, "second"), connack()]) {
      const bench = new Bench();
      const answer = deferred<Uint8Array>();
      const authenticator = new TestAuthenticator({ respond: () => answer.promise });
      const { connecting, connection } = await start(bench, { authenticator });
      connection.send(auth(0x18, "first"), packet);
      await connection.expect({ type: Disconnect, reasonCode: 0x82 });
      answer.resolve(encodeUtf8("late"));
      await connection.expectClosed();
      await bench.clock.settle();
      expect(codeOf(connecting.error)).toBe("PROTOCOL_ERROR");
      expect(authenticator.calls).toEqual(["begin", "respond first"]);
    }
  });

  it("is given up after 32 challenges", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { connecting, connection } = await start(bench, { authenticator });
    for (let round = 0; round < 32; round++) {
      connection.send(auth(0x18, "more"));
      await expectAuth(connection, 0x18, "re more");
    }
    connection.send(auth(0x18, "more"));
    await connection.expectClosed();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "AUTHENTICATION_FAILED", message: expect.stringContaining("32") });
    expect(authenticator.calls).toHaveLength(33);
  });

  it("may not explain an AUTH if it was asked not to", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { connection } = await start(bench, { authenticator, requestProblemInformation: false });
    connection.send({ ...auth(0x18), properties: { authenticationMethod: METHOD, reasonString: "because" } });
    await connection.expect({ type: Disconnect, reasonCode: 0x82 });
    await connection.expectClosed();
  });

  it("may refuse in the middle, and the authenticator need not go on [MQTT-4.12.0-4]", async () => {
    const bench = new Bench();
    const answer = deferred<Uint8Array>();
    const authenticator = new TestAuthenticator({ respond: () => answer.promise });
    const { connecting, connection } = await start(bench, { authenticator });
    connection.send(auth(0x18, "x"), { type: Connack, sessionPresent: false, reasonCode: 0x87 });
    await connection.expectClosed();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x87 });
    expect(authenticator.signals[0]?.aborted).toBe(true);
    answer.reject(new Error("late"));
    await bench.clock.settle();
    expect(bench.clock.pending).toBe(0);
  });

  it("that knows no such method refuses with 0x8C [MQTT-4.12.0-1]", async () => {
    const bench = new Bench();
    const { connecting, connection } = await start(bench, { authenticator: new TestAuthenticator() });
    connection.send({ type: Connack, sessionPresent: false, reasonCode: 0x8c });
    await connection.expectClosed();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x8c });
  });
});

describe("verifying what came with CONNACK", () => {
  const failures: readonly (readonly [string, () => never | Promise<never>])[] = [
    [
      "throws",
      () => {
        throw new Error("no proof");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no proof"))],
    ["rejects with an error of ours", () => Promise.reject(new MqttError("AUTHENTICATION_FAILED", "no proof"))],
  ];
  for (const [name, verify] of failures) {
    it(`ends the connection if the authenticator ${name} [parity 58]`, async () => {
      const bench = new Bench();
      const up: string[] = [];
      const authenticator = new TestAuthenticator({ verify });
      const { client, connecting, connection } = await start(bench, {
        authenticator,
        onConnectionUp: () => up.push("up"),
      });
      const subscription = await client.subscribe("#");
      const { got } = collect(subscription);
      connection.send(connack("lie"), publish("a", "1"));
      await connection.expect(NOT_BELIEVED);
      await connection.expectClosed();
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({
        code: "AUTHENTICATION_FAILED",
        message: expect.stringContaining("no proof"),
      });
      expect([got, up, client.stats().connects, client.serverInfo]).toEqual([[], [], 0, undefined]);
      expect(authenticator.calls).toEqual(["begin", "verify lie"]);
      expect(bench.clock.pending).toBe(0);
    });
  }

  it("holds back all that follows, in order, until it is done", async () => {
    const bench = new Bench();
    const verified = deferred<void>();
    const authenticator = new TestAuthenticator({ verify: () => verified.promise });
    const { client, connecting, connection } = await start(bench, { authenticator, keepAlive: 5 });
    const { got } = collect(await client.subscribe("#"));
    const bytes = encode(publish("a", "4"));
    connection.send(connack(), publish("a", "1"), publish("a", "2"));
    await bench.clock.settle();
    connection.send(publish("a", "3"), bytes.subarray(0, 3));
    await connection.expectNone({ within: 6000 });
    expect([got, connecting.status, client.state.status]).toEqual([[], "pending", "connecting"]);
    verified.resolve();
    await bench.clock.settle();
    expect([got, connecting.status]).toEqual([["a=1", "a=2", "a=3"], "resolved"]);
    connection.send(bytes.subarray(3));
    const { packetId } = await connection.expect(Subscribe);
    connection.send(suback(packetId, 0), publish("a", "5"));
    await bench.clock.settle();
    expect(got).toEqual(["a=1", "a=2", "a=3", "a=4", "a=5"]);
    await bench.end(client);
  });

  it("holds back what a link still brings after it was told to pause", async () => {
    const bench = new Bench();
    const verified = deferred<void>();
    const peer = bench.peer.transport();
    const transport: Transport = {
      async connect(url, options) {
        const link = await peer.connect(url, options);
        return Object.assign(link, { pause() {} });
      },
    };
    const authenticator = new TestAuthenticator({ verify: () => verified.promise });
    const { client, connection } = await start(bench, { authenticator, transport });
    const { got } = collect(await client.subscribe("#"));
    connection.send(connack());
    await bench.clock.settle();
    connection.send(publish("a", "1"), publish("a", "2"));
    await connection.expectNone({ within: 100 });
    expect([got, client.stats().protocolErrors]).toEqual([[], 0]);
    verified.resolve();
    await bench.clock.settle();
    expect(got).toEqual(["a=1", "a=2"]);
    await bench.end(client);
  });

  it("stops reading meanwhile: a broker can't fill the memory", async () => {
    const bench = new Bench();
    const verified = deferred<void>();
    const { client, connection } = await start(bench, {
      authenticator: new TestAuthenticator({ verify: () => verified.promise }),
    });
    connection.send(connack());
    await bench.clock.settle();
    connection.send(publish("a", "x".repeat(100_000)));
    await bench.clock.settle();
    expect(connection.link.pendingBytes).toBeGreaterThan(100_000);
    verified.resolve();
    await bench.clock.settle();
    expect([connection.link.pendingBytes, client.stats().inboundPublishes]).toEqual([0, 1]);
    await bench.end(client);
  });

  it("answers bad bytes behind CONNACK once it is done, as on any connection", async () => {
    for (const [behind, reasonCode] of [
      [Uint8Array.of(0x00, 0x00), 0x81],
      [encode(connack()), 0x82],
      [encode(auth(0x18)), 0x82],
      [encode(auth(0x00)), 0x82],
    ] as const) {
      const bench = new Bench();
      const verified = deferred<void>();
      const { client, connecting, connection } = await start(bench, {
        authenticator: new TestAuthenticator({ verify: () => verified.promise }),
      });
      connection.send(connack(), behind);
      await connection.expectNone({ within: 100 });
      verified.resolve();
      await connection.expect({ type: Disconnect, reasonCode });
      await connection.expectClosed();
      expect(connecting.status).toBe("resolved");
      await bench.end(client);
    }
  });

  it("is given up with the link, the attempt's time, an abort and a disconnect; nothing is left", async () => {
    for (const end of ["cut", "timeout", "abort", "disconnect"] as const) {
      const bench = new Bench();
      const verified = deferred<void>();
      const authenticator = new TestAuthenticator({ verify: () => verified.promise });
      const client = bench.client({ authenticator, connectTimeout: 1000 });
      const controller = new AbortController();
      const connecting = follow(client.connect({ signal: controller.signal }));
      const connection = await bench.peer.accept();
      await connection.expect(Connect);
      connection.send(connack(), publish("a", "1"));
      await bench.clock.settle();
      if (end === "cut") connection.cut();
      if (end === "timeout") await bench.clock.advance(1000);
      if (end === "abort") controller.abort();
      if (end === "disconnect") void client.disconnect();
      await bench.clock.settle();
      verified.resolve();
      await bench.clock.advance(2000);
      const codes = { cut: "CONNECTION_LOST", timeout: "CONNECT_TIMEOUT", abort: "ABORTED", disconnect: "CLOSED" };
      expect(codeOf(connecting.error)).toBe(codes[end]);
      expect([client.stats().connects, client.stats().inboundPublishes]).toEqual([0, 0]);
      expect(authenticator.signals[0]?.aborted).toBe(true);
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("of a resumed session lets its messages and answers through afterwards", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator);
    const sent = follow(client.publish("a", "b", { qos: 1 }));
    const { packetId } = await connection.expect(Publish);
    connection.cut();
    const verified = deferred<void>();
    authenticator.behaviour = { verify: () => verified.promise };
    const next = await bench.peer.accept();
    await next.expect({ type: Connect, cleanStart: false });
    next.send({ ...connack(), sessionPresent: true });
    await next.expectNone({ within: 1000 });
    verified.resolve();
    await next.expect({ type: Publish, duplicate: true, packetId });
    next.send({ type: PacketType.Puback, packetId, reasonCode: 0 });
    await bench.clock.settle();
    expect(sent.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("an authenticator that fails", () => {
  const cause = new Error("no token");

  it("in begin fails the attempt, and nothing is dialled", async () => {
    for (const begin of [
      () => Promise.reject(cause),
      () => {
        throw cause;
      },
    ]) {
      const bench = new Bench();
      const client = bench.client({ authenticator: new TestAuthenticator({ begin }) });
      const connecting = follow(client.connect());
      await bench.peer.expectNoConnection({ within: 1000 });
      expect(connecting.error).toMatchObject({ code: "AUTHENTICATION_FAILED", cause });
      expect(client.state).toMatchObject({ status: "closed", cause: { code: "AUTHENTICATION_FAILED" } });
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("in begin is asked again later where attempts are repeated", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator({ begin: () => Promise.reject(cause) });
    const client = bench.client({ authenticator, retryInitialConnect: true });
    const connecting = follow(client.connect());
    await bench.clock.advance(250);
    expect(authenticator.calls).toHaveLength(3);
    authenticator.behaviour = {};
    const connection = await bench.peer.accept();
    await connection.expect(Connect);
    connection.send(connack());
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    await bench.end(client);
  });

  it("with nonsense is told what is wrong, and its data is never shown", async () => {
    const long = new Uint8Array(65_536);
    for (const [begin, expected] of [
      [() => undefined as never, { field: "exchange" }],
      [() => ({}) as never, { field: "exchange" }],
      [() => ({ respond: () => undefined, verify: 1 as never }), { field: "exchange" }],
      [() => ({ respond: () => undefined, initial: "secret" as never }), { field: "exchange.initial" }],
      [() => ({ respond: () => undefined, initial: long }), { field: "exchange.initial", code: "FIELD_TOO_LONG" }],
    ] as const) {
      const bench = new Bench();
      const client = bench.client({ authenticator: new TestAuthenticator({ begin }) });
      const connecting = follow(client.connect());
      await bench.peer.expectNoConnection({ within: 100 });
      expect(connecting.error).toMatchObject({
        code: "AUTHENTICATION_FAILED",
        cause: { name: "InvalidArgumentError", ...expected },
      });
      expect(String(connecting.error)).not.toContain("secret");
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("in respond ends the connection without another word, whatever is wrong", async () => {
    for (const [respond, expected] of [
      [() => Promise.reject(cause), { cause }],
      [
        () => {
          throw cause;
        },
        { cause },
      ],
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what a careless authenticator does
      [() => Promise.reject("no token"), { message: "The authenticator failed: no token" }],
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the same
      [() => Promise.reject(Object.create(null)), {}],
      [() => "secret" as never, { cause: { code: "INVALID_FIELD", field: "answer" } }],
      [() => new Uint8Array(65_536), { cause: { code: "FIELD_TOO_LONG", field: "answer" } }],
    ] as const) {
      const bench = new Bench();
      const authenticator = new TestAuthenticator({ respond });
      const { connecting, connection } = await start(bench, { authenticator });
      connection.send(auth(0x18, "x"));
      await connection.expectClosed();
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({ code: "AUTHENTICATION_FAILED", ...expected });
      expect(String(connecting.error)).not.toContain("secret");
      expect(authenticator.signals[0]?.aborted).toBe(true);
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("by never answering is bounded by the attempt, an abort and a disconnect", async () => {
    for (const where of ["begin", "respond"] as const) {
      for (const end of ["timeout", "abort", "disconnect"] as const) {
        const bench = new Bench();
        const authenticator = new TestAuthenticator({ [where]: () => new Promise<never>(() => {}) });
        const client = bench.client({ authenticator, connectTimeout: 1000 });
        const controller = new AbortController();
        const connecting = follow(client.connect({ signal: controller.signal }));
        await bench.clock.settle();
        if (where === "respond") {
          const connection = await bench.peer.accept();
          connection.send(auth(0x18));
          await bench.clock.settle();
        }
        expect(authenticator.signals[0]?.aborted).toBe(false);
        if (end === "timeout") await bench.clock.advance(1000);
        if (end === "abort") controller.abort();
        if (end === "disconnect") void client.disconnect();
        await bench.clock.advance(600);
        expect(codeOf(connecting.error)).toBe(
          { timeout: "CONNECT_TIMEOUT", abort: "ABORTED", disconnect: "CLOSED" }[end],
        );
        expect(authenticator.signals[0]?.aborted).toBe(true);
        expect(client.state.status).toBe("closed");
        expect(bench.clock.pending).toBe(0);
      }
    }
  });

  it("is named in the options", () => {
    const bench = new Bench();
    for (const [authenticator, field] of [
      [{}, "authenticator"],
      [{ method: "x" }, "authenticator"],
      [{ begin() {} }, "authenticator.method"],
      [{ method: "", begin() {} }, "authenticator.method"],
      [{ method: 1, begin() {} }, "authenticator.method"],
      ["SCRAM", "authenticator"],
    ] as const) {
      expect(() => bench.client({ authenticator: authenticator as never })).toThrow(
        expect.objectContaining({ name: "InvalidArgumentError", field }),
      );
    }
    expect(() => bench.client({ authenticator: { method: "x".repeat(65_536), begin: () => ({}) as never } })).toThrow(
      expect.objectContaining({ code: "FIELD_TOO_LONG" }),
    );
    expect(() => bench.client({ onReauthenticated: 1 as never })).toThrow("onReauthenticated");
  });
});
