// SPDX-License-Identifier: Apache-2.0
import { encodeUtf8, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import {
  auth,
  connack,
  connected,
  deferred,
  expectAuth,
  METHOD,
  NOT_BELIEVED,
  TestAuthenticator,
} from "./auth-bench.js";
import { Bench, codeOf, collect, follow, grant, puback, publish } from "./bench.js";

const { Auth, Connect, Disconnect, Pingreq, Publish } = PacketType;

describe("reauthenticate", () => {
  it("sends AUTH 0x19, answers challenges, and resolves at AUTH 0x00 [parity 59] [MQTT-4.12.1-1, MQTT-4.12.0-3]", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const told: string[] = [];
    const { client, connection } = await connected(bench, authenticator, {
      onReauthenticated: () => told.push(again.status),
    });
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    for (const challenge of ["one", "two"]) {
      connection.send(auth(0x18, challenge));
      await expectAuth(connection, 0x18, `re ${challenge}`);
    }
    expect([again.status, told]).toEqual(["pending", []]);
    connection.send(auth(0x00, "proof"));
    await bench.clock.settle();
    expect([again.status, told]).toEqual(["resolved", ["resolved"]]);
    expect(authenticator.calls.slice(2)).toEqual(["begin", "respond one", "respond two", "verify proof"]);
    expect(authenticator.signals[1]?.aborted).toBe(false);
    // And once more, as often as need be.
    const third = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 3");
    connection.send(auth(0x00));
    await bench.clock.settle();
    expect([third.status, told.length, client.state.status]).toEqual(["resolved", 2, "connected"]);
    await connection.expectNone({ within: 1000 });
    await bench.end(client);
  });

  it("lets all other traffic go on meanwhile, keep-alive included", async () => {
    const bench = new Bench();
    const { client, connection } = await connected(bench, new TestAuthenticator(), { keepAlive: 2 });
    const subscribing = client.subscribe("a");
    await grant(connection);
    const { got } = collect(await bench.clock.run(subscribing));
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    const sent = follow(client.publish("b", "x", { qos: 1 }));
    const { packetId } = await connection.expect(Publish);
    connection.send(puback(packetId), publish("a", "1"));
    await connection.expect(Pingreq);
    connection.send({ type: PacketType.Pingresp }, auth(0x18), publish("a", "2"));
    await expectAuth(connection, 0x18, "re nothing");
    expect([again.status, sent.status, got]).toEqual(["pending", "resolved", ["a=1", "a=2"]]);
    connection.send(auth(0x00), publish("a", "3"));
    await bench.clock.settle();
    expect([again.status, got]).toEqual(["resolved", ["a=1", "a=2", "a=3"]]);
    await bench.end(client);
  });

  it("runs one at a time, until the broker concludes, however early its caller leaves [parity 60]", async () => {
    const bench = new Bench();
    const told: string[] = [];
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator, {
      onReauthenticated: () => told.push("again"),
    });
    const controller = new AbortController();
    const first = follow(client.reauthenticate({ signal: controller.signal }));
    const second = follow(client.reauthenticate());
    await bench.clock.settle();
    expect(second.error).toMatchObject({ code: "REAUTH_IN_PROGRESS", delivery: "not-sent" });
    await expectAuth(connection, 0x19, "begin 2");
    controller.abort(new Error("enough"));
    await bench.clock.settle();
    expect(first.error).toMatchObject({ code: "ABORTED", delivery: "unknown", cause: { message: "enough" } });
    expect(codeOf(follow(client.reauthenticate()).error)).toBeUndefined();
    await expect(client.reauthenticate()).rejects.toMatchObject({ code: "REAUTH_IN_PROGRESS" });
    await connection.expectNone();
    // The broker's questions are answered all the same.
    connection.send(auth(0x18, "x"));
    await expectAuth(connection, 0x18, "re x");
    connection.send(auth(0x00));
    await bench.clock.settle();
    expect(told).toEqual(["again"]);
    const third = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 3");
    connection.send(auth(0x00));
    await bench.clock.settle();
    expect(third.status).toBe("resolved");
    await bench.end(client);
  });

  it("takes a time limit, before and after its AUTH has left", async () => {
    const bench = new Bench();
    const begun = deferred<never>();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator);
    authenticator.behaviour = { begin: () => begun.promise };
    const first = follow(client.reauthenticate({ timeout: 100 }));
    await bench.clock.advance(100);
    expect(first.error).toMatchObject({ code: "TIMEOUT", delivery: "not-sent" });
    expect(authenticator.signals[1]?.aborted).toBe(true);
    authenticator.behaviour = {};
    const second = follow(client.reauthenticate({ timeout: 100 }));
    await bench.clock.advance(100);
    expect(second.error).toMatchObject({ code: "TIMEOUT", delivery: "unknown" });
    expect(authenticator.signals[2]?.aborted).toBe(false);
    await expectAuth(connection, 0x19, "begin 3");
    begun.reject(new Error("late"));
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("aborted before its AUTH has left sends nothing, and the next may begin", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator);
    const early = AbortSignal.abort(new Error("before"));
    await expect(client.reauthenticate({ signal: early })).rejects.toMatchObject({
      code: "ABORTED",
      delivery: "not-sent",
    });
    expect(authenticator.signals).toHaveLength(1);
    const begun = deferred<never>();
    authenticator.behaviour = { begin: () => begun.promise };
    const controller = new AbortController();
    const first = follow(client.reauthenticate({ signal: controller.signal }));
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    expect(first.error).toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    expect(authenticator.signals[1]?.aborted).toBe(true);
    authenticator.behaviour = {};
    const second = follow(client.reauthenticate());
    begun.resolve({ respond: () => undefined } as never);
    await expectAuth(connection, 0x19, "begin 3");
    connection.send(auth(0x00));
    await bench.clock.settle();
    expect(second.status).toBe("resolved");
    await connection.expectNone();
    await bench.end(client);
  });

  it("without an authenticator, or without a connection, sends nothing [MQTT-4.12.0-7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    await expect(client.reauthenticate()).rejects.toMatchObject({ code: "NO_AUTHENTICATOR", delivery: "not-sent" });
    await connection.expectNone({ within: 100 });
    await bench.end(client);

    const other = new Bench();
    const authenticator = new TestAuthenticator();
    const offline = other.client({ authenticator });
    const refused = { code: "NOT_CONNECTED", delivery: "not-sent" };
    await expect(offline.reauthenticate()).rejects.toMatchObject(refused);
    const connecting = follow(offline.connect());
    await expect(offline.reauthenticate()).rejects.toMatchObject(refused);
    const first = await other.peer.accept();
    await first.expect(Connect);
    await expect(offline.reauthenticate()).rejects.toMatchObject(refused); // before CONNACK
    first.send(connack());
    await other.clock.settle();
    expect(connecting.status).toBe("resolved");
    first.cut();
    await other.clock.settle();
    await expect(offline.reauthenticate()).rejects.toMatchObject(refused);
    await other.end(offline);
    await expect(offline.reauthenticate()).rejects.toMatchObject(refused);
    expect(authenticator.calls.filter((call) => call === "begin")).toHaveLength(1);
  });

  it("checks what it is given", async () => {
    const bench = new Bench();
    const { client } = await connected(bench, new TestAuthenticator());
    for (const options of [null, { signal: {} }, { timeout: -1 }]) {
      await expect(client.reauthenticate(options as never)).rejects.toMatchObject({ code: "INVALID_FIELD" });
    }
    await bench.end(client);
  });

  it("has the broker's questions read, even while received messages fill their memory", async () => {
    const bench = new Bench();
    const { client, connection } = await connected(bench, new TestAuthenticator(), { maximumBufferedBytes: 1000 });
    const subscribing = client.subscribe("a");
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send(publish("a", "x".repeat(900)), publish("a", "x".repeat(900)));
    await bench.clock.settle();
    connection.send(publish("a", "x"));
    await bench.clock.settle();
    expect(connection.link.pendingBytes).toBeGreaterThan(0); // nothing is read
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    connection.send(auth(0x00));
    await bench.clock.settle();
    expect(again.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("a re-authentication that does not succeed", () => {
  it("is rejected by DISCONNECT, with all that it says [parity 62] [MQTT-4.12.1-2]", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator);
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    const properties = { reasonString: "expired", userProperties: [["a", "b"]] } as const;
    connection.send({ type: Disconnect, reasonCode: 0x87, properties });
    await bench.clock.settle();
    expect(again.error).toMatchObject({
      name: "ReasonCodeError",
      code: "REAUTH_REJECTED",
      delivery: "refused",
      packet: "DISCONNECT",
      reasonCode: 0x87,
      message: expect.stringContaining("expired"),
      ...properties,
    });
    expect(authenticator.signals[1]?.aborted).toBe(true);
    const next = await bench.peer.accept();
    await next.expect(Connect);
    next.send(connack());
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("is NOT_CONNECTED if the connection is lost first, and says whether AUTH had left [parity 63]", async () => {
    for (const sent of [true, false]) {
      const bench = new Bench();
      const authenticator = new TestAuthenticator();
      const { client, connection } = await connected(bench, authenticator);
      const begun = deferred<never>();
      if (!sent) authenticator.behaviour = { begin: () => begun.promise };
      const again = follow(client.reauthenticate());
      if (sent) await expectAuth(connection, 0x19, "begin 2");
      connection.cut();
      await bench.clock.settle();
      expect(again.error).toMatchObject({
        code: "NOT_CONNECTED",
        delivery: sent ? "unknown" : "not-sent",
        cause: { code: "CONNECTION_LOST" },
      });
      expect(authenticator.signals[1]?.aborted).toBe(true);
      begun.resolve({ respond: () => undefined } as never);
      authenticator.behaviour = {};
      const next = await bench.peer.accept();
      await next.expect(Connect);
      next.send(connack());
      await next.expectNone({ within: 100 });
      await bench.end(client);
    }
  });

  it("that had not begun is NOT_CONNECTED when the broker disconnects", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator);
    authenticator.behaviour = { begin: () => new Promise<never>(() => {}) };
    const again = follow(client.reauthenticate());
    connection.send({ type: Disconnect, reasonCode: 0x8b });
    await bench.clock.settle();
    expect(again.error).toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
    authenticator.behaviour = {};
    await bench.end(client);
  });

  it("is CLOSED by disconnect, in every step of it; nothing is left", async () => {
    const never = () => new Promise<never>(() => {});
    for (const step of ["begin", "sent", "respond", "verify"] as const) {
      const bench = new Bench();
      const authenticator = new TestAuthenticator();
      const { client, connection } = await connected(bench, authenticator);
      if (step !== "sent") authenticator.behaviour = { [step]: never };
      const again = follow(client.reauthenticate());
      if (step !== "begin") await expectAuth(connection, 0x19, "begin 2");
      if (step === "respond") connection.send(auth(0x18));
      if (step === "verify") connection.send(auth(0x00));
      await bench.clock.settle();
      await bench.end(client);
      expect(again.error).toMatchObject({ code: "CLOSED", delivery: step === "begin" ? "not-sent" : "unknown" });
      expect(authenticator.signals[1]?.aborted).toBe(true);
      await connection.expect({ type: Disconnect, reasonCode: 0 });
    }
  });

  for (const step of ["respond", "verify"] as const) {
    for (const late of [false, true]) {
      it(`ends the connection with a code that a client may send, 0x83, if ${step} ${late ? "rejects" : "throws"} [parity 64] [MQTT-4.12.1-2] [MQTT-3.14.2-1]`, async () => {
        const bench = new Bench();
        const cause = new Error("no");
        const fail = (): never | Promise<never> => {
          if (late) return Promise.reject(cause);
          throw cause;
        };
        const downs: unknown[] = [];
        const authenticator = new TestAuthenticator();
        const { client, connection } = await connected(bench, authenticator, {
          onConnectionDown: (error) => void downs.push(error.code),
          onReauthenticated: () => downs.push("never"),
        });
        authenticator.behaviour = { [step]: fail };
        const again = follow(client.reauthenticate());
        await expectAuth(connection, 0x19, "begin 2");
        connection.send(auth(step === "respond" ? 0x18 : 0x00), publish("a", "late"));
        await connection.expect(NOT_BELIEVED);
        await connection.expectClosed();
        await bench.clock.settle();
        expect(again.error).toMatchObject({ code: "AUTHENTICATION_FAILED", cause });
        expect(downs).toEqual(["AUTHENTICATION_FAILED"]);
        expect(authenticator.signals[1]?.aborted).toBe(true);
        authenticator.behaviour = {};
        const next = await bench.peer.accept();
        await next.expect(Connect);
        await bench.end(client);
      });
    }
  }

  it("with an answer that is too long for the broker ends the same way [MQTT-3.2.2-15]", async () => {
    const bench = new Bench();
    const authenticator = new TestAuthenticator();
    const client = bench.client({ authenticator });
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect(Connect);
    connection.send({ ...connack(), properties: { authenticationMethod: METHOD, maximumPacketSize: 60 } });
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    authenticator.behaviour = { respond: () => new Uint8Array(60) };
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    connection.send(auth(0x18));
    await connection.expect(NOT_BELIEVED);
    await bench.clock.settle();
    expect(again.error).toMatchObject({ code: "AUTHENTICATION_FAILED", cause: { code: "PACKET_TOO_LARGE" } });
    await bench.end(client);
  });

  it("in begin sends nothing, and the connection stays", async () => {
    for (const [behaviour, expected] of [
      [{ begin: () => Promise.reject(new Error("no token")) }, { cause: { message: "no token" } }],
      [{ begin: () => ({}) as never }, { cause: { field: "exchange" } }],
      [{ initial: new Uint8Array(65_536) }, { cause: { code: "FIELD_TOO_LONG" } }],
      [{ initial: new Uint8Array(1000) }, { cause: { code: "PACKET_TOO_LARGE" } }],
    ] as const) {
      const bench = new Bench();
      const authenticator = new TestAuthenticator();
      const client = bench.client({ authenticator });
      const connecting = follow(client.connect());
      const connection = await bench.peer.accept();
      await connection.expect(Connect);
      connection.send({ ...connack(), properties: { authenticationMethod: METHOD, maximumPacketSize: 1000 } });
      await bench.clock.settle();
      expect(connecting.status).toBe("resolved");
      authenticator.behaviour = behaviour;
      const again = follow(client.reauthenticate());
      await connection.expectNone({ within: 100 });
      expect(again.error).toMatchObject({ code: "AUTHENTICATION_FAILED", delivery: "not-sent", ...expected });
      authenticator.behaviour = {};
      const second = follow(client.reauthenticate());
      await expectAuth(connection, 0x19, "begin 3");
      connection.send(auth(0x00));
      await bench.clock.settle();
      expect(second.status).toBe("resolved");
      await bench.end(client);
    }
  });

  it("is given up with 0x87 after 32 challenges", async () => {
    const bench = new Bench();
    const { client, connection } = await connected(bench, new TestAuthenticator());
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    for (let round = 0; round < 32; round++) {
      connection.send(auth(0x18, "more"));
      await expectAuth(connection, 0x18, "re more");
    }
    connection.send(auth(0x18, "more"));
    await connection.expect(NOT_BELIEVED);
    await bench.clock.settle();
    expect(codeOf(again.error)).toBe("AUTHENTICATION_FAILED");
    await bench.end(client);
  });
});

describe("an AUTH on an open connection", () => {
  const codes = [0x00, 0x18] as const;

  it("that nobody asked for is answered with DISCONNECT 0x82 [parity 61]", async () => {
    for (const code of codes) {
      for (const when of ["at first", "while begin runs", "after a good one"] as const) {
        const bench = new Bench();
        const authenticator = new TestAuthenticator();
        const { client, connection } = await connected(bench, authenticator);
        if (when === "while begin runs") authenticator.behaviour = { begin: () => new Promise<never>(() => {}) };
        const again = when === "at first" ? undefined : follow(client.reauthenticate());
        if (when === "after a good one") {
          await expectAuth(connection, 0x19, "begin 2");
          connection.send(auth(0x00));
          await bench.clock.settle();
        }
        connection.send(auth(code, "x"));
        await connection.expect({ type: Disconnect, reasonCode: 0x82 });
        await connection.expectClosed();
        await bench.clock.settle();
        if (when === "while begin runs")
          expect(again?.error).toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
        expect(client.stats().protocolErrors).toBe(1);
        authenticator.behaviour = {};
        await bench.end(client);
      }
    }
  });

  const bad = [
    ["another method", auth(0x18, "x", "OTHER")],
    ["a success of another method", auth(0x00, "x", "OTHER")],
    ["no method", Uint8Array.of(0xf0, 2, 0x18, 0)],
    ["0x19, which is the client's", Uint8Array.of(0xf0, 10, 0x19, 8, 0x15, 0, 5, 0x54, 0x4f, 0x4b, 0x45, 0x4e)],
    ["a code that does not exist", Uint8Array.of(0xf0, 10, 0x05, 8, 0x15, 0, 5, 0x54, 0x4f, 0x4b, 0x45, 0x4e)],
  ] as const;
  for (const [name, packet] of bad) {
    it(`during a re-authentication with ${name} is answered with 0x82 [MQTT-3.15.2-1, MQTT-4.12.0-5]`, async () => {
      const bench = new Bench();
      const { client, connection } = await connected(bench, new TestAuthenticator());
      const again = follow(client.reauthenticate());
      await expectAuth(connection, 0x19, "begin 2");
      connection.send(packet);
      await connection.expect({ type: Disconnect, reasonCode: 0x82 });
      await connection.expectClosed();
      await bench.clock.settle();
      expect(again.error).toMatchObject({
        code: "NOT_CONNECTED",
        delivery: "unknown",
        cause: { code: "PROTOCOL_ERROR" },
      });
      await bench.end(client);
    });
  }

  it("with reserved flags is malformed [MQTT-3.15.1-1]", async () => {
    const bench = new Bench();
    const { client, connection } = await connected(bench, new TestAuthenticator());
    connection.send(Uint8Array.of(0xf1, 10, 0x18, 8, 0x15, 0, 5, 0x54, 0x4f, 0x4b, 0x45, 0x4e));
    await connection.expect({ type: Disconnect, reasonCode: 0x81 });
    await bench.end(client);
  });

  it("that comes before our answer is answered with 0x82, and the answer stays here", async () => {
    for (const code of codes) {
      const bench = new Bench();
      const answer = deferred<Uint8Array>();
      const authenticator = new TestAuthenticator();
      const { client, connection } = await connected(bench, authenticator);
      authenticator.behaviour = { respond: () => answer.promise };
      const again = follow(client.reauthenticate());
      await expectAuth(connection, 0x19, "begin 2");
      connection.send(auth(0x18, "x"), auth(code, "y"));
      await connection.expect({ type: Disconnect, reasonCode: 0x82 });
      answer.resolve(encodeUtf8("late"));
      await connection.expectClosed();
      await bench.clock.settle();
      expect(codeOf(again.error)).toBe("NOT_CONNECTED");
      await bench.end(client);
    }
  });

  it("never leaves the client under another connection's exchange", async () => {
    const bench = new Bench();
    const answer = deferred<Uint8Array>();
    const authenticator = new TestAuthenticator();
    const { client, connection } = await connected(bench, authenticator);
    authenticator.behaviour = { respond: () => answer.promise };
    const again = follow(client.reauthenticate());
    await expectAuth(connection, 0x19, "begin 2");
    connection.send(auth(0x18, "x"));
    await bench.clock.settle();
    connection.cut();
    authenticator.behaviour = {};
    const next = await bench.peer.accept();
    await next.expect(Connect);
    next.send(connack());
    await bench.clock.settle();
    const second = follow(client.reauthenticate());
    await next.expect({ type: Auth, reasonCode: 0x19 });
    answer.resolve(encodeUtf8("late"));
    await next.expectNone({ within: 100 });
    next.send(auth(0x00));
    await bench.clock.settle();
    expect([codeOf(again.error), second.status]).toEqual(["NOT_CONNECTED", "resolved"]);
    await bench.end(client);
  });
});
