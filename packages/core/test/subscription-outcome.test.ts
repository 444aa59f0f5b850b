// SPDX-License-Identifier: Apache-2.0
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { ReasonCodeError, SubscribeError } from "../src/index.js";
import { Bench, collect, confirm, follow, grant, publish } from "./bench.js";

const { Disconnect, Subscribe, Unsubscribe } = PacketType;

describe("a strict subscription [decision 3]", () => {
  it("rejects on any refusal, after unsubscribing what was granted", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe(["yes", "no"], { strict: true, qos: 1 }));
    await grant(connection, 1, 0x87);
    const { filters, packetId } = await connection.expect(Unsubscribe);
    expect(filters).toEqual(["yes"]);
    expect(subscribing.status).toBe("pending");
    connection.send({ type: PacketType.Unsuback, packetId, reasonCodes: [0] });
    await bench.clock.settle();
    expect(subscribing.error).toBeInstanceOf(SubscribeError);
    expect(subscribing.error).toMatchObject({
      code: "SUBSCRIBE_REFUSED",
      results: [
        { filter: "yes", reasonCode: 1 },
        { filter: "no", reasonCode: 0x87 },
      ],
    });
    expect(client.stats().subscriptionsActive).toBe(0);
    await bench.end(client);
  });

  it("leaves to others what they hold, and is like any other if all is granted", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = client.subscribe("yes", { strict: true });
    await grant(connection);
    await bench.clock.run(first);
    const second = follow(client.subscribe(["yes", "no"], { strict: true }));
    await grant(connection, 0, 0x87);
    await bench.clock.settle();
    expect(second.status).toBe("rejected");
    await connection.expectNone({ within: 100 });
    expect(client.stats().subscriptionsActive).toBe(1);
    await bench.end(client);
  });

  it("declared before the connection ends, and its loop throws", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe(["yes", "no"], { strict: true });
    const { end } = collect(sub);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await grant(connection, 0, 0x87);
    await bench.clock.run(connecting);
    expect((await confirm(connection)).filters).toEqual(["yes"]);
    await bench.clock.settle();
    expect((await sub.closed).reason).toBe("refused");
    expect(end.status).toBe("rejected");
    await bench.end(client);
  });
});

describe("a subscription's signal [decision 4]", () => {
  it("ends it later too: the loop ends normally, and nobody waits for the broker", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const controller = new AbortController();
    const subscribing = client.subscribe("a", { signal: controller.signal });
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const { got, end } = collect(sub);
    connection.send(publish("a", "1"));
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    expect(end.status).toBe("resolved");
    expect(got).toEqual(["a=1"]);
    expect(await sub.closed).toEqual({ reason: "aborted" });
    expect((await confirm(connection)).filters).toEqual(["a"]);
    await bench.end(client);
  });

  it("ends one that was declared before the connection, and is let go of when the subscription ends first", async () => {
    const bench = new Bench();
    const client = bench.client();
    const early = new AbortController();
    const sub = await client.subscribe("a", { signal: early.signal });
    early.abort();
    expect(await sub.closed).toEqual({ reason: "aborted" });
    const signal = new AbortController().signal;
    let listeners = 0;
    const spy: AbortSignal = Object.create(signal, {
      aborted: { value: false },
      addEventListener: { value: () => listeners++ },
      removeEventListener: { value: () => listeners-- },
    });
    const other = await client.subscribe("b", { signal: spy });
    expect(listeners).toBe(1);
    await other.unsubscribe();
    expect(listeners).toBe(0);
    await bench.end(client);
  });
});

describe("the session of an earlier process [decision 10]", () => {
  it("is asked for what this process has not confirmed, without the retained messages again", async () => {
    const bench = new Bench();
    const client = bench.client({ cleanStart: false });
    const sub = await client.subscribe(["a", { topic: "b", retainHandling: 0 }, { topic: "c", retainHandling: 2 }]);
    const { got } = collect(sub);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    // What the broker queued comes first, with an identifier that only the earlier process knew: it goes by filter.
    const properties = { subscriptionIdentifiers: [7] };
    connection.send(publish("a", "queued", { properties }));
    const { subscriptions } = await grant(connection);
    expect(subscriptions.map(({ filter, retainHandling }) => [filter, retainHandling])).toEqual([
      ["a", 1],
      ["b", 0],
      ["c", 2],
    ]);
    await bench.clock.run(connecting);
    await bench.clock.settle();
    expect(got).toEqual(["a=queued"]);
    const next = await bench.reconnect(connection);
    await next.expectNone({ within: 100 });
    const last = await bench.reconnect(next, { sessionPresent: false });
    expect((await grant(last)).subscriptions.map(({ retainHandling }) => retainHandling)).toEqual([0, 0, 2]);
    await bench.end(client);
  });
});

describe("an operation that the broker answers with a DISCONNECT", () => {
  const blaming = [0x81, 0x82, 0x83, 0x87, 0x8f, 0x90, 0x94, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9e, 0xa1, 0xa2];

  it.each(blaming.map((code) => [code.toString(16), code] as const))(
    "of 0x%s is given up at the third [parity 141]",
    async (_, reasonCode) => {
      const bench = new Bench();
      const first = await bench.connect();
      const { client } = first;
      let { connection } = first;
      const subscribing = follow(client.subscribe("poison"));
      for (let times = 1; times <= 3; times++) {
        expect(subscribing.status).toBe("pending");
        await connection.expect(Subscribe);
        connection.send({ type: Disconnect, reasonCode });
        connection = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
      }
      expect(subscribing.error).toBeInstanceOf(ReasonCodeError);
      expect(subscribing.error).toMatchObject({ code: "REJECTED_BY_DISCONNECT", reasonCode, delivery: "refused" });
      await connection.expectNone({ within: 100 });
      expect(client.stats().subscriptionsActive).toBe(0);
      await bench.end(client);
    },
  );

  it("that blames nobody is asked again for ever", async () => {
    const bench = new Bench();
    const first = await bench.connect();
    let { connection } = first;
    const subscribing = follow(first.client.subscribe("a"));
    for (let times = 1; times <= 5; times++) {
      await connection.expect(Subscribe);
      connection.send({ type: Disconnect, reasonCode: ReasonCode.ServerBusy });
      connection = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    }
    await grant(connection);
    await bench.clock.settle();
    expect(subscribing.status).toBe("resolved");
    await bench.end(first.client);
  });

  it("made again after the session was lost ends the subscription; an UNSUBSCRIBE rejects", async () => {
    const errors: unknown[] = [];
    const bench = new Bench();
    const first = await bench.connect({ onResubscribeError: (error) => errors.push(error) });
    let { connection } = first;
    const subscribing = first.client.subscribe("a");
    await grant(connection);
    const sub = await bench.clock.run(subscribing);
    const { end } = collect(sub);
    connection = await bench.reconnect(connection, { sessionPresent: false });
    for (let times = 1; times <= 3; times++) {
      await connection.expect(Subscribe);
      connection.send({ type: Disconnect, reasonCode: 0x8f });
      connection = await bench.peer.acceptConnect({ connack: { sessionPresent: false } });
    }
    await bench.clock.settle();
    expect(await sub.closed).toMatchObject({ reason: "refused", error: { code: "REJECTED_BY_DISCONNECT" } });
    expect(end.error).toMatchObject({ code: "REJECTED_BY_DISCONNECT" });
    expect(errors).toHaveLength(1);
    const again = first.client.subscribe("b");
    await grant(connection);
    const other = await bench.clock.run(again);
    const unsubscribing = follow(other.unsubscribe());
    for (let times = 1; times <= 3; times++) {
      await connection.expect(Unsubscribe);
      connection.send({ type: Disconnect, reasonCode: 0x83 });
      connection = await bench.peer.acceptConnect({ connack: { sessionPresent: true } });
    }
    expect(unsubscribing.error).toMatchObject({ code: "REJECTED_BY_DISCONNECT" });
    await bench.end(first.client);
  });
});
