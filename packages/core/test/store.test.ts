// SPDX-License-Identifier: Apache-2.0
import { encode, PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { Direction, MemorySessionStore, RecordPhase } from "../src/index.js";
import { Bench, codeOf, collect, follow, grant, puback, pubcomp, publish, pubrec, pubrel } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { connected, holding, inbound, outbound, restarted } from "./store-bench.js";

const { Publish, Pubrel, Disconnect } = PacketType;

describe("a publish", () => {
  it("is stored before it is sent, with what a restart needs to know [parity 104] [parity 105] [decision 17]", async () => {
    const memory = new MemorySessionStore();
    const store = new ScriptedStore(memory);
    const { bench, client, connection, clock } = await connected(store);
    const sent = follow(client.publish("a", "x", { qos: 1, retain: true, messageExpiryInterval: 60 }));
    await clock.settle();
    expect(store.waiting).toEqual(["put out 1 AwaitPuback"]);
    await connection.expectNone();
    store.done("put out 1 AwaitPuback");
    const packet = await connection.expect(Publish);
    const { meta, records } = await memory.load();
    expect(meta).toEqual({ clientId: "client", sessionExpiryInterval: 300 });
    const [record] = records;
    expect(record).toMatchObject({
      direction: Direction.Outbound,
      packetId: packet.packetId,
      sequence: 1,
      pubrecSequence: 0,
      qos: 1,
      phase: RecordPhase.AwaitPuback,
      outcome: 0,
    });
    expect(record?.packet).toEqual(
      encode(publish("a", "x", { qos: 1, retain: true, packetId: 1, properties: { messageExpiryInterval: 60 } })),
    );
    expect(Math.abs((record?.expiresAt ?? 0) - clock.wallTime() - 60_000)).toBeLessThan(5000);
    store.free();
    connection.send(puback(packet.packetId));
    await clock.settle();
    expect(sent.status).toBe("resolved");
    expect(await store.records()).toEqual([]);
    await bench.end(client);
  });

  it("keeps its order: records become durable at once, PUBLISHes leave one after the other [parity 107] [decision 17]", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const sent = ["a", "b", "c"].map((topic) => follow(client.publish(topic, "", { qos: 1 })));
    await clock.settle();
    expect(store.waiting).toEqual(["put out 1 AwaitPuback", "put out 2 AwaitPuback", "put out 3 AwaitPuback"]);
    store.done("put out 3 AwaitPuback");
    store.done("put out 2 AwaitPuback");
    await connection.expectNone();
    store.done("put out 1 AwaitPuback");
    for (const topic of ["a", "b", "c"]) await connection.expect({ type: Publish, topic });
    store.free();
    for (const id of [1, 2, 3]) connection.send(puback(id));
    await clock.settle();
    expect(sent.map(({ status }) => status)).toEqual(["resolved", "resolved", "resolved"]);
    await bench.end(client);
  });

  it("at QoS 2 sends PUBREL when the phase is durable, and deletes the record at the end [parity 106]", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const sent = follow(client.publish("a", "", { qos: 2 }));
    await clock.settle();
    store.done("put out 1 AwaitPubrec");
    await connection.expect(Publish);
    connection.send(pubrec(1));
    await connection.expectNone();
    expect(store.waiting).toEqual(["put out 1 AwaitPubcomp"]);
    store.done("put out 1 AwaitPubcomp");
    await connection.expect(Pubrel);
    connection.send(pubcomp(1));
    await clock.settle();
    expect(store.waiting).toEqual(["delete out 1"]);
    expect(sent.status).toBe("resolved"); // the broker has it
    store.done("delete out 1");
    await bench.end(client);
  });

  it("whose record could not be made fails alone, and was not sent [parity 108]", async () => {
    const store = new ScriptedStore();
    const failures: unknown[] = [];
    const { bench, client, connection, clock } = await connected(store, { onStoreFailure: (e) => failures.push(e) });
    const [bad, good] = ["bad", "good"].map((topic) => follow(client.publish(topic, "", { qos: 1 })));
    await clock.settle();
    store.done("put out 2 AwaitPuback");
    store.fail("put out 1 AwaitPuback");
    await connection.expect({ type: Publish, topic: "good" });
    expect(bad?.error).toMatchObject({ code: "STORE_FAILED", delivery: "not-sent" });
    store.free();
    connection.send(puback(2));
    await clock.settle();
    expect(good?.status).toBe("resolved");
    expect([client.state.status, failures]).toEqual(["connected", []]);
    await bench.end(client);
  });

  it("that was refused is not resent after a restart: the caller hears of it when the record is gone [parity 112]", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const sent = follow(client.publish("a", "", { qos: 1 }));
    await clock.settle();
    store.done("put out 1 AwaitPuback");
    await connection.expect(Publish);
    connection.send(puback(1, ReasonCode.NotAuthorized));
    await clock.settle();
    expect(sent.status).toBe("pending");
    store.done("delete out 1");
    await clock.settle();
    expect(sent.error).toMatchObject({ code: "NOT_AUTHORIZED", delivery: "refused" });
    const again = await restarted(new ScriptedStore(store.afterCrash()).free());
    await again.connection.expectNone();
    await again.bench.end(again.client);
    await bench.end(client);
  });

  it("whose link is lost while its record is made is sent on the next one, for the first time", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const sent = follow(client.publish("a", "", { qos: 1 }));
    await clock.settle();
    const next = await bench.reconnect(connection);
    await next.expectNone();
    store.done("put out 1 AwaitPuback");
    await next.expect({ type: Publish, duplicate: false, packetId: 1 });
    store.free();
    next.send(puback(1));
    await clock.settle();
    expect(sent.status).toBe("resolved");
    await bench.end(client);
  });

  it("that is aborted while its record is made leaves neither record nor message", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const aborter = new AbortController();
    const sent = follow(client.publish("a", "", { qos: 1, signal: aborter.signal }));
    await clock.settle();
    aborter.abort();
    await clock.settle();
    expect(sent.error).toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    store.done("put out 1 AwaitPuback");
    await clock.settle();
    store.done("delete out 1");
    await connection.expectNone();
    expect(await store.records()).toEqual([]);
    await bench.end(client);
  });
});

describe("a received QoS 2 message", () => {
  it("is recorded before PUBREC and gone before PUBCOMP; what is behind waits [parity 106] [MQTT-4.6.0-3]", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const subscribing = client.subscribe("#", { qos: 2 });
    await grant(connection);
    const { got } = collect(await clock.run(subscribing));
    connection.send(publish("a", "1", { qos: 2, packetId: 7 }), publish("b", "2", { qos: 1, packetId: 8 }));
    await clock.settle();
    expect(got).toEqual(["a=1", "b=2"]);
    await connection.expectNone(); // the PUBACK waits behind the PUBREC
    store.done("put in 7 AwaitPubrel");
    await connection.expect(pubrec(7));
    await connection.expect(puback(8));
    connection.send(pubrel(7));
    await connection.expectNone();
    connection.send(pubrel(7)); // once more: still not durable
    await connection.expectNone();
    store.done("delete in 7");
    await connection.expect(pubcomp(7));
    await connection.expect(pubcomp(7));
    expect(await store.records()).toEqual([]);
    await bench.end(client);
  });

  it("is not delivered again after a restart", async () => {
    const { bench, client, connection } = await restarted(holding(inbound(7)));
    const subscribing = client.subscribe("#", { qos: 2 });
    await grant(connection);
    const { got } = collect(await bench.clock.run(subscribing));
    connection.send(publish("a", "1", { qos: 2, packetId: 7, duplicate: true }));
    await connection.expect(pubrec(7));
    connection.send(pubrel(7));
    await connection.expect(pubcomp(7));
    connection.send(publish("a", "2", { qos: 2, packetId: 7 }));
    await connection.expect(pubrec(7));
    expect(got).toEqual(["a=2"]);
    await bench.end(client);
  });
});

describe("a restart", () => {
  it("goes on in every phase: PUBRELs in the order of PUBRECs, PUBLISHes in theirs with DUP, inbound QoS 2 and identifiers [parity 111]", async () => {
    const { AwaitPubcomp: phase } = RecordPhase;
    const store = holding(
      outbound(5, { sequence: 1 }),
      outbound(3, { sequence: 2, qos: 2, phase, pubrecSequence: 2 }),
      outbound(9, { sequence: 3, qos: 2, phase, pubrecSequence: 1 }),
      outbound(2, { sequence: 4, qos: 2 }),
      outbound(1, { sequence: 5, phase: RecordPhase.Completed, outcome: 0x87 }),
      inbound(2),
    );
    const { bench, client, connection } = await restarted(store);
    await connection.expect(pubrel(9));
    await connection.expect(pubrel(3));
    await connection.expect({ type: Publish, packetId: 5, topic: "t/5", duplicate: true });
    await connection.expect({ type: Publish, packetId: 2, topic: "t/2", duplicate: true });
    await connection.expectNone(); // the refused one is over
    connection.send(pubcomp(9), pubcomp(3), puback(5), pubrec(2));
    await connection.expect(pubrel(2));
    connection.send(pubcomp(2), pubrel(2));
    await connection.expect(pubcomp(2));
    await bench.clock.settle();
    expect(await store.records()).toEqual([]);
    expect(client.stats().publishesInflight).toBe(0);
    await bench.end(client);
  });

  it("after each step of a QoS 2 publish neither loses nor repeats it [parity 111]", async () => {
    const expected: Record<string, string> = {
      "put out 1 AwaitPubrec": "",
      PUBLISH: "PUBLISH dup",
      "put out 1 AwaitPubcomp": "PUBLISH dup",
      PUBREL: "PUBREL",
      "delete out 1": "PUBREL",
      end: "",
    };
    const seen: Record<string, string> = {};
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const crash = async (step: string): Promise<void> => {
      const again = await restarted(new ScriptedStore(store.afterCrash()).free());
      await again.bench.clock.settle();
      const packet =
        client.stats().connects === 1 && (await store.records()).length > 0 ? await again.connection.next() : undefined;
      if (packet === undefined) await again.connection.expectNone();
      seen[step] = packet?.type === Publish ? `PUBLISH${packet.duplicate ? " dup" : ""}` : packet ? "PUBREL" : "";
      await again.bench.clock.run(again.client.disconnect());
    };
    void follow(client.publish("a", "", { qos: 2 }));
    await clock.settle();
    await crash("put out 1 AwaitPubrec");
    store.done("put out 1 AwaitPubrec");
    await connection.expect(Publish);
    await crash("PUBLISH");
    connection.send(pubrec(1));
    await clock.settle();
    await crash("put out 1 AwaitPubcomp");
    store.done("put out 1 AwaitPubcomp");
    await connection.expect(Pubrel);
    await crash("PUBREL");
    connection.send(pubcomp(1));
    await clock.settle();
    await crash("delete out 1");
    store.done("delete out 1");
    await clock.settle();
    await crash("end");
    expect(seen).toEqual(expected);
    await bench.end(client);
  });

  it("keeps the Client Identifier that the broker assigned [parity 44]", async () => {
    const memory = new MemorySessionStore();
    const first = new Bench();
    const client = first.client({ store: memory, clientId: "" });
    const connecting = client.connect();
    const connection = await first.peer.acceptConnect({
      connack: { properties: { assignedClientIdentifier: "given" } },
    });
    await first.clock.run(connecting);
    connection.cut();
    await first.peer.acceptResume({ connect: { clientId: "given" } });
    await first.end(client);
    const second = new Bench();
    const other = second.client({ store: memory.reopened(), clientId: "" });
    const again = other.connect();
    await second.peer.acceptResume({ connect: { clientId: "given", cleanStart: false } });
    await second.clock.run(again);
    expect(other.clientId).toBe("given");
    await second.end(other);
  });

  it("with nothing in flight asks for the session all the same, so that the broker's queue is not erased [parity 41] [decision 11]", async () => {
    const { bench, client } = await restarted(holding()); // expects Clean Start 0
    expect(client.serverInfo?.sessionPresent).toBe(true);
    await bench.end(client);
    const fresh = new Bench();
    const { client: other } = await fresh.connect(
      { store: new MemorySessionStore() },
      { connect: { cleanStart: true } },
    );
    await fresh.end(other);
  });

  it("with an explicit Clean Start resets the store before anything else, and nothing of it is sent [parity 42]", async () => {
    const store = holding(outbound(1, {}), inbound(4)).hold();
    const bench = new Bench();
    const client = bench.client({ store, cleanStart: true });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect({ connect: { cleanStart: true } });
    await bench.clock.settle();
    expect(store.waiting).toEqual(["reset"]);
    expect(connecting.status).toBe("pending");
    store.done("reset");
    await bench.clock.settle();
    expect(store.waiting).toEqual(["meta client 300"]);
    store.done("meta client 300");
    await connection.expectNone();
    expect(connecting.status).toBe("resolved");
    expect([await store.records(), client.stats().publishesInflight]).toEqual([[], 0]);
    await bench.end(client);
  });

  it("after the broker lost the session sends as new, and makes that durable before it is used", async () => {
    const { AwaitPubcomp: phase } = RecordPhase;
    const store = holding(outbound(3, { qos: 2, phase, pubrecSequence: 1 }), inbound(7)).hold();
    const bench = new Bench();
    const client = bench.client({ store });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    expect(store.waiting).toEqual(["delete in 7", "put out 3 AwaitPubrec"]);
    expect(connecting.status).toBe("pending");
    await connection.expectNone();
    store.done("delete in 7");
    store.done("put out 3 AwaitPubrec");
    await connection.expect({ type: Publish, packetId: 3, duplicate: false });
    expect(connecting.status).toBe("resolved");
    store.free();
    await bench.end(client);
  });
});

describe("the meta", () => {
  it("is durable before the connection is used, and written only when it changes [parity 45]", async () => {
    const store = new ScriptedStore();
    const bench = new Bench();
    const client = bench.client({ store });
    await client.subscribeQueue("a", { qos: 1 });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect();
    connection.send(publish("a", "early", { qos: 1, packetId: 1 }));
    await bench.clock.settle();
    expect(store.waiting).toEqual(["meta client 300"]);
    expect([connecting.status, client.state.status, client.stats().inboundPublishes]).toEqual([
      "pending",
      "connecting",
      0,
    ]);
    await connection.expectNone();
    store.done("meta client 300");
    await bench.clock.settle();
    expect([connecting.status, client.state.status, client.stats().inboundPublishes]).toEqual([
      "resolved",
      "connected",
      1,
    ]);
    await grant(connection);
    await bench.reconnect(connection);
    await bench.clock.settle();
    expect(store.log).toEqual(["meta client 300"]);
    await bench.end(client);
  });

  it("that could not be written ends the client, and is written again at the next connect", async () => {
    const store = new ScriptedStore();
    const bench = new Bench();
    const client = bench.client({ store });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect();
    await bench.clock.settle();
    store.fail("meta client 300");
    await connection.expect({ type: Disconnect, reasonCode: ReasonCode.UnspecifiedError });
    connection.cut();
    await bench.clock.settle();
    expect(codeOf(connecting.error)).toBe("STORE_FAILED");
    const again = follow(client.connect());
    await bench.peer.acceptConnect();
    await bench.clock.settle();
    store.done("meta client 300");
    await bench.clock.settle();
    expect(again.status).toBe("resolved");
    await bench.end(client);
  });

  it("that never becomes durable ends the attempt in time", async () => {
    const bench = new Bench();
    const client = bench.client({ store: new ScriptedStore(), connectTimeout: 1000 });
    const connecting = follow(client.connect());
    await bench.peer.acceptConnect();
    await bench.clock.advance(3000);
    expect(codeOf(connecting.error)).toBe("CONNECT_TIMEOUT");
  });
});

describe("any other failure of the store", () => {
  const cases: [string, (connection: Awaited<ReturnType<typeof connected>>["connection"]) => void][] = [
    ["put out 1 AwaitPubcomp", (connection) => connection.send(pubrec(1))],
    ["delete out 1", (connection) => connection.send(pubrec(1, ReasonCode.QuotaExceeded))],
    ["put in 7 AwaitPubrel", (connection) => connection.send(publish("a", "", { qos: 2, packetId: 7 }))],
  ];

  for (const [call, cause] of cases) {
    it(`(${call}) ends the session: every flow is told, DISCONNECT 0x80, no reconnect, one call [parity 109]`, async () => {
      const store = new ScriptedStore();
      const failures: unknown[] = [];
      const { bench, client, connection, clock } = await connected(store, { onStoreFailure: (e) => failures.push(e) });
      const sent = [follow(client.publish("a", "", { qos: 2 })), follow(client.publish("b", "", { qos: 1 }))];
      const subscribing = client.subscribe("#", { qos: 2 });
      await grant(connection);
      collect(await clock.run(subscribing));
      store.done("put out 1 AwaitPubrec");
      await connection.expect(Publish);
      cause(connection);
      await clock.settle();
      store.fail(call);
      await connection.expect({ type: Disconnect, reasonCode: 0x80 });
      await connection.expectClosed();
      await clock.advance(10_000);
      expect(sent.map(({ error }) => codeOf(error))).toEqual(["STORE_FAILED", "STORE_FAILED"]);
      expect(sent[0]?.error).toMatchObject({ delivery: "unknown" });
      expect(sent[1]?.error).toMatchObject({ delivery: "not-sent" });
      expect(failures.map(codeOf)).toEqual(["STORE_FAILED"]);
      expect(client.state).toMatchObject({ status: "closed", cause: { code: "STORE_FAILED" } });
      expect(client.stats()).toMatchObject({ connects: 1, publishesInflight: 0 });
      expect(bench.clock.pending).toBe(0);
    });
  }

  it("is over with the next connect, which loads what is durable [parity 110]", async () => {
    const store = new ScriptedStore();
    const { bench, client, connection, clock } = await connected(store);
    const sent = [follow(client.publish("a", "", { qos: 2 })), follow(client.publish("b", "", { qos: 1 }))];
    await clock.settle();
    store.done("put out 1 AwaitPubrec");
    await connection.expect(Publish);
    connection.send(pubrec(1));
    await clock.settle();
    store.fail("put out 1 AwaitPubcomp");
    await connection.expect(Disconnect);
    await connection.expectClosed();
    const again = client.connect();
    await clock.settle();
    store.done("put out 2 AwaitPuback"); // late, and durable all the same
    const next = await bench.peer.acceptResume();
    store.free();
    await clock.run(again);
    expect(sent.map(({ error }) => codeOf(error))).toEqual(["STORE_FAILED", "STORE_FAILED"]);
    expect(store.loads).toBe(2);
    await next.expect({ type: Publish, packetId: 1, duplicate: true });
    await next.expect({ type: Publish, packetId: 2, duplicate: true });
    next.send(puback(2), pubrec(1));
    await next.expect(pubrel(1));
    next.send(pubcomp(1));
    await clock.settle();
    await bench.end(client);
    expect(await store.records()).toEqual([]);
  });

  it("while it is loaded rejects the connect, and the next one tries again", async () => {
    const bench = new Bench();
    const memory = new MemorySessionStore();
    let broken = true;
    const store = Object.assign(Object.create(memory) as MemorySessionStore, {
      load: () => (broken ? Promise.reject(new Error("locked")) : new MemorySessionStore().load()),
      put: () => undefined,
      delete: () => undefined,
      setMeta: () => undefined,
      reset: () => undefined,
    });
    const client = bench.client({ store });
    const connecting = follow(client.connect());
    await bench.clock.settle();
    expect(codeOf(connecting.error)).toBe("STORE_FAILED");
    broken = false;
    const again = client.connect();
    await bench.peer.acceptConnect();
    await bench.clock.run(again);
    await bench.end(client);
  });

  it("by hanging holds up neither disconnect nor an aborted connect", async () => {
    const store = new ScriptedStore();
    const { client, clock } = await connected(store);
    void follow(client.publish("a", "", { qos: 1 }));
    await clock.settle();
    await clock.run(client.disconnect(), 5000);
    const bench = new Bench();
    const hanging = Object.assign(new ScriptedStore(), { load: () => new Promise<never>(() => {}) });
    const other = bench.client({ store: hanging });
    const aborter = new AbortController();
    const connecting = follow(other.connect({ signal: aborter.signal }));
    await bench.clock.settle();
    aborter.abort();
    await bench.clock.settle();
    expect(codeOf(connecting.error)).toBe("ABORTED");
    await bench.end(other);
  });
});
