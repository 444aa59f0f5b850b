// SPDX-License-Identifier: Apache-2.0
// A SUBSCRIBE or UNSUBSCRIBE that was not answered, and the next broker offers less.
import { type ConnackProperties, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import type { MqttError } from "../src/index.js";
import { Bench, collect, confirm, follow, grant, publish } from "./bench.js";

const { Subscribe, Unsubscribe } = PacketType;

const long = (count: number) => Array.from({ length: count }, (_, n) => `a/rather/long/filter/${n}`);

/** What a broker does not offer, and what it refuses then. */
const LESS: readonly (readonly [string, string | string[], ConnackProperties, object])[] = [
  [
    "has no wildcard subscriptions",
    ["b", "a/+"],
    { wildcardSubscriptionAvailable: false },
    { code: "WILDCARD_SUBS_UNSUPPORTED", field: "filter", value: "a/+" },
  ],
  [
    "has no shared subscriptions",
    "$share/g/a",
    { sharedSubscriptionAvailable: false },
    { code: "SHARED_SUBS_UNSUPPORTED", field: "filter", value: "$share/g/a" },
  ],
  ["takes smaller packets", long(20), { maximumPacketSize: 100 }, { code: "PACKET_TOO_LARGE", field: "filters" }],
];

describe("a SUBSCRIBE without an answer, at a broker that", () => {
  for (const [what, filters, properties, expected] of LESS) {
    for (const sessionPresent of [true, false]) {
      it(`${what}, is rejected as a fresh call would be, ${sessionPresent ? "and taken back from the session that goes on" : "in a new session"}`, async () => {
        const bench = new Bench();
        const { client, connection } = await bench.connect();
        const asked = follow(client.subscribe(filters));
        const { subscriptions } = await connection.expect(Subscribe);
        const next = await bench.reconnect(connection, { sessionPresent, properties });
        await bench.clock.settle();
        expect(asked.error).toMatchObject({ name: "InvalidArgumentError", delivery: "unknown", ...expected });
        // What the lost answer may have granted; what does not fit either is left alone.
        const fits = properties.maximumPacketSize === undefined;
        if (sessionPresent && fits) {
          const { filters: given } = await confirm(next);
          expect(given).toEqual(subscriptions.map(({ filter }) => filter));
        }
        await next.expectNone({ within: 1000 });
        expect(client.stats().subscriptionsActive).toBe(0);
        const fresh = follow(client.subscribe(filters));
        await bench.clock.settle();
        const { code, message } = asked.error as MqttError;
        expect(fresh.error).toMatchObject({ name: "InvalidArgumentError", delivery: "not-sent", code, message });
        await bench.end(client);
      });
    }

    it(`${what}, was certainly not sent if no connection was handed it`, async () => {
      const bench = new Bench();
      const { client, connection } = await bench.connect({ whenOffline: "wait" });
      connection.cut();
      await bench.clock.settle();
      const asked = follow(client.subscribe(filters));
      const next = await bench.peer.acceptConnect({ connack: { sessionPresent: true, properties } });
      await bench.clock.settle();
      expect(asked.error).toMatchObject({ name: "InvalidArgumentError", delivery: "not-sent", ...expected });
      await next.expectNone({ within: 1000 });
      await bench.end(client);
    });

    it(`${what}, ends the subscription if it was under way to be made again`, async () => {
      const bench = new Bench();
      const errors: string[] = [];
      const { client, connection } = await bench.connect({ onResubscribeError: ({ code }) => errors.push(code) });
      const subscribing = client.subscribe(filters);
      await grant(connection);
      const subscription = await bench.clock.run(subscribing);
      const second = await bench.reconnect(connection, { sessionPresent: false });
      await second.expect(Subscribe);
      const third = await bench.reconnect(second, { sessionPresent: false, properties });
      await bench.clock.settle();
      const { code } = expected as MqttError;
      expect(errors).toEqual([code]);
      await expect(subscription.closed).resolves.toMatchObject({ reason: "refused", error: { code } });
      await third.expectNone({ within: 1000 });
      await bench.end(client);
    });
  }

  it("has no Subscription Identifiers, goes without one", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const asked = follow(client.subscribe("a"));
    const first = await connection.expect(Subscribe);
    expect(first.properties.subscriptionIdentifier).toBeGreaterThan(0);
    const properties = { subscriptionIdentifierAvailable: false };
    const next = await bench.reconnect(connection, { properties });
    const again = await grant(next);
    expect(again.properties.subscriptionIdentifier).toBeUndefined();
    await bench.clock.settle();
    expect(asked.status).toBe("resolved");
    await bench.end(client);
  });

  it("takes a lower QoS, is granted what there is: asking for more is no error (section 3.2.2.3.4)", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const asked = follow(client.subscribe("a", { qos: 2 }));
    await connection.expect(Subscribe);
    const next = await bench.reconnect(connection, { properties: { maximumQoS: 0 } });
    const { subscriptions } = await grant(next, 0);
    expect(subscriptions[0]).toMatchObject({ filter: "a", qos: 2 });
    await bench.clock.settle();
    expect(asked).toMatchObject({ status: "resolved", value: { granted: [{ filter: "a", reasonCode: 0 }] } });
    await bench.end(client);
  });

  it("does not offer what it asks for, leaves what others hold as it is", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe(["a/+", "b"]);
    await grant(connection);
    const first = await bench.clock.run(subscribing);
    const { got } = collect(first);
    const asked = follow(client.subscribe(["a/+", "c/+"]));
    await connection.expect(Subscribe);
    const next = await bench.reconnect(connection, { properties: { wildcardSubscriptionAvailable: false } });
    await bench.clock.settle();
    expect(asked.error).toMatchObject({ code: "WILDCARD_SUBS_UNSUPPORTED" });
    const { filters } = await confirm(next);
    expect(filters).toEqual(["c/+"]);
    next.send(publish("a/1", "x"));
    await bench.clock.settle();
    expect(got).toEqual(["a/1=x"]);
    await bench.end(client);
  });
});

describe("an UNSUBSCRIBE", () => {
  it("without an answer is rejected at a broker that takes smaller packets, and one that was not sent says so", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const prepare = async (prefix: string) => {
      const subscribing = client.subscribe(long(20).map((filter) => `${prefix}/${filter}`));
      await grant(connection);
      return bench.clock.run(subscribing);
    };
    const [first, second, third] = [await prepare("x"), await prepare("y"), await prepare("z")];
    const sent = follow(first.unsubscribe());
    await connection.expect(Unsubscribe);
    connection.cut();
    await bench.clock.settle();
    const waiting = follow(second.unsubscribe());
    const next = await bench.peer.acceptConnect({
      connack: { sessionPresent: true, properties: { maximumPacketSize: 100 } },
    });
    await bench.clock.settle();
    const expected = { name: "InvalidArgumentError", code: "PACKET_TOO_LARGE", field: "filters" };
    expect(sent.error).toMatchObject({ ...expected, delivery: "unknown" });
    expect(waiting.error).toMatchObject({ ...expected, delivery: "not-sent" });
    const fresh = follow(third.unsubscribe());
    await bench.clock.settle();
    expect(fresh.error).toMatchObject({ ...expected, delivery: "not-sent" });
    await next.expectNone({ within: 1000 });
    await bench.end(client);
  });
});
