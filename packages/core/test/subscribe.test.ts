// SPDX-License-Identifier: Apache-2.0
import { PacketType, type PublishPacket, type RetainHandling } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { type Client, type Filters, SubscribeError, type SubscribeOptions, type Subscription } from "../src/index.js";
import { Bench, BrokerBench, codeOf, collect, confirm, follow, grant, puback, publish, suback } from "./bench.js";

const { Subscribe, Unsubscribe } = PacketType;

/** Subscribes and grants what is asked. */
async function subscribed(
  bench: Bench,
  client: Client,
  connection: ScriptedConnection,
  filters: Filters,
  options?: SubscribeOptions,
): Promise<{ sub: Subscription; identifier: number }> {
  const subscribing = client.subscribe(filters, options);
  const { properties } = await grant(connection);
  return {
    sub: await bench.clock.run(subscribing),
    identifier: properties.toObject().subscriptionIdentifier as number,
  };
}

describe("subscribe", () => {
  it("asks for all filters of a call in one SUBSCRIBE, each with its options [parity 142]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe(
      ["a", { topic: "b/+", qos: 2, noLocal: true }, { topic: "c/#", retainAsPublished: true, retainHandling: 2 }],
      { qos: 1, retainHandling: 1 },
    );
    const { subscriptions } = await grant(connection);
    expect(subscriptions).toEqual([
      { filter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 1 },
      { filter: "b/+", qos: 2, noLocal: true, retainAsPublished: false, retainHandling: 1 },
      { filter: "c/#", qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 2 },
    ]);
    const sub = await bench.clock.run(subscribing);
    expect(sub.granted).toEqual([
      { filter: "a", reasonCode: 1 },
      { filter: "b/+", reasonCode: 2 },
      { filter: "c/#", reasonCode: 1 },
    ]);
    expect(sub.refused).toEqual([]);
    await bench.end(client);
  });

  it("refused where an earlier grant has lost its last holder meanwhile leaves nothing behind at the broker", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "a");
    const other = follow(client.subscribe("a", { qos: 2 }));
    const { packetId } = await connection.expect(Subscribe);
    await bench.clock.run(sub.unsubscribe()); // the broker is told nothing: the other one holds the filter
    await connection.expectNone({ within: 100 });
    connection.send(suback(packetId, 0x87));
    expect((await confirm(connection)).filters).toEqual(["a"]);
    expect([other.status, codeOf(other.error)]).toEqual(["rejected", "SUBSCRIBE_REFUSED"]);
    await bench.end(client);
  });

  it("given up after three DISCONNECTs leaves nothing behind either, and asks for nothing that was never granted", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "a");
    const other = follow(client.subscribe(["a", "b"]));
    await connection.expect(Subscribe);
    await bench.clock.run(sub.unsubscribe());
    let last = connection;
    for (let strike = 1; strike <= 3; strike++) {
      last.send({ type: PacketType.Disconnect, reasonCode: 0x97 });
      last = await bench.peer.acceptResume();
      if (strike < 3) await last.expect(Subscribe);
    }
    expect((await confirm(last)).filters).toEqual(["a"]);
    await last.expectNone({ within: 100 });
    expect(codeOf(other.error)).toBe("REJECTED_BY_DISCONNECT");
    await bench.end(client);
  });

  it("to the longest legal filters is delivered to, and ended", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subs = [];
    for (const filter of ["#", "/".repeat(65_535), `+${"/+".repeat(32_767)}`, `${"/+".repeat(32_000)}/#`]) {
      subs.push((await subscribed(bench, client, connection, filter)).sub);
    }
    connection.send(publish("/".repeat(65_535), "slashes"), publish(`a${"/a".repeat(32_767)}`, "letters"));
    await bench.clock.settle();
    expect(subs.map(({ pending }) => pending)).toEqual([2, 1, 1, 1]);
    for (const sub of subs) {
      const leaving = sub.unsubscribe();
      await confirm(connection);
      await bench.clock.run(leaving);
    }
    await bench.end(client);
  });

  it("registers the route first: what comes before SUBACK is not missed [parity 125]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("a");
    const { packetId } = await connection.expect(Subscribe);
    connection.send(publish("a", "kept", { retain: true }), suback(packetId, 0), publish("a", "new"));
    const sub = await bench.clock.run(subscribing);
    const { got } = collect(sub);
    await bench.clock.settle();
    expect(got).toEqual(["a=kept", "a=new"]);
    await bench.end(client);
  });

  it("resolves with what was granted if something was, and warns of the rest [parity 126] [decision 3]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe(["yes", "no"], { qos: 1 });
    await grant(connection, 1, 0x87);
    const sub = await bench.clock.run(subscribing);
    expect(sub.granted).toEqual([
      { filter: "yes", reasonCode: 1 },
      { filter: "no", reasonCode: 0x87 },
    ]);
    expect(sub.refused).toEqual([{ filter: "no", reasonCode: 0x87 }]);
    expect(bench.log.join()).toContain("no (0x87)");
    const { got } = collect(sub);
    connection.send(publish("yes", "1"), publish("no", "2"));
    await bench.clock.settle();
    expect(got).toEqual(["yes=1"]);
    // What was granted is made again after the session is lost; what was refused is not.
    const next = await bench.reconnect(connection, { sessionPresent: false });
    const { subscriptions } = await grant(next);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["yes"]);
    next.send(publish("yes", "3"));
    await bench.clock.settle();
    expect(got).toEqual(["yes=1", "yes=3"]);
    await bench.end(client);
  });

  it("rejects with all results if nothing was granted, and nothing is left of it [parity 127] [decision 3]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe(["a", "b"]));
    const { packetId } = await connection.expect(Subscribe);
    connection.send({ ...suback(packetId, 0x87, 0x97), properties: { reasonString: "no" } });
    await bench.clock.settle();
    expect(subscribing.error).toBeInstanceOf(SubscribeError);
    expect(subscribing.error).toMatchObject({
      code: "SUBSCRIBE_REFUSED",
      delivery: "refused",
      reasonString: "no",
      results: [
        { filter: "a", reasonCode: 0x87 },
        { filter: "b", reasonCode: 0x97 },
      ],
    });
    expect(client.stats().subscriptionsActive).toBe(0);
    const next = await bench.reconnect(connection, { sessionPresent: false });
    await next.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("that is aborted is undone with UNSUBSCRIBE [parity 139]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const controller = new AbortController();
    const subscribing = follow(client.subscribe("a", { signal: controller.signal }));
    const { packetId } = await connection.expect(Subscribe);
    controller.abort();
    await bench.clock.settle();
    expect(subscribing.error).toMatchObject({ name: "AbortError", code: "ABORTED", delivery: "unknown" });
    connection.send(suback(packetId, 0));
    expect((await confirm(connection)).filters).toEqual(["a"]);
    await connection.expectNone({ within: 100 });
    expect(client.stats()).toMatchObject({ subscriptionsActive: 0, unsubscribesSent: 1 });
    await bench.end(client);
  });

  it("that is aborted while the line is down is undone on the resumed session [parity 139]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const controller = new AbortController();
    const subscribing = follow(client.subscribe("a", { signal: controller.signal }));
    await connection.expect(Subscribe);
    connection.cut();
    await bench.clock.settle();
    controller.abort();
    await bench.clock.settle();
    expect(codeOf(subscribing.error)).toBe("ABORTED");
    const next = await bench.peer.acceptResume();
    expect((await confirm(next)).filters).toEqual(["a"]);
    await next.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("that is aborted takes nothing from another subscription on its filter", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "a");
    const { got } = collect(sub);
    const controller = new AbortController();
    const subscribing = follow(client.subscribe("a", { signal: controller.signal }));
    await connection.expect(Subscribe);
    controller.abort();
    await connection.expectNone({ within: 100 });
    expect(codeOf(subscribing.error)).toBe("ABORTED");
    connection.send(publish("a", "1"));
    await bench.clock.settle();
    expect(got).toEqual(["a=1"]);
    await bench.end(client);
  });

  it("with an aborted signal sends nothing", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe("a", { signal: AbortSignal.abort() }));
    await connection.expectNone({ within: 100 });
    expect(subscribing.error).toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    expect(client.stats().subscriptionsActive).toBe(0);
    await bench.end(client);
  });

  it("before the first connection resolves at once, and asks the broker when there is one [decision 12]", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe("a", { qos: 1 });
    expect(sub.granted).toEqual([]);
    const { got } = collect(sub);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await grant(connection);
    await bench.clock.run(connecting);
    connection.send(publish("a", "1"));
    await bench.clock.settle();
    expect(sub.granted).toEqual([{ filter: "a", reasonCode: 1 }]);
    expect(got).toEqual(["a=1"]);
    await bench.end(client);
  });

  it("before the first connection and refused: the callback is told, `closed` says so, and the loop throws [decision 12]", async () => {
    const bench = new Bench();
    const errors: unknown[] = [];
    const client = bench.client({ onResubscribeError: (error) => errors.push(error) });
    const sub = await client.subscribe("a");
    const { end } = collect(sub);
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await grant(connection, 0x87);
    await bench.clock.run(connecting);
    await bench.clock.settle();
    expect(await sub.closed).toMatchObject({ reason: "refused", error: { code: "SUBSCRIBE_REFUSED" } });
    expect(codeOf(end.error)).toBe("SUBSCRIBE_REFUSED");
    expect(errors).toHaveLength(1);
    await bench.end(client);
  });

  it("before the first connection and unsubscribed at once needs no broker", async () => {
    const bench = new Bench();
    const client = bench.client();
    const sub = await client.subscribe("a");
    await bench.clock.run(sub.unsubscribe());
    expect(await sub.closed).toEqual({ reason: "unsubscribed" });
    const connecting = client.connect();
    const connection = await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    await connection.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("while the connection is lost rejects with NOT_CONNECTED, after the end with CLOSED [decision 12]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.cut();
    await bench.clock.settle();
    await expect(client.subscribe("a")).rejects.toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
    await bench.end(client);
    await expect(client.subscribe("a")).rejects.toMatchObject({ code: "CLOSED", delivery: "not-sent" });
    await expect(client.subscribeQueue("a")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(client.subscribeCallback("a", () => {})).rejects.toMatchObject({ code: "CLOSED" });
    expect(client.stats().subscriptionsActive).toBe(0);
  });

  it("does not ask for what the broker does not have [parity 134]", async () => {
    const bench = new Bench();
    const properties = {
      wildcardSubscriptionAvailable: false,
      sharedSubscriptionAvailable: false,
      maximumPacketSize: 40,
    };
    const { client, connection } = await bench.connect({}, { connack: { properties } });
    const cases: [Filters, string][] = [
      ["a/#", "WILDCARD_SUBS_UNSUPPORTED"],
      [["x", "a/+/b"], "WILDCARD_SUBS_UNSUPPORTED"],
      ["$share/g/a", "SHARED_SUBS_UNSUPPORTED"],
      ["x".repeat(40), "PACKET_TOO_LARGE"],
    ];
    for (const [filters, code] of cases) {
      const subscribing = follow(client.subscribe(filters));
      await connection.expectNone({ within: 10 });
      expect(subscribing.error).toMatchObject({ code, delivery: "not-sent" });
    }
    expect(client.stats()).toMatchObject({ subscriptionsActive: 0, subscribesSent: 0 });
    await subscribed(bench, client, connection, "fine");
    await bench.end(client);
  });

  it("sends no identifier to a broker without them, and routes by filter", async () => {
    const bench = new Bench();
    const properties = { subscriptionIdentifierAvailable: false };
    const { client, connection } = await bench.connect({}, { connack: { properties } });
    const { sub, identifier } = await subscribed(bench, client, connection, "a/+");
    expect(identifier).toBeUndefined();
    const { got } = collect(sub);
    connection.send(publish("a/b", "1"), publish("b", "2"));
    await bench.clock.settle();
    expect(got).toEqual(["a/b=1"]);
    await bench.end(client);
  });
});

describe("a message", () => {
  it("reaches each subscription once, by identifier, or by filter without one [parity 130, 131]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const one = await subscribed(bench, client, connection, ["a/#", "a/b"]);
    const two = await subscribed(bench, client, connection, "a/+");
    expect(one.identifier).not.toBe(two.identifier);
    const first = collect(one.sub);
    const second = collect(two.sub);
    const send = (payload: string, ...subscriptionIdentifiers: number[]): void =>
      connection.send(publish("a/b", payload, { properties: { subscriptionIdentifiers } }));
    send("untagged");
    send("one", one.identifier);
    send("two", two.identifier);
    send("both", one.identifier, two.identifier);
    send("foreign", 1);
    send("foreign and two", 1, two.identifier);
    await bench.clock.settle();
    expect(first.got.map((text) => text.slice(4))).toEqual(["untagged", "one", "both", "foreign"]);
    expect(second.got.map((text) => text.slice(4))).toEqual(["untagged", "two", "both", "foreign", "foreign and two"]);
    await bench.end(client);
  });

  it("with an identifier of a subscription whose filter does not match goes by filter [decision 10]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const one = await subscribed(bench, client, connection, "a");
    const two = await subscribed(bench, client, connection, "b");
    const first = collect(one.sub);
    const second = collect(two.sub);
    connection.send(publish("a", "1", { properties: { subscriptionIdentifiers: [two.identifier] } }));
    await bench.clock.settle();
    expect([first.got, second.got]).toEqual([["a=1"], []]);
    await bench.end(client);
  });

  it("reaches each of two subscriptions on one filter; one subscription with overlapping filters gets one copy [parity 128, 132]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const all = [];
    for (const filters of ["x/y", "x/y", ["x/y", "x/+", "#"], "$share/g/x/y", "$share/h/x/y"] as Filters[]) {
      all.push(collect((await subscribed(bench, client, connection, filters)).sub));
    }
    connection.send(publish("x/y", "1", { qos: 1, packetId: 3 }));
    await connection.expect(puback(3));
    expect(all.map(({ got }) => got)).toEqual(Array.from({ length: 5 }, () => ["x/y=1"]));
    await bench.end(client);
  });

  it("that is under way while its filter is subscribed again is not lost, whatever its identifiers", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = await subscribed(bench, client, connection, "x");
    const wide = await subscribed(bench, client, connection, "#");
    const got = [first, wide].map(({ sub }) => collect(sub).got);
    const tagged = (payload: string): PublishPacket =>
      publish("x", payload, { properties: { subscriptionIdentifiers: [first.identifier, wide.identifier] } });
    const again = client.subscribe("x");
    const { packetId } = await connection.expect(Subscribe);
    connection.send(tagged("before"));
    await bench.clock.settle();
    connection.send(suback(packetId, 0x97));
    await expect(bench.clock.run(again)).rejects.toMatchObject({ code: "SUBSCRIBE_REFUSED" });
    // The broker goes on with the first identifier.
    connection.send(tagged("after"));
    await bench.clock.settle();
    expect(got).toEqual([
      ["x=before", "x=after"],
      ["x=before", "x=after"],
    ]);
    await bench.end(client);
  });

  it("that is kept, and brought by a repeated SUBSCRIBE, is for the new holder only [decision 7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = collect((await subscribed(bench, client, connection, "a")).sub);
    connection.send(publish("a", "kept", { retain: true }));
    await bench.clock.settle();
    const second = collect((await subscribed(bench, client, connection, "a")).sub);
    connection.send(publish("a", "kept", { retain: true }), publish("a", "new"));
    await bench.clock.settle();
    expect(first.got).toEqual(["a=kept", "a=new"]);
    expect(second.got).toEqual(["a=kept", "a=new"]);
    // A new session brings it to both.
    const next = await bench.reconnect(connection, { sessionPresent: false });
    await grant(next);
    next.send(publish("a", "kept", { retain: true }));
    await bench.clock.settle();
    expect([first.got.length, second.got.length]).toEqual([3, 3]);
    await bench.end(client);
  });

  it("that is kept is for the SUBSCRIBE whose identifier it has, however late it comes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = await subscribed(bench, client, connection, "a");
    const got = [collect(first.sub).got];
    const subscribing = client.subscribe("a");
    const { packetId, properties } = await connection.expect(Subscribe);
    const identifiers = [first.identifier, properties.toObject().subscriptionIdentifier as number];
    const kept = (n: 0 | 1): PublishPacket =>
      publish("a", String(n), { retain: true, properties: { subscriptionIdentifiers: [identifiers[n] as number] } });
    connection.send(kept(0), kept(1), suback(packetId, 0), kept(1));
    got.push(collect(await bench.clock.run(subscribing)).got);
    await bench.clock.settle();
    expect(got).toEqual([["a=0"], ["a=1", "a=1"]]);
    await bench.end(client);
  });

  it("with Retain As Published is for all holders, whatever its flag [decision 7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const options = { retainAsPublished: true };
    const first = collect((await subscribed(bench, client, connection, "a", options)).sub);
    const second = collect((await subscribed(bench, client, connection, "a", options)).sub);
    connection.send(publish("a", "1", { retain: true }));
    await bench.clock.settle();
    expect([first.got, second.got]).toEqual([["a=1"], ["a=1"]]);
    await bench.end(client);
  });

  it("for nobody is acked [parity 146] [MQTT-4.5.0-2] [MQTT-3.3.4-1]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    connection.send(
      publish("a", "", { qos: 1, packetId: 1 }),
      publish("a", "", { qos: 2, packetId: 2, duplicate: true }),
      publish("a", ""),
    );
    await connection.expect(puback(1));
    await connection.expect({ type: PacketType.Pubrec, packetId: 2, reasonCode: 0 });
    await connection.expectNone({ within: 100 });
    await bench.end(client);
  });

  it("reaches a second handler although the first one unsubscribes itself", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const got: string[] = [];
    const subs: { unsubscribe(): Promise<void> }[] = [];
    for (const name of ["one", "two", "three"]) {
      const subscribing = client.subscribeCallback("a", (message) => {
        got.push(`${name}=${message.text()}`);
        if (name === "one") void subs[0]?.unsubscribe();
      });
      await grant(connection);
      const sub = await bench.clock.run(subscribing);
      if (name === "one") subs.push(sub);
    }
    connection.send(publish("a", "1", { qos: 1, packetId: 1 }));
    await connection.expect(puback(1));
    connection.send(publish("a", "2"));
    await bench.clock.settle();
    expect(got).toEqual(["one=1", "two=1", "three=1", "two=2", "three=2"]);
    await bench.end(client);
  });

  it("is kept from a handler whose subscription another handler has just ended", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const got: string[] = [];
    const all: { unsubscribe(): Promise<void> }[] = [];
    for (const name of ["one", "two"]) {
      const subscribing = client.subscribeCallback(`+/${name === "one" ? "b" : "#"}`, () => {
        got.push(name);
        for (const sub of all.splice(0)) void sub.unsubscribe();
      });
      await grant(connection);
      all.push(await bench.clock.run(subscribing));
    }
    connection.send(publish("a/b", "1", { qos: 1, packetId: 1 }));
    await confirm(connection);
    await confirm(connection);
    await connection.expect(puback(1));
    await bench.clock.settle();
    expect(got).toHaveLength(1);
    await bench.end(client);
  });

  it("owns its bytes: they outlive the read they came with [decision 8]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "#");
    const kept: { topic: string; payload: Uint8Array; contentType: unknown }[] = [];
    const { got } = collect(sub, (message) => {
      kept.push({
        topic: message.topic,
        payload: message.payload,
        contentType: message.properties.toObject().contentType,
      });
    });
    for (let n = 0; n < 50; n++) {
      connection.send(publish(`t/${n}`, String(n).repeat(100), { properties: { contentType: `c${n}` } }));
      await bench.clock.settle();
    }
    expect(got).toHaveLength(50);
    for (const [n, message] of kept.entries()) {
      expect([message.topic, Buffer.from(message.payload).toString(), message.contentType]).toEqual([
        `t/${n}`,
        String(n).repeat(100),
        `c${n}`,
      ]);
    }
    await bench.end(client);
  });
});

describe("two subscriptions on one filter", () => {
  it("share one at the broker, with the highest QoS asked for; UNSUBSCRIBE goes with the last [parity 129] [decision 7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = await subscribed(bench, client, connection, ["a", "b"], { qos: 2 });
    const subscribing = client.subscribe("a", { qos: 0 });
    const { subscriptions } = await grant(connection);
    expect(subscriptions[0]?.qos).toBe(2);
    const second = await bench.clock.run(subscribing);
    const leaving = follow(first.sub.unsubscribe());
    expect((await confirm(connection)).filters).toEqual(["b"]);
    await bench.clock.settle();
    expect(leaving.status).toBe("resolved");
    const { got } = collect(second);
    connection.send(publish("a", "1"));
    await bench.clock.settle();
    expect(got).toEqual(["a=1"]);
    void second.unsubscribe();
    expect((await confirm(connection)).filters).toEqual(["a"]);
    await connection.expectNone({ within: 10 });
    await bench.end(client);
  });

  it("must agree on No Local and Retain As Published [decision 7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    await subscribed(bench, client, connection, "a", { noLocal: true });
    for (const options of [{}, { noLocal: true, retainAsPublished: true }]) {
      const subscribing = follow(client.subscribe(["z", "a"], options));
      await connection.expectNone({ within: 10 });
      expect(subscribing.error).toMatchObject({ code: "SUBSCRIPTION_CONFLICT", delivery: "not-sent" });
    }
    expect(client.stats().subscriptionsActive).toBe(1);
    await subscribed(bench, client, connection, "a", { noLocal: true, qos: 1 });
    await bench.end(client);
  });

  it("one that is refused leaves the other alone", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = await subscribed(bench, client, connection, "a", { qos: 1 });
    const { got } = collect(first.sub);
    const refused = follow(client.subscribe("a", { qos: 2 }));
    await grant(connection, 0x87);
    await bench.clock.settle();
    expect(codeOf(refused.error)).toBe("SUBSCRIBE_REFUSED");
    connection.send(publish("a", "1"));
    await bench.clock.settle();
    expect(got).toEqual(["a=1"]);
    await bench.end(client);
  });

  it("both end when the broker refuses to make them again", async () => {
    const bench = new Bench();
    const errors: SubscribeError[] = [];
    const { client, connection } = await bench.connect({
      onResubscribeError: (error) => void errors.push(error as SubscribeError),
    });
    const first = await subscribed(bench, client, connection, "a");
    const second = await subscribed(bench, client, connection, ["a", "b"]);
    const loops = [collect(first.sub), collect(second.sub)];
    const next = await bench.reconnect(connection, { sessionPresent: false });
    await grant(next, 0x87);
    const { subscriptions } = await grant(next);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["b"]);
    await bench.clock.settle();
    expect(codeOf(loops[0]?.end.error)).toBe("SUBSCRIBE_REFUSED");
    expect(await first.sub.closed).toMatchObject({ reason: "refused" });
    expect(loops[1]?.end.status).toBe("pending");
    expect(second.sub.refused).toEqual([{ filter: "a", reasonCode: 0x87 }]);
    expect(errors.map(({ results }) => results)).toEqual([[{ filter: "a", reasonCode: 0x87 }]]);
    next.send(publish("b", "1"));
    await bench.clock.settle();
    expect(loops[1]?.got).toEqual(["b=1"]);
    await bench.end(client);
  });
});

describe("resubscribing", () => {
  it("reports a refusal to the callback and the subscription, which ends if nothing is left [parity 138]", async () => {
    const bench = new Bench();
    const errors: SubscribeError[] = [];
    const { client, connection } = await bench.connect({
      onResubscribeError: (error) => void errors.push(error as SubscribeError),
    });
    const { sub } = await subscribed(bench, client, connection, ["a", "b"]);
    const { got, end } = collect(sub);
    const second = await bench.reconnect(connection, { sessionPresent: false });
    await grant(second, 0x87, 0);
    second.send(publish("b", "1"));
    await bench.clock.settle();
    expect(errors.map(({ code, results }) => [code, results])).toEqual([
      [
        "SUBSCRIBE_REFUSED",
        [
          { filter: "a", reasonCode: 0x87 },
          { filter: "b", reasonCode: 0 },
        ],
      ],
    ]);
    expect(sub.refused).toEqual([{ filter: "a", reasonCode: 0x87 }]);
    expect([got, end.status]).toEqual([["b=1"], "pending"]);
    const third = await bench.reconnect(second, { sessionPresent: false });
    const { subscriptions } = await grant(third, 0x97);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["b"]);
    await bench.clock.settle();
    expect(errors).toHaveLength(2);
    expect(end.error).toBe(errors[1]);
    expect(await sub.closed).toEqual({ reason: "refused", error: errors[1] });
    expect(client.stats().subscriptionsActive).toBe(0);
    await bench.end(client);
  });

  it("ends what the new broker can't have", async () => {
    const bench = new Bench();
    const errors: unknown[] = [];
    const { client, connection } = await bench.connect({ onResubscribeError: (error) => errors.push(error) });
    const wild = await subscribed(bench, client, connection, "a/#");
    const plain = await subscribed(bench, client, connection, "a");
    const next = await bench.reconnect(connection, {
      sessionPresent: false,
      properties: { wildcardSubscriptionAvailable: false },
    });
    const { subscriptions } = await grant(next);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["a"]);
    await bench.clock.settle();
    expect(await wild.sub.closed).toMatchObject({ reason: "refused" });
    expect(errors).toHaveLength(1);
    expect(follow(plain.sub.closed).status).toBe("pending");
    await bench.end(client);
  });

  it("with the wrong number of codes in SUBACK closes with 0x82 and asks again [parity 140]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe(["a", "b"]));
    const { packetId } = await connection.expect(Subscribe);
    connection.send(suback(packetId, 0));
    await connection.expect({ type: PacketType.Disconnect, reasonCode: 0x82 });
    await connection.expectClosed();
    expect(subscribing.status).toBe("pending");
    const next = await bench.peer.acceptResume();
    await grant(next);
    await bench.clock.settle();
    expect(subscribing.status).toBe("resolved");
    await bench.end(client);
  });
});

describe("unsubscribe", () => {
  it("resolves at UNSUBACK, also if no subscription existed, and rejects if refused [decision 4]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    for (const [codes, code] of [
      [[0, 0x11], undefined],
      [[0, 0x87], "UNSUBSCRIBE_REFUSED"],
    ] as const) {
      const { sub } = await subscribed(bench, client, connection, ["a", "b"]);
      const leaving = follow(sub.unsubscribe());
      const again = follow(sub.unsubscribe());
      const { packetId, filters } = await connection.expect(Unsubscribe);
      expect(filters).toEqual(["a", "b"]);
      await bench.clock.settle();
      expect(leaving.status).toBe("pending");
      expect(await sub.closed).toEqual({ reason: "unsubscribed" });
      connection.send({ type: PacketType.Unsuback, packetId, reasonCodes: codes });
      await bench.clock.settle();
      expect([codeOf(leaving.error), codeOf(again.error)]).toEqual([code, code]);
    }
    await bench.end(client);
  });

  it("can stop waiting, each call for itself", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "a");
    const controllers = [new AbortController(), new AbortController()];
    const plain = follow(sub.unsubscribe());
    const calls = controllers.map(({ signal }) => follow(sub.unsubscribe({ signal })));
    controllers[1]?.abort();
    await bench.clock.settle();
    expect([plain.status, calls[0]?.status, codeOf(calls[1]?.error)]).toEqual(["pending", "pending", "ABORTED"]);
    await confirm(connection);
    await bench.clock.settle();
    expect([plain.status, calls[0]?.status]).toEqual(["resolved", "resolved"]);
    await bench.end(client);
  });

  it("acks and reports what nobody has taken; what was handed out stays to be acked [decision 4]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const dropped: string[] = [];
    const { sub } = await subscribed(bench, client, connection, "a", {
      qos: 1,
      onDrop: (message, reason) => dropped.push(`${message.text()} ${reason}`),
    });
    for (let id = 1; id <= 3; id++) connection.send(publish("a", String(id), { qos: 1, packetId: id }));
    await bench.clock.settle();
    const { value: first } = await sub[Symbol.asyncIterator]().next();
    expect(sub.pending).toBe(2);
    void sub.unsubscribe();
    await confirm(connection);
    expect(dropped).toEqual(["2 unsubscribed", "3 unsubscribed"]);
    await connection.expectNone({ within: 10 });
    first?.ack();
    for (let id = 1; id <= 3; id++) await connection.expect(puback(id));
    await bench.end(client);
  });
});

describe("a loop over messages [decision 4]", () => {
  it("that breaks unsubscribes without waiting", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "a");
    connection.send(publish("a", "1"), publish("a", "2"));
    const got: string[] = [];
    const loop = follow(
      (async () => {
        for await (const message of sub) {
          got.push(message.text());
          break;
        }
      })(),
    );
    await bench.clock.settle();
    expect([loop.status, got]).toEqual(["resolved", ["1"]]);
    expect(await sub.closed).toEqual({ reason: "unsubscribed" });
    await confirm(connection);
    await bench.end(client);
  });

  it("ends on return and on dispose as well, also while next waits", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = (await subscribed(bench, client, connection, "a")).sub;
    const iterator = first[Symbol.asyncIterator]();
    const waiting = follow(iterator.next());
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    await bench.clock.settle();
    expect(waiting.value).toEqual({ done: true, value: undefined });
    await confirm(connection);
    const second = (await subscribed(bench, client, connection, "b")).sub;
    const { end } = collect(second);
    await second[Symbol.asyncDispose]();
    await bench.clock.settle();
    expect(end.status).toBe("resolved");
    await confirm(connection);
    // A refusal that nobody waits for is nobody's error.
    const third = (await subscribed(bench, client, connection, "c")).sub;
    await third[Symbol.asyncDispose]();
    await confirm(connection, 0x87);
    await bench.clock.settle();
    await bench.end(client);
  });

  it("ends normally on disconnect, after what waits was read [parity 52]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const { sub } = await subscribed(bench, client, connection, "a", { qos: 1 });
    const queueing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    connection.send(publish("a", "1", { qos: 1, packetId: 1 }));
    await bench.clock.settle();
    await bench.end(client);
    const { got, end } = collect(sub);
    await bench.clock.settle();
    expect([got, end.status]).toEqual([["a=1"], "resolved"]);
    expect([queue.tryDequeue()?.text(), await queue.dequeue(), queue.tryDequeue()]).toEqual([
      "1",
      undefined,
      undefined,
    ]);
    expect(await sub.closed).toEqual({ reason: "disconnected" });
    await connection.expect(PacketType.Disconnect);
    await connection.expectNone();
  });

  it("throws if the client failed", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ onConnectionDown: () => false });
    const { sub } = await subscribed(bench, client, connection, "a");
    const { end } = collect(sub);
    const queueing = client.subscribeQueue("b");
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    const waiting = follow(queue.dequeue());
    connection.cut();
    await bench.clock.settle();
    expect([codeOf(end.error), codeOf(waiting.error)]).toEqual(["CONNECTION_LOST", "CONNECTION_LOST"]);
    expect(await sub.closed).toMatchObject({ reason: "failed", error: { code: "CONNECTION_LOST" } });
    expect(client.state).toMatchObject({ status: "closed", cause: { code: "CONNECTION_LOST" } });
  });
});

describe("a queue", () => {
  it("gives messages as they are asked for, in order, to each caller one [parity 154]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const queueing = client.subscribeQueue("a");
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    expect(queue.tryDequeue()).toBeUndefined();
    const waiting = [follow(queue.dequeue()), follow(queue.dequeue())];
    connection.send(publish("a", "1"), publish("a", "2"), publish("a", "3"), publish("a", "4"));
    await bench.clock.settle();
    expect(waiting.map(({ value }) => value?.text())).toEqual(["1", "2"]);
    expect(queue.size).toBe(2);
    expect(queue.tryDequeue()?.text()).toBe("3");
    await bench.clock.run(client.disconnect());
    expect((await queue.dequeue())?.text()).toBe("4");
    expect(await queue.dequeue()).toBeUndefined();
  });

  it("lets a caller stop waiting without losing a message", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const queueing = client.subscribeQueue("a");
    await grant(connection);
    const queue = await bench.clock.run(queueing);
    const controller = new AbortController();
    const waiting = follow(queue.dequeue({ signal: controller.signal }));
    const other = follow(queue.dequeue());
    controller.abort();
    await bench.clock.settle();
    expect(codeOf(waiting.error)).toBe("ABORTED");
    connection.send(publish("a", "1"));
    await bench.clock.settle();
    expect(other.value?.text()).toBe("1");
    await expect(queue.dequeue({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    await bench.end(client);
  });
});

describe("with the test broker", () => {
  it("No Local, Retain As Published and Retain Handling do what they say [parity 142]", async () => {
    const bench = new BrokerBench();
    const client = await bench.connect();
    bench.broker.publish("t", "kept", { retain: true });
    const subscribe = async (retainHandling: RetainHandling, noLocal = false, retainAsPublished = false) => {
      const sub = await bench.clock.run(client.subscribe("t", { retainHandling, noLocal, retainAsPublished }));
      const { got } = collect(sub);
      await bench.clock.settle();
      return { sub, got };
    };
    const never = await subscribe(2);
    expect(never.got).toEqual([]);
    const existing = await subscribe(1);
    expect(existing.got).toEqual([]);
    await bench.clock.run(Promise.all([never.sub.unsubscribe(), existing.sub.unsubscribe()]));
    const fresh = await subscribe(1);
    expect(fresh.got).toEqual(["t=kept"]);
    await bench.clock.run(fresh.sub.unsubscribe());
    const local = await subscribe(2, true, true);
    await bench.clock.run(client.publish("t", "mine", { qos: 1 }));
    bench.broker.publish("t", "theirs", { retain: true });
    await bench.clock.settle();
    expect(local.got).toEqual(["t=theirs"]);
    await bench.clock.run(client.disconnect());
  });

  it("a hundred subscriptions with random overlaps get what their filters match, once", async () => {
    const bench = new BrokerBench();
    const client = await bench.connect();
    const levels = ["a", "b", "+"];
    const random = (n: number): number => Math.floor(bench.clock.random() * n);
    const subs = [];
    for (let n = 0; n < 100; n++) {
      const filter = () =>
        Array.from({ length: 1 + random(3) }, () => levels[random(3)]).join("/") + (random(4) === 0 ? "/#" : "");
      const filters = [...new Set(Array.from({ length: 1 + random(3) }, filter))];
      subs.push({ filters, ...collect(await bench.clock.run(client.subscribe(filters))) });
    }
    const topics = ["a", "b", "a/a", "a/b", "b/a", "a/b/a", "b/b/b", "a/a/a/a", "$a"];
    for (const topic of topics) bench.broker.publish(topic, "1");
    await bench.clock.settle();
    const matches = (filter: string, topic: string): boolean => {
      const pattern = filter.replace(/\/#$/, "(/.*)?").replaceAll("+", "[^/$]*");
      return new RegExp(`^${pattern}$`).test(topic);
    };
    for (const { filters, got } of subs) {
      // The broker sends a copy a subscription it holds; each is tagged, so that none of ours gets two of one.
      const expected = topics.filter((topic) => filters.some((filter) => matches(filter, topic)));
      expect([...new Set(got)]).toEqual(expected.map((topic) => `${topic}=1`));
      expect(got.length).toBe(new Set(got).size);
    }
    await bench.clock.run(client.disconnect());
  });
});
