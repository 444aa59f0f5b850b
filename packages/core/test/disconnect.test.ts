// SPDX-License-Identifier: Apache-2.0
import { encode, PacketType } from "@mqttv5/wire";
import type { FaultyLink } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { Client, Link } from "../src/index.js";
import { Bench, BrokerBench, codeOf, collect, follow, grant, type Outcome, publish, puback, pubrec } from "./bench.js";

const { Connect, Disconnect, Publish } = PacketType;

describe("disconnect", () => {
  it("sends what was accepted and the acks given, then DISCONNECT, and closes [parity 48] [MQTT-3.14.4-2]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("in", { qos: 2 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    connection.send(publish("in", "", { qos: 1, packetId: 1 }), publish("in", "", { qos: 2, packetId: 2 }));
    await bench.clock.settle();
    const iterator = sub[Symbol.asyncIterator]();
    for (let n = 0; n < 2; n++) (await iterator.next()).value?.ack();
    const sent = follow(client.publish("out", "x"));
    const leaving = follow(client.disconnect());
    await connection.expect(puback(1));
    await connection.expect(pubrec(2));
    await connection.expect({ type: Publish, topic: "out" });
    await connection.expect(encode({ type: Disconnect, reasonCode: 0 }));
    await connection.expectClosed();
    await bench.clock.settle();
    expect([sent.status, leaving.status, client.state]).toEqual([
      "resolved",
      "resolved",
      { status: "closed", cause: undefined },
    ]);
    expect(bench.clock.pending).toBe(0);
  });

  it("is idempotent, does nothing if never connected, and may be followed by a connect [parity 49] [decision 12]", async () => {
    const bench = new Bench();
    const client = bench.client();
    await client.disconnect();
    await client.disconnect();
    expect(client.state.status).toBe("idle");
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    const leaving = [follow(client.disconnect()), follow(client.disconnect()), follow(client[Symbol.asyncDispose]())];
    await connection.expect(Disconnect);
    await connection.expectClosed();
    await bench.clock.settle();
    expect(leaving.map(({ status }) => status)).toEqual(["resolved", "resolved", "resolved"]);
    await client.disconnect();
    expect(bench.clock.pending).toBe(0);
  });

  it("with 0x04 has the Will published, else not [parity 49]", async () => {
    for (const reasonCode of [0x04, 0x00, undefined]) {
      const bench = new BrokerBench();
      const wills: string[] = [];
      bench.broker.subscribe("will", (message) => wills.push(message.topic));
      const client = await bench.connect({ will: { topic: "will", payload: "gone" }, sessionExpiryInterval: 0 });
      await bench.clock.run(client.disconnect({ reasonCode }));
      await bench.clock.settle();
      expect(wills).toEqual(reasonCode === 0x04 ? ["will"] : []);
      const connecting = client.connect();
      await bench.clock.run(connecting);
      await bench.clock.run(client.disconnect());
    }
  });

  it("carries what it was given", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    void client.disconnect({
      reasonCode: 0x98,
      reasonString: "bye",
      sessionExpiryInterval: 10,
      userProperties: [["a", "b"]],
    });
    await connection.expect({
      type: Disconnect,
      reasonCode: 0x98,
      properties: { reasonString: "bye", sessionExpiryInterval: 10, userProperties: [["a", "b"]] },
    });
    await bench.end(client);
  });

  it("leaves out words that would make it too large for the broker [MQTT-3.14.2-3] [MQTT-3.14.2-4]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connack: { properties: { maximumPacketSize: 20 } } });
    void client.disconnect({
      reasonCode: 0x04,
      reasonString: "x".repeat(100),
      userProperties: [["a", "b".repeat(100)]],
      sessionExpiryInterval: 10,
    });
    const { reasonCode, properties } = await connection.expect(Disconnect);
    expect([reasonCode, properties.toObject()]).toEqual([0x04, { sessionExpiryInterval: 10 }]);
    await bench.end(client);
  });

  it("rejects wrong options and stays connected [parity 51] [MQTT-3.14.2-1]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ sessionExpiryInterval: 0 });
    const wrong = [
      [{ sessionExpiryInterval: 1 }, "INVALID_SESSION_EXPIRY", "sessionExpiryInterval"],
      [{ sessionExpiryInterval: -1 }, "INVALID_FIELD", "sessionExpiryInterval"],
      [{ reasonCode: 0x8b }, "INVALID_FIELD", "reasonCode"],
      [{ reasonCode: 0x8e }, "INVALID_FIELD", "reasonCode"],
      [{ reasonCode: 0x01 }, "INVALID_FIELD", "reasonCode"],
      [{ reasonCode: 1.5 }, "INVALID_FIELD", "reasonCode"],
      [{ reasonCode: "0" as never }, "INVALID_FIELD", "reasonCode"],
      [{ reasonString: "\ud800" }, "INVALID_FIELD", "properties.reasonString"],
      [{ reasonString: "x".repeat(65_536) }, "FIELD_TOO_LONG", "properties.reasonString"],
      [{ userProperties: [["a", "\0"]] as const }, "INVALID_FIELD", "properties.userProperties"],
    ] as const;
    for (const [options, code, field] of wrong) {
      await expect(bench.clock.run(client.disconnect(options))).rejects.toMatchObject({ code, field });
    }
    await connection.expectNone({ within: 100 });
    expect(client.state.status).toBe("connected");
    await bench.clock.run(client.disconnect({ sessionExpiryInterval: 0 }));
    await connection.expect(Disconnect);
  });

  it("does not fire the connection-down callback [parity 50]", async () => {
    const bench = new Bench();
    const calls: string[] = [];
    const { client } = await bench.connect({
      onConnectionDown: () => void calls.push("down"),
      onConnectError: () => void calls.push("error"),
      onServerDisconnect: () => void calls.push("server"),
    });
    await bench.end(client);
    await bench.clock.advance(1000);
    expect(calls).toEqual([]);
    expect(client.stats()).toMatchObject({ connects: 1, disconnects: 1, serverDisconnects: 0 });
  });

  it("is bounded if the peer never closes, stalls, or the link never says that it closed", async () => {
    const faults: ((link: FaultyLink, remote: FaultyLink) => void)[] = [
      (_link, remote) => remote.stall(), // its end never arrives
      (link) => link.stall(), // our bytes never leave
      (link) => {
        link.end = () => {};
        link.destroy = () => {};
      },
    ];
    for (const fault of faults) {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ disconnectTimeout: 300, keepAlive: false });
      fault(connection.remote as FaultyLink, connection.link as FaultyLink);
      const leaving = follow(client.disconnect());
      await bench.clock.advance(599);
      await bench.clock.advance(1);
      expect([leaving.status, client.state.status]).toEqual(["resolved", "closed"]);
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("sends nothing behind the DISCONNECT, whatever comes or is asked meanwhile [MQTT-3.14.4-1]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: 1, disconnectTimeout: 5000 });
    const subscribing = client.subscribe("in", { qos: 1 });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const { got } = collect(sub);
    (connection.link as FaultyLink).stall(); // the peer does not close
    connection.send(publish("in", "", { qos: 1, packetId: 1 }));
    const leaving = follow(client.disconnect());
    const calls = [
      follow(client.publish("t", "", { qos: 0 })),
      follow(client.publish("t", "", { qos: 1 })),
      follow(client.subscribe("x")),
      follow(client.connect()),
    ];
    (connection.link as FaultyLink).unstall();
    await connection.expect(Disconnect);
    await connection.expectClosed({ within: 20_000 });
    await bench.clock.settle();
    expect(leaving.status).toBe("resolved");
    expect(got).toEqual([]);
    expect(calls.slice(0, 3).every(({ status }) => status === "rejected")).toBe(true);
    const next = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(calls[3]?.status).toBe("resolved");
    await next.expectNone();
    await bench.end(client);
  });

  it("while dialling, shaking hands or waiting ends the attempt", async () => {
    for (const when of ["dialling", "handshake", "waiting"]) {
      const bench = new Bench();
      const never: Promise<Link> = new Promise(() => {});
      const transport = when === "dialling" ? { connect: () => never } : bench.peer.transport();
      const client = bench.client({ transport, retryInitialConnect: true });
      const connecting = follow(client.connect());
      if (when === "dialling") await bench.clock.settle();
      else {
        const connection = await bench.peer.accept();
        await connection.expect(Connect);
        if (when === "waiting") connection.cut();
        await bench.clock.settle();
        expect(client.state.status).toBe(when === "waiting" ? "waiting" : "connecting");
      }
      await bench.clock.run(client.disconnect(), 1000);
      await bench.clock.settle();
      expect(codeOf(connecting.error)).toBe("CLOSED");
      expect(client.state).toMatchObject({ status: "closed", cause: undefined });
      await bench.clock.advance(10_000);
      await bench.peer.expectNoConnection();
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("a second one changes nothing of what the first one said", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const leaving = [follow(client.disconnect()), follow(client.disconnect({ sessionExpiryInterval: 0 }))];
    const { properties } = await connection.expect(Disconnect);
    expect(properties.toObject()).toEqual({});
    await bench.clock.settle();
    expect(leaving.map(({ status }) => status)).toEqual(["resolved", "resolved"]);
    // The broker keeps the session, so it is not thrown away.
    const connecting = follow(client.connect());
    const next = await bench.peer.accept();
    expect((await next.expect(Connect)).cleanStart).toBe(false);
    await bench.end(client);
    expect(codeOf(connecting.error)).toBe("CLOSED");
  });

  it("by dispose is for good [decision 12]", async () => {
    const bench = new Bench();
    const { client } = await bench.connect();
    await bench.clock.run(client[Symbol.asyncDispose]());
    await expect(client.connect()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(client.subscribe("a")).rejects.toMatchObject({ code: "CLOSED" });
    await client[Symbol.asyncDispose]();
    await client.disconnect();
  });
});

describe("a DISCONNECT from the broker", () => {
  it("ends the connection, is reported before connection-down, and is followed by a reconnect [parity 167] [MQTT-4.13.2-1]", async () => {
    const bench = new Bench();
    const calls: unknown[] = [];
    const { client, connection } = await bench.connect({
      onServerDisconnect: (error) =>
        calls.push(["server", error.reasonCode, error.reasonString, error.serverReference]),
      onConnectionDown: (error) => void calls.push(["down", error.code]),
      onReconnectAttempt: (attempt) => calls.push(["attempt", attempt]),
    });
    connection.send({
      type: Disconnect,
      reasonCode: 0x8b,
      properties: { reasonString: "maintenance", serverReference: "other" },
    });
    await connection.expectClosed();
    await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(calls).toEqual([
      ["server", 0x8b, "maintenance", "other"],
      ["down", "SERVER_DISCONNECTED"],
      ["attempt", 1],
    ]);
    expect(client.stats()).toMatchObject({ serverDisconnects: 1, disconnects: 1, connects: 2 });
    await bench.end(client);
  });

  it("of every code the broker may send ends the connection", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    let last = connection;
    const codes = [
      0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
      0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ];
    for (const reasonCode of codes) {
      last.sendRaw(0xe0, 1, reasonCode);
      await last.expectClosed();
      last = await bench.peer.acceptResume({ within: 70_000 });
      await bench.clock.settle();
    }
    expect(client.stats().serverDisconnects).toBe(codes.length);
    await bench.end(client);
  });

  it("makes calls meanwhile fail as not connected", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send({ type: Disconnect, reasonCode: 0x8b });
    await bench.clock.until(() => client.stats().serverDisconnects === 1);
    const calls = [
      follow(client.publish("t")),
      follow(client.publish("t", "", { qos: 1 })),
      follow(client.subscribe("t")),
    ];
    await bench.clock.settle();
    expect(calls.map(({ error }) => codeOf(error))).toEqual(["NOT_CONNECTED", "NOT_CONNECTED", "NOT_CONNECTED"]);
    await bench.end(client);
  });
});

describe("every promise settles", () => {
  type Call = readonly [
    name: string,
    call: (client: Client, signal: AbortSignal) => Promise<unknown>,
    offline: "settles" | "waits",
  ];
  const calls: readonly Call[] = [
    ["publish QoS 0", (client, signal) => client.publish("t", "", { signal }), "settles"],
    ["publish QoS 1", (client, signal) => client.publish("t", "", { qos: 1, signal }), "settles"],
    ["publish QoS 2", (client, signal) => client.publish("t", "", { qos: 2, signal }), "settles"],
    ["subscribe", (client, signal) => client.subscribe("new", { signal }), "settles"],
    ["connected", (client, signal) => client.connected({ signal }), "waits"],
  ];
  const ends: readonly [
    name: string,
    end: (client: Client, controller: AbortController) => Promise<unknown> | void,
    code: string,
  ][] = [
    ["disconnect", (client) => client.disconnect(), "CLOSED"],
    ["dispose", (client) => client[Symbol.asyncDispose](), "CLOSED"],
    ["abort", (_client, controller) => controller.abort(), "ABORTED"],
  ];

  for (const [name, call, offline] of calls) {
    for (const [how, end, code] of ends) {
      it(`${name}, ended by ${how}`, async () => {
        const bench = new Bench();
        const { client, connection } = await bench.connect({}, { connack: { properties: { receiveMaximum: 1 } } });
        const controller = new AbortController();
        void client.publish("blocker", "", { qos: 1 }).catch(() => {});
        const outcomes: Outcome<unknown>[] = [follow(call(client, controller.signal))]; // connected
        await bench.clock.settle();
        connection.cut();
        await bench.clock.settle();
        outcomes.push(follow(call(client, controller.signal))); // offline
        await bench.clock.settle();
        const ending = follow(Promise.resolve(end(client, controller)));
        outcomes.push(follow(call(client, controller.signal))); // after the end
        await bench.clock.advance(2000);
        expect(ending.status).toBe("resolved");
        expect(outcomes.map(({ status }) => status)).not.toContain("pending");
        if (name !== "publish QoS 0" && name !== "connected") {
          expect(outcomes[0]?.error).toMatchObject({ code, delivery: name === "subscribe" ? "unknown" : "not-sent" });
        }
        if (offline === "waits") expect(codeOf(outcomes[1]?.error)).toBe(code);
        else expect(codeOf(outcomes[1]?.error)).toBe("NOT_CONNECTED");
        if (how === "abort") await bench.end(client);
        expect(bench.clock.pending).toBe(0);
      });
    }
  }

  it("of a client that was never connected, when it is disposed", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe("a");
    const queue = await client.subscribeQueue("b");
    const outcomes = [
      follow(client.connected()),
      follow(sub[Symbol.asyncIterator]().next()),
      follow(queue.dequeue()),
      follow(sub.closed),
      follow(client.states().next()),
      follow(client.publish("t")),
    ];
    await bench.clock.run(client[Symbol.asyncDispose]());
    await bench.clock.settle();
    expect(outcomes.map(({ status }) => status)).not.toContain("pending");
    expect([codeOf(outcomes[0]?.error), codeOf(outcomes[5]?.error)]).toEqual(["CLOSED", "NOT_CONNECTED"]);
  });

  it("when the client fails for good", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ onConnectionDown: () => false });
    const subscribing = client.subscribe("a");
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const queueing = client.subscribeQueue("b");
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    const outcomes = [
      follow(client.publish("t", "", { qos: 1 })),
      follow(client.publish("t", "", { qos: 2 })),
      follow(client.subscribe("c")),
      follow(sub[Symbol.asyncIterator]().next()),
      follow(queue.dequeue()),
      follow(sub.closed),
      follow(queue.unsubscribe()),
    ];
    await bench.clock.settle();
    connection.cut(new Error("reset"));
    await bench.clock.settle();
    expect(outcomes.map(({ status }) => status)).not.toContain("pending");
    expect(outcomes.slice(0, 2).map(({ error }) => error)).toMatchObject([
      { code: "CLOSED", delivery: "unknown", cause: { code: "CONNECTION_LOST", cause: { message: "reset" } } },
      { code: "CLOSED", delivery: "unknown" },
    ]);
    expect(outcomes[2]?.error).toMatchObject({ code: "CLOSED", delivery: "unknown" });
    expect(bench.clock.pending).toBe(0);
  });
});
