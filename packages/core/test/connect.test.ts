// SPDX-License-Identifier: Apache-2.0
import { type ConnackPacket, PacketType } from "@mqttv5/wire";
import { linkPair } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { ClientState, Link, ServerInfo, Transport } from "../src/index.js";
import { Bench, codeOf, follow, publish } from "./bench.js";

const { Connect, Connack, Disconnect } = PacketType;

const REFUSALS = [
  0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
  0x9d, 0x9f,
];

function connack(rest: Partial<ConnackPacket> = {}): ConnackPacket {
  return { type: Connack, sessionPresent: false, reasonCode: 0, ...rest };
}

/** A transport whose attempts end as the test says. */
class HandTransport implements Transport {
  readonly attempts: { url: URL; signal: AbortSignal; resolve(link: Link): void; reject(error: unknown): void }[] = [];
  connect(url: URL, { signal }: { signal: AbortSignal }): Promise<Link> {
    return new Promise((resolve, reject) => this.attempts.push({ url, signal, resolve, reject }));
  }
}

describe("connect", () => {
  it("sends CONNECT first, waits for CONNACK, and tells what was granted", async () => {
    const bench = new Bench();
    const client = bench.client({ username: "u", password: "p", keepAlive: 20, topicAliasMaximum: 5 });
    expect(client.state).toEqual({ status: "idle" });
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    const packet = await connection.expect({
      type: Connect,
      clientId: "client",
      cleanStart: true,
      keepAlive: 20,
      username: "u",
      password: "p",
    });
    expect(packet.properties.toObject()).toEqual({
      sessionExpiryInterval: 300,
      receiveMaximum: 1024,
      maximumPacketSize: 16 << 20,
      topicAliasMaximum: 5,
    });
    await connection.expectNone({ within: 1000 });
    expect([connecting.status, client.serverInfo, client.state.status]).toEqual(["pending", undefined, "connecting"]);
    connection.send(connack());
    await bench.clock.settle();
    expect(connecting.value).toBe(client.serverInfo);
    expect(client.state).toEqual({ status: "connected", broker: "mqtt://test", serverInfo: client.serverInfo });
    expect(client.stats().connects).toBe(1);
    await bench.end(client);
    expect(client.serverInfo).toBeUndefined();
  });

  it("fills in the standard's defaults for what CONNACK leaves out [parity 54]", async () => {
    const bench = new Bench();
    const { client } = await bench.connect({ keepAlive: 20, sessionExpiryInterval: 60 });
    expect(client.serverInfo).toEqual({
      sessionPresent: false,
      clientId: "client",
      sessionExpiryInterval: 60,
      keepAlive: 20,
      receiveMaximum: 65_535,
      maximumQoS: 2,
      retainAvailable: true,
      maximumPacketSize: Infinity,
      topicAliasMaximum: 0,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifierAvailable: true,
      sharedSubscriptionAvailable: true,
      responseInformation: undefined,
      serverReference: undefined,
      reasonString: undefined,
      userProperties: [],
      authenticationMethod: undefined,
      authenticationData: undefined,
    } satisfies ServerInfo);
    await bench.end(client);
  });

  it("takes every limit from CONNACK", async () => {
    const bench = new Bench();
    const granted = {
      sessionExpiryInterval: 5,
      receiveMaximum: 7,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 1000,
      topicAliasMaximum: 3,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifierAvailable: false,
      sharedSubscriptionAvailable: false,
      responseInformation: "r",
      serverReference: "s",
      reasonString: "hi",
      userProperties: [["a", "b"]],
    } as const;
    const properties = { ...granted, serverKeepAlive: 9 };
    const { client } = await bench.connect({ requestResponseInformation: true }, { connack: { properties } });
    expect(client.serverInfo).toMatchObject({ ...granted, keepAlive: 9 });
    await bench.end(client);
  });

  it("fails at once by default when the first attempt fails [parity 38]", async () => {
    const bench = new Bench();
    const transport = new HandTransport();
    const client = bench.client({ transport });
    const connecting = follow(client.connect());
    await bench.clock.settle();
    const cause = new Error("no route");
    transport.attempts[0]?.reject(cause);
    await bench.clock.advance(60_000);
    expect(connecting.error).toMatchObject({ code: "CONNECT_FAILED", cause });
    expect(String(connecting.error)).toContain("mqtt://test");
    expect(transport.attempts).toHaveLength(1);
    expect(client.state).toMatchObject({ status: "closed", cause: { code: "CONNECT_FAILED" } });
    expect(client.stats()).toMatchObject({ connects: 0, connectFailures: 1, disconnects: 0 });
    expect(bench.clock.pending).toBe(0);
    // And it can be tried again.
    const again = follow(client.connect());
    await bench.clock.settle();
    expect([transport.attempts.length, again.status]).toEqual([2, "pending"]);
    await bench.end(client);
    expect(codeOf(again.error)).toBe("CLOSED");
  });

  it("fails with a transport that throws, returns nonsense, or rejects with no error", async () => {
    const bad: Transport["connect"][] = [
      () => {
        throw new Error("thrown");
      },
      () => undefined as never,
      () => Promise.resolve({} as never),
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what a careless transport does
      () => Promise.reject("text"),
    ];
    for (const connect of bad) {
      const bench = new Bench();
      const client = bench.client({ transport: { connect } });
      const connecting = follow(client.connect());
      await bench.clock.advance(10_000);
      expect(codeOf(connecting.error)).toBe("CONNECT_FAILED");
      expect(client.state.status).toBe("closed");
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("keeps trying if told to, until there is a connection [parity 39] [decision 12]", async () => {
    const bench = new Bench();
    const transport = new HandTransport();
    const errors: (string | undefined)[] = [];
    const client = bench.client({
      transport,
      retryInitialConnect: true,
      onConnectError: (error) => errors.push(error.code),
    });
    const connecting = follow(client.connect());
    for (let attempt = 0; attempt < 4; attempt++) {
      await bench.clock.settle();
      expect(transport.attempts).toHaveLength(attempt + 1);
      expect(client.state).toMatchObject({ status: "connecting", attempt: attempt + 1 });
      transport.attempts[attempt]?.reject(new Error("refused"));
      await bench.clock.settle();
      expect(client.state).toMatchObject({
        status: "waiting",
        attempt: attempt + 1,
        reason: { code: "CONNECT_FAILED" },
      });
      await bench.clock.advance(100);
    }
    const [link, remote] = linkPair({ clock: bench.clock });
    bench.peer.attach(remote, link);
    transport.attempts[4]?.resolve(link);
    await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    expect(errors).toHaveLength(4);
    await bench.end(client);
  });

  it("a second one while a life is under way is ALREADY_CONNECTED [parity 35]", async () => {
    const bench = new Bench();
    const client = bench.client();
    const connecting = follow(client.connect());
    await expect(client.connect()).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    await expect(client.connect()).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
    connection.cut();
    await bench.clock.settle();
    await expect(client.connect()).rejects.toMatchObject({ code: "ALREADY_CONNECTED" });
    await bench.end(client);
  });

  it("during a disconnect waits for its end; one that a disconnect overlaps is CLOSED [parity 36]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const leaving = follow(client.disconnect());
    const connecting = follow(client.connect());
    await connection.expect(Disconnect);
    const next = await bench.peer.accept();
    expect(connection.isClosed).toBe(true);
    await next.expect({ type: Connect, cleanStart: false });
    expect([leaving.status, connecting.status]).toEqual(["resolved", "pending"]);
    const again = follow(client.disconnect());
    await bench.clock.advance(2000);
    expect([codeOf(connecting.error), again.status]).toEqual(["CLOSED", "resolved"]);
    await next.expectClosed();
    expect(bench.clock.pending).toBe(0);
  });

  it("is ended at once by an abort, while dialling and while waiting for CONNACK [parity 37]", async () => {
    for (const when of ["before", "dialling", "handshake"]) {
      const bench = new Bench();
      const transport = new HandTransport();
      const client = bench.client({ transport });
      const controller = new AbortController();
      if (when === "before") controller.abort(new Error("enough"));
      const connecting = follow(client.connect({ signal: controller.signal }));
      await bench.clock.settle();
      const [link, remote] = linkPair({ clock: bench.clock });
      bench.peer.attach(remote, link);
      const connection = await bench.peer.accept();
      if (when === "handshake") {
        transport.attempts[0]?.resolve(link);
        await connection.expect(Connect);
      }
      controller.abort(new Error("enough"));
      await bench.clock.settle();
      expect(connecting.error).toMatchObject({ name: "AbortError", code: "ABORTED", cause: { message: "enough" } });
      expect(transport.attempts.length).toBe(when === "before" ? 0 : 1);
      expect(transport.attempts.every(({ signal }) => signal.aborted)).toBe(true);
      if (when === "dialling") {
        // A transport that does not care: its link is closed.
        transport.attempts[0]?.resolve(link);
        await connection.expectClosed();
      }
      if (when === "handshake") await connection.expectClosed();
      await bench.clock.advance(2000);
      expect(client.state.status).toBe(when === "before" ? "idle" : "closed");
      expect(bench.clock.pending).toBe(0);
    }
  });

  it("an abort after it resolved does nothing, and no listener is left", async () => {
    const bench = new Bench();
    const controller = new AbortController();
    const client = bench.client();
    const connecting = client.connect({ signal: controller.signal });
    await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    controller.abort();
    await bench.clock.advance(1000);
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("is bounded, whether the transport never settles, the broker never answers, or the link never closes", async () => {
    for (const when of ["dialling", "handshake"]) {
      const bench = new Bench();
      const transport = new HandTransport();
      const client = bench.client({ transport, connectTimeout: 1000 });
      const connecting = follow(client.connect());
      await bench.clock.settle();
      if (when === "handshake") {
        transport.attempts[0]?.resolve({
          open() {},
          send: () => true,
          pendingBytes: 0,
          pause() {},
          resume() {},
          end() {},
          destroy() {},
        });
      }
      await bench.clock.advance(999);
      expect(connecting.status).toBe("pending");
      await bench.clock.advance(1);
      if (when === "handshake") await bench.clock.advance(500);
      expect(connecting.error).toMatchObject({ code: "CONNECT_TIMEOUT" });
      expect(transport.attempts[0]?.signal.aborted).toBe(true);
      expect(bench.clock.pending).toBe(0);
    }
  });
});

describe("CONNACK", () => {
  it("of 0x80 or above rejects with all that it says [parity 53] [MQTT-4.13.2-1]", async () => {
    const bench = new Bench();
    const client = bench.client();
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect(Connect);
    const properties = {
      reasonString: "go away",
      serverReference: "other:1883",
      userProperties: [["a", "b"]],
    } as const;
    connection.send(connack({ reasonCode: 0x9d, properties }), publish("t", "late"));
    await connection.expectClosed();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({
      name: "ReasonCodeError",
      code: "CONNECT_REFUSED",
      packet: "CONNACK",
      reasonCode: 0x9d,
      ...properties,
    });
    expect(bench.clock.pending).toBe(0);
  });

  it("refusals that nothing would change end the client before the first connection, others are retried if told to [decision 13]", async () => {
    const fatal: number[] = [];
    for (const reasonCode of REFUSALS) {
      const bench = new Bench();
      const client = bench.client({ retryInitialConnect: true });
      const connecting = follow(client.connect());
      const connection = await bench.peer.accept();
      await connection.expect(Connect);
      connection.send(connack({ reasonCode }));
      await bench.clock.advance(600);
      expect(codeOf(connecting.error) ?? "pending").toBe(
        client.state.status === "closed" ? "CONNECT_REFUSED" : "pending",
      );
      if (client.state.status === "closed") fatal.push(reasonCode);
      else await bench.end(client);
      expect(bench.clock.pending).toBe(0);
    }
    expect(fatal).toEqual([0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c]);
  });

  it("no refusal ends a client that was connected before [decision 13]", async () => {
    const bench = new Bench();
    const states: string[] = [];
    const { client, connection } = await bench.connect();
    let last = connection;
    last.cut();
    for (const reasonCode of REFUSALS) {
      last = await bench.peer.accept({ within: 40_000 });
      await last.expect(Connect);
      last.send(connack({ reasonCode }));
      await last.expectClosed();
      await bench.clock.settle();
      states.push(client.state.status);
    }
    expect(new Set(states)).toEqual(new Set(["waiting"]));
    last = await bench.peer.acceptConnect({ within: 40_000 });
    await bench.clock.settle();
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("that claims a session after Clean Start is answered with 0x82 [parity 43] [MQTT-3.2.2-4]", async () => {
    const bench = new Bench();
    const client = bench.client();
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect({ type: Connect, cleanStart: true });
    connection.send(connack({ sessionPresent: true }));
    await connection.expect({ type: Disconnect, reasonCode: 0x82 });
    await connection.expectClosed();
    await bench.clock.settle();
    expect(connecting.error).toMatchObject({ code: "PROTOCOL_ERROR", reasonCode: 0x82 });
  });

  it("without an identifier where one was to be assigned is answered with 0x82", async () => {
    const bench = new Bench();
    const client = bench.client({ clientId: "" });
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect({ type: Connect, clientId: "" });
    connection.send(connack());
    await connection.expect({ type: Disconnect, reasonCode: 0x82 });
    await bench.clock.advance(1000);
    expect(codeOf(connecting.error)).toBe("PROTOCOL_ERROR");
  });

  it("with an Authentication Method that nobody asked for is answered with 0x82", async () => {
    const bench = new Bench();
    const client = bench.client();
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect(Connect);
    connection.send(connack({ properties: { authenticationMethod: "x" } }));
    await connection.expect({ type: Disconnect, reasonCode: 0x82 });
    await bench.clock.advance(1000);
    expect(codeOf(connecting.error)).toBe("PROTOCOL_ERROR");
  });

  it("assigns an identifier that is kept [MQTT-3.1.3-2]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { clientId: "" },
      { connack: { properties: { assignedClientIdentifier: "given" } } },
    );
    expect([client.clientId, client.serverInfo?.clientId]).toEqual(["given", "given"]);
    connection.cut();
    const next = await bench.peer.acceptConnect({ connect: { clientId: "given" }, connack: { sessionPresent: true } });
    await bench.clock.settle();
    expect(client.serverInfo?.clientId).toBe("given");
    await bench.clock.run(client.disconnect());
    await next.expect(Disconnect);
    const connecting = follow(client.connect());
    await bench.peer.acceptConnect({ connect: { clientId: "given", cleanStart: false } });
    await bench.clock.settle();
    expect(connecting.status).toBe("resolved");
    await bench.end(client);
  });

  it("and packets behind it in one chunk are all taken", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe("t");
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect(Connect);
    connection.send(connack(), publish("t", "1"), publish("t", "2"));
    await bench.clock.settle();
    expect([connecting.status, sub.pending]).toEqual(["resolved", 2]);
    await bench.end(client);
  });

  it("arriving byte by byte is the same", async () => {
    const bench = new Bench();
    const client = bench.client();
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    connection.split(1);
    await connection.expect(Connect);
    connection.send(connack({ properties: { reasonString: "x".repeat(200) } }));
    await bench.clock.settle();
    expect(connecting.value?.reasonString).toHaveLength(200);
    await bench.end(client);
  });
});

describe("Clean Start", () => {
  it("is automatic: only if nothing would be lost [parity 41] [decision 11]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, { connect: { cleanStart: true } });
    connection.cut();
    const second = await bench.peer.acceptConnect({
      connect: { cleanStart: false },
      connack: { sessionPresent: true },
    });
    await bench.clock.run(client.disconnect());
    await second.expect(Disconnect);
    // The broker keeps the session: what it queues must not be erased.
    const connecting = follow(client.connect());
    const third = await bench.peer.acceptConnect({ connect: { cleanStart: false }, connack: { sessionPresent: true } });
    await bench.clock.run(client.disconnect({ sessionExpiryInterval: 0 }));
    await third.expect(Disconnect);
    expect(connecting.status).toBe("resolved");
    // It was told to forget the session.
    void client.connect();
    await bench.peer.acceptConnect({ connect: { cleanStart: true } });
    await bench.end(client);
  });

  it("after a session that ended with its connection is set again", async () => {
    const bench = new Bench();
    const { client } = await bench.connect({ sessionExpiryInterval: 0 });
    await bench.clock.run(client.disconnect());
    const connecting = follow(client.connect());
    const next = await bench.peer.accept();
    expect((await next.expect(Connect)).cleanStart).toBe(true);
    await bench.end(client);
    expect(codeOf(connecting.error)).toBe("CLOSED");
  });

  it("asked for is for the first connection of a life only, and throws away what was in flight", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ cleanStart: true });
    const sent = follow(client.publish("t", "", { qos: 1 }));
    await connection.expect(PacketType.Publish);
    // Within a life it goes on with the session.
    connection.cut();
    const second = await bench.peer.acceptResume();
    await second.expect({ type: PacketType.Publish, duplicate: true });
    expect(sent.status).toBe("pending");
    await bench.clock.run(client.disconnect());
    await second.expect(Disconnect);
    expect(sent.error).toMatchObject({ code: "CLOSED", delivery: "unknown" });
    const connecting = follow(client.connect());
    const third = await bench.peer.acceptConnect({ connect: { cleanStart: true } });
    await third.expectNone({ within: 100 });
    expect(connecting.status).toBe("resolved");
    expect(client.stats().publishesInflight).toBe(0);
    await bench.end(client);
  });

  it("false takes a session nobody knows of here [decision 11]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { cleanStart: false },
      { connect: { cleanStart: false }, connack: { sessionPresent: true } },
    );
    expect(client.serverInfo?.sessionPresent).toBe(true);
    connection.send(publish("t", "", { qos: 1, packetId: 1, duplicate: true }));
    await connection.expect({ type: PacketType.Puback, packetId: 1 });
    await bench.end(client);
  });
});

describe("Request Problem Information", () => {
  it("is sent only as false; then the broker must not explain [parity 46]", async () => {
    for (const requestProblemInformation of [undefined, true, false]) {
      const bench = new Bench();
      const client = bench.client({ requestProblemInformation });
      const connecting = follow(client.connect());
      const connection = await bench.peer.accept();
      const { properties } = await connection.expect(Connect);
      expect(properties.toObject().requestProblemInformation).toBe(
        requestProblemInformation === false ? false : undefined,
      );
      connection.send(connack({ properties: { reasonString: "allowed here" } }));
      await bench.clock.settle();
      expect(connecting.status).toBe("resolved");
      const sent = follow(client.publish("t", "", { qos: 1 }));
      await connection.expect(PacketType.Publish);
      connection.send({ type: PacketType.Puback, packetId: 1, reasonCode: 0, properties: { reasonString: "why" } });
      if (requestProblemInformation === false) {
        await connection.expect({ type: Disconnect, reasonCode: 0x82 });
        await connection.expectClosed();
      } else {
        await bench.clock.settle();
        expect(sent.value).toMatchObject({ reasonString: "why" });
      }
      await bench.end(client);
    }
  });
});

describe("connected", () => {
  it("resolves at once, or with the next connection; ends on abort and on the client's end [parity 40]", async () => {
    const bench = new Bench();
    const client = bench.client();
    const controller = new AbortController();
    const early = follow(client.connected());
    const aborted = follow(client.connected({ signal: controller.signal }));
    controller.abort();
    await bench.clock.settle();
    expect([early.status, codeOf(aborted.error)]).toEqual(["pending", "ABORTED"]);
    void client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(early.value).toBe(client.serverInfo);
    expect(await client.connected()).toBe(client.serverInfo);
    await expect(client.connected({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    connection.cut();
    await bench.clock.settle();
    const waiting = follow(client.connected());
    const next = await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(waiting.status).toBe("resolved");
    next.cut();
    await bench.clock.settle();
    const never = follow(client.connected());
    await bench.clock.run(client.disconnect());
    await bench.clock.settle();
    expect(codeOf(never.error)).toBe("CLOSED");
    await expect(client.connected()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("waits for the next connection once the broker has said goodbye", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.remote?.stall(); // our end of the link does not come through
    connection.send({ type: Disconnect, reasonCode: 0x8b });
    await bench.clock.until(() => client.stats().serverDisconnects === 1);
    const waiting = follow(client.connected());
    await bench.clock.settle();
    expect(waiting.status).toBe("pending");
    await bench.peer.acceptResume();
    await bench.clock.settle();
    expect(waiting.value).toBe(client.serverInfo);
    await bench.end(client);
  });

  it("carries the reason when the client failed", async () => {
    const bench = new Bench();
    const client = bench.client();
    const waiting = follow(client.connected());
    const connecting = follow(client.connect());
    const connection = await bench.peer.accept();
    await connection.expect(Connect);
    connection.send(connack({ reasonCode: 0x87 }));
    await bench.clock.advance(1000);
    expect(waiting.error).toMatchObject({ code: "CLOSED", cause: { code: "CONNECT_REFUSED", reasonCode: 0x87 } });
    expect(codeOf(connecting.error)).toBe("CONNECT_REFUSED");
  });
});

describe("states", () => {
  it("are given in order up to closed, to each follower", async () => {
    const bench = new Bench();
    const client = bench.client();
    const seen: string[][] = [[], []];
    const loops = seen.map((list) =>
      follow(
        (async () => {
          for await (const state of client.states()) list.push(describeState(state));
        })(),
      ),
    );
    void client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    connection.cut();
    await bench.peer.acceptResume();
    await bench.clock.settle();
    await bench.clock.run(client.disconnect());
    await bench.clock.settle();
    const expected = ["connecting 1", "connected", "waiting 1 CONNECTION_LOST", "connecting 2", "connected", "closed"];
    expect(seen).toEqual([expected, expected]);
    expect(loops.map(({ status }) => status)).toEqual(["resolved", "resolved"]);
  });

  it("say when the next attempt comes, in wall time", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ reconnectBackoff: () => 5000 });
    connection.cut();
    await bench.clock.settle();
    expect(client.state).toMatchObject({ status: "waiting", retryAt: bench.clock.wallTime() + 5000 });
    await bench.end(client);
  });

  it("say why, which attempt, since when, and what the last CONNACK granted", async () => {
    const bench = new Bench();
    const client = bench.client({ reconnectBackoff: () => 5000 });
    expect(client.state).toEqual({ status: "idle" });
    const states: ClientState[] = [];
    const loop = async (): Promise<void> => {
      for await (const state of client.states()) states.push(state);
    };
    void loop();
    void client.connect();
    const connection = await bench.peer.acceptConnect({ connack: { properties: { receiveMaximum: 7 } } });
    await bench.clock.settle();
    const since = bench.clock.wallTime();
    connection.cut();
    await bench.clock.settle();
    const refused = await bench.peer.accept({ within: 6000 });
    await refused.expect(Connect);
    refused.send(connack({ reasonCode: 0x97 }));
    await refused.expectClosed();
    await bench.clock.settle();
    await bench.end(client);
    const broker = "mqtt://test";
    const info = expect.objectContaining({ receiveMaximum: 7 });
    const lost = expect.objectContaining({ code: "CONNECTION_LOST" });
    const quota = expect.objectContaining({ code: "CONNECT_REFUSED", reasonCode: 0x97 });
    expect(states).toEqual([
      { status: "connecting", attempt: 1, broker, reason: undefined, lastServerInfo: undefined },
      { status: "connected", broker, serverInfo: info },
      { status: "waiting", attempt: 1, reason: lost, retryAt: since + 5000, lastServerInfo: info },
      { status: "connecting", attempt: 2, broker, reason: lost, lastServerInfo: info },
      { status: "waiting", attempt: 2, reason: quota, retryAt: since + 10_000, lastServerInfo: info },
      { status: "closed", cause: undefined },
    ]);
  });

  it("settle every next, also when several wait", async () => {
    const bench = new Bench();
    const client = bench.client();
    const states = client.states();
    const waiting = [follow(states.next()), follow(states.next()), follow(states.next())];
    void client.connect();
    await bench.peer.acceptConnect();
    await bench.clock.run(client.disconnect());
    await bench.clock.settle();
    expect(waiting.map(({ value }) => value?.value?.status)).toEqual(["connecting", "connected", "closed"]);
    expect(await states.next()).toEqual({ done: true, value: undefined });
  });

  it("end at once for a client that was disposed", async () => {
    const bench = new Bench();
    const client = bench.client();
    await client[Symbol.asyncDispose]();
    const next = follow(client.states().next());
    await bench.clock.settle();
    expect(next.status).toBe("resolved");
  });

  it("are let go by return", async () => {
    const bench = new Bench();
    const client = bench.client();
    const states = client.states();
    const waiting = follow(states.next());
    await states.return?.();
    await bench.clock.settle();
    expect(waiting.value).toEqual({ done: true, value: undefined });
    await client[Symbol.asyncDispose]();
  });
});

function describeState(state: ClientState): string {
  if (state.status === "connecting") return `connecting ${state.attempt}`;
  if (state.status === "waiting") return `waiting ${state.attempt} ${state.reason.code}`;
  return state.status;
}
