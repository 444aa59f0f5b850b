// SPDX-License-Identifier: Apache-2.0
import { describe, expect, expectTypeOf, it } from "vitest";
import type {
  AnyParameters,
  Client,
  Codec,
  Filters,
  Message,
  ParametersOf,
  TopicFilter,
  TopicParameters,
} from "../src/index.js";
import { parametersOf, topicPattern } from "../src/topic-parameters.js";
import { Bench, codeOf, follow, grant, publish } from "./bench.js";

const text: Codec<string> = {
  encode: (value) => new TextEncoder().encode(value),
  decode: (payload) => new TextDecoder().decode(payload),
};

function fail(problem: string): never {
  throw new Error(problem);
}

/** What `topic` gives for these filters. */
function values(topic: string, ...filters: string[]): AnyParameters {
  return parametersOf(
    filters.map((filter) => topicPattern(filter, fail)),
    topic,
  );
}

describe("topic parameters [decision 9]", () => {
  it("become + on the wire, and give the values of their levels", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue("sensors/{site}/+/{device}");
    const { subscriptions } = await grant(connection);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["sensors/+/+/+"]);
    const queue = await bench.clock.run(subscribing);
    expect(queue.granted).toEqual([{ filter: "sensors/+/+/+", reasonCode: 0 }]);
    connection.send(publish("sensors/north/x/a1", ""));
    await bench.clock.settle();
    const message = queue.tryDequeue();
    expect(message?.params).toEqual({ site: "north", device: "a1" });
    expect(message?.params).toBe(message?.params);
    expect(message?.params.site).toBe("north");
    await bench.end(client);
  });

  it("have no prototype, and any name is a value", () => {
    expect(Object.getPrototypeOf(values("x", "{__proto__}"))).toBe(null);
    expect(Object.entries(values("x/y", "{__proto__}/{constructor}"))).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    expect(Object.getPrototypeOf(values("x", "x"))).toBe(null);
    expect("toString" in values("x", "+")).toBe(false);
  });

  it("may be empty, come before #, and stand in a shared filter", () => {
    expect(values("/b", "{first}/b")).toEqual({ first: "" });
    expect(values("a/b/c", "{first}/#")).toEqual({ first: "a" });
    expect(values("a/b", "$share/{group}/{first}/{second}")).toEqual({ first: "a", second: "b" });
    expect(topicPattern("$share/{group}/a/{b}", fail).filter).toBe("$share/{group}/a/+");
  });

  it("of the first filter that matches, in the order of the call, supply the values", () => {
    expect(values("a/1", "b/{x}", "a/{y}", "{z}/1")).toEqual({ y: "1" });
    expect(values("a/1", "a/#", "a/{y}")).toEqual({});
    expect(values("a/1", "$share/g/a/{x}", "a/{y}")).toEqual({ x: "1" });
    expect(values("c", "a/{x}", "b/{x}")).toEqual({});
  });

  it("are whole levels only; their names are checked, and unique in a filter", async () => {
    expect(topicPattern("a{b}/{c}d/{/}", fail)).toEqual({ filter: "a{b}/{c}d/{/}", parameters: [] });
    const bench = new Bench();
    const client = bench.client();
    for (const filter of ["{}", "a/{1a}", "{a-b}", "{a}/x/{a}", "{a b}", "{é}"]) {
      const subscribing = follow(client.subscribe(filter));
      await bench.clock.settle();
      expect([filter, codeOf(subscribing.error)]).toEqual([filter, "INVALID_TOPIC"]);
    }
    await expect(client.subscribe(["a", { topic: "{a}/{a}" }])).rejects.toThrow(/filters\[1\].*must not come twice/);
    await expect(client.subscribe(["{a}/x", "{b}/x"])).rejects.toThrow(/must not repeat a filter/);
    await bench.end(client);
  });

  it("with params: false such a level is taken literally", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue([{ topic: "a/{b}", params: false }, "c/{d}"]);
    const { subscriptions } = await grant(connection);
    expect(subscriptions.map(({ filter }) => filter)).toEqual(["a/{b}", "c/+"]);
    const queue = await bench.clock.run(subscribing);
    connection.send(publish("a/{b}", ""), publish("c/1", ""));
    await bench.clock.settle();
    expect([queue.tryDequeue()?.params, queue.tryDequeue()?.params]).toEqual([{}, { d: "1" }]);
    await bench.end(client);
  });

  it("are each subscription's own, where two share a filter", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = [client.subscribeQueue("a/{x}"), client.subscribeQueue("a/{y}")] as const;
    await grant(connection);
    await grant(connection);
    const [first, second] = [await bench.clock.run(subscribing[0]), await bench.clock.run(subscribing[1])];
    connection.send(publish("a/1", ""));
    await bench.clock.settle();
    expect(first.tryDequeue()?.params).toEqual({ x: "1" });
    expect(second.tryDequeue()?.params).toEqual({ y: "1" });
    await bench.end(client);
  });

  it("reach callbacks and typed consumers of every kind", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const seen: (string | undefined)[] = [];
    const typed = client.typed(text);
    const calls = Promise.all([
      client.subscribeCallback("a/{x}", (message) => void seen.push(message.params.x)),
      typed.subscribeCallback("a/{x}", (message) => void seen.push(message.params.x)),
      typed.subscribeQueue("a/{x}"),
      typed.subscribe("a/{x}"),
    ]);
    for (let times = 0; times < 4; times++) await grant(connection);
    const [, , queue, subscription] = await bench.clock.run(calls);
    connection.send(publish("a/1", "v"));
    await bench.clock.settle();
    expect(seen).toEqual(["1", "1"]);
    expect((await queue.dequeue())?.params.x).toBe("1");
    for await (const message of subscription) {
      expect([message.params.x, message.value]).toEqual(["1", "v"]);
      break;
    }
    await bench.end(client);
  });
});

describe("the types of topic parameters [decision 9]", () => {
  it("come from the literal", () => {
    expectTypeOf<TopicParameters<"sensors/{site}/+/{device}">>().toEqualTypeOf<{
      readonly site: string;
      readonly device: string;
    }>();
    expectTypeOf<TopicParameters<"{a}">>().toEqualTypeOf<{ readonly a: string }>();
    expectTypeOf<keyof TopicParameters<"a/+/#">>().toEqualTypeOf<never>();
    expectTypeOf<keyof TopicParameters<"x{a}/{b}y">>().toEqualTypeOf<never>();
    expectTypeOf<TopicParameters<"$share/{group}/a/{b}">>().toEqualTypeOf<{ readonly b: string }>();
  });

  it("say what is not known", () => {
    expectTypeOf<TopicParameters<string>>().toEqualTypeOf<Readonly<Record<string, string | undefined>>>();
    expectTypeOf<TopicParameters<`a/${string}/{b}`>>().toEqualTypeOf<AnyParameters>();
    expectTypeOf<ParametersOf<Filters>>().toEqualTypeOf<AnyParameters>();
    expectTypeOf<ParametersOf<TopicFilter>>().toEqualTypeOf<AnyParameters>();
  });

  it("of several filters are a union; of a literal level nothing", () => {
    expectTypeOf<ParametersOf<readonly ["a/{x}", { readonly topic: "b/{y}"; readonly qos: 1 }]>>().toEqualTypeOf<
      { readonly x: string } | { readonly y: string }
    >();
    expectTypeOf<keyof ParametersOf<{ readonly topic: "a/{x}"; readonly params: false }>>().toEqualTypeOf<never>();
    expectTypeOf<ParametersOf<{ readonly topic: "a/{x}"; readonly params: true }>>().toEqualTypeOf<{
      readonly x: string;
    }>();
    expectTypeOf<ParametersOf<{ readonly topic: "a/{x}"; readonly params: boolean }>>().toEqualTypeOf<AnyParameters>();
  });

  it("are the same for every way to subscribe", () => {
    const check = async (client: Client, any: string): Promise<void> => {
      type X = { readonly x: string };
      const subscription = await client.subscribe("a/{x}");
      for await (const message of subscription) expectTypeOf(message.params).toEqualTypeOf<X>();
      const queue = await client.subscribeQueue({ topic: "a/{x}", qos: 1 });
      expectTypeOf(queue.tryDequeue()).toEqualTypeOf<Message<X> | undefined>();
      expectTypeOf(await queue.dequeue()).toEqualTypeOf<Message<X> | undefined>();
      await client.subscribeCallback(["a/{x}", "b/{y}"], (message) => {
        expectTypeOf(message.params).toEqualTypeOf<X | { readonly y: string }>();
      });
      const dynamic = await client.subscribeQueue(any);
      expectTypeOf(dynamic.tryDequeue()).toEqualTypeOf<Message | undefined>();
      const typed = client.typed(text);
      for await (const message of await typed.subscribe("a/{x}")) {
        expectTypeOf(message.params).toEqualTypeOf<X>();
        expectTypeOf(message.value).toEqualTypeOf<string>();
      }
      const values = await typed.subscribeQueue("a/{x}");
      expectTypeOf((await values.dequeue())?.params).toEqualTypeOf<X | undefined>();
      await typed.subscribeCallback("a/{x}", (message) => {
        expectTypeOf(message.params).toEqualTypeOf<X>();
      });
      // @ts-expect-error: there is no such level
      expectTypeOf(queue.tryDequeue()?.params.y).toEqualTypeOf<never>();
    };
    expect(check).toBeTypeOf("function");
  });
});
