// SPDX-License-Identifier: Apache-2.0
import { getEventListeners } from "node:events";
import { InvalidArgumentError, type Message } from "@mqttv5/core";
import { describe, expect, expectTypeOf, it } from "vitest";
import { GroupError, type ClientGroup } from "../src/index.js";
import { codeOf, collect, everywhere, follow, GroupBench, heldBy, NAMES, told } from "./bench.js";

describe("subscribing", () => {
  it("needs every member, by default: what the others granted is taken back [parity 178] [decision 20]", async () => {
    const bench = new GroupBench();
    bench.ungranted.add("amer");
    const group = await bench.connect();
    const { signal } = new AbortController();
    for (const call of [
      group.subscribe("t", { signal, timeout: 60_000 }),
      group.subscribeQueue("t"),
      group.subscribeCallback("t", () => {}),
    ].map((made) => follow<unknown>(made))) {
      await bench.clock.settle();
      expect(call.error).toMatchObject({ code: "SUBSCRIBE_REFUSED", operation: "subscribe", needed: 3 });
      expect(told((call.error as GroupError).results)).toEqual([
        "emea ok",
        "apac ok",
        "amer SUBSCRIBE_REFUSED refused",
      ]);
    }
    expect(NAMES.map((name) => heldBy(bench, name))).toEqual([0, 0, 0]);
    expect(group.stats().total.subscriptionsActive).toBe(0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await bench.end(group);
  });

  it("takes everything back when its signal aborts or its time is up [parity 178]", async () => {
    for (const code of ["ABORTED", "TIMEOUT"]) {
      const bench = new GroupBench();
      const group = await bench.connect();
      await bench.kill("apac", 3000);
      const abort = new AbortController();
      const call = follow(
        group.subscribe("t", {
          signal: abort.signal,
          whenOffline: "wait",
          ...(code === "TIMEOUT" ? { timeout: 500 } : {}),
        }),
      );
      await bench.clock.advance(499);
      expect([call.status, heldBy(bench, "emea")]).toEqual(["pending", 1]);
      if (code === "ABORTED") abort.abort();
      await bench.clock.advance(1);
      expect(call.error).toMatchObject({ code });
      expect(NAMES.map((name) => heldBy(bench, name))).toEqual([0, 0, 0]);
      await bench.clock.advance(4000);
      expect(heldBy(bench, "apac")).toBe(0);
      await bench.end(group);
    }
  });

  it("that has failed takes back also what is granted afterwards [parity 178]", async () => {
    const bench = new GroupBench();
    bench.ungranted.add("amer");
    const group = await bench.connect({ shared: { whenOffline: "wait" } });
    await bench.kill("apac", 2000);
    const call = follow(group.subscribe("t"));
    await bench.clock.settle();
    expect(told((call.error as GroupError).results)).toEqual([
      "emea ok",
      "apac pending",
      "amer SUBSCRIBE_REFUSED refused",
    ]);
    await bench.clock.advance(3000);
    expect([group.stats().total.subscriptionsActive, heldBy(bench, "apac")]).toEqual([0, 0]);
    await bench.end(group);
  });

  it("an aborted call takes back what was granted even where that would be enough", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    await bench.kill("apac", 60_000);
    bench.silent.add("emea");
    const abort = new AbortController();
    const call = follow(group.subscribe("t", { success: "any", whenOffline: "wait", signal: abort.signal }));
    await bench.clock.settle();
    expect([call.status, heldBy(bench, "amer")]).toEqual(["pending", 1]);
    abort.abort();
    await bench.clock.settle();
    expect([codeOf(call.error), heldBy(bench, "amer")]).toEqual(["ABORTED", 0]);
    await bench.clock.run(group.disconnect());
  });

  it("with `any` goes on without a member that refuses, and says so", async () => {
    const bench = new GroupBench();
    bench.ungranted.add("amer");
    const group = await bench.connect({ success: "any" });
    const subscription = await bench.clock.run(group.subscribe("t"));
    expect(told(subscription.results)).toEqual(["emea ok", "apac ok", "amer SUBSCRIBE_REFUSED refused"]);
    expect([...subscription.members.keys()]).toEqual(["emea", "apac"]);
    expect(bench.log).toContain("amer: takes no part in a subscription of the group");
    await bench.end(group);
    expect((await subscription.closed).size).toBe(2);
  });

  it("with `any` and `wait` goes on without a member that is away, and adds it when it is back", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ success: "any", shared: { whenOffline: "wait" } });
    await bench.kill("apac", 2000);
    const [first, left] = await bench.clock.run(
      Promise.all([group.subscribe("t", { qos: 1, timeout: 1000 }), group.subscribe("u")]),
      0,
    );
    expect(told(first.results)).toEqual(["emea ok", "apac pending", "amer ok"]);
    const reading = collect(first);
    const closed = follow(first.closed);
    for (const name of ["emea", "amer"])
      await bench.clock.run(first.members.get(name)?.unsubscribe() ?? Promise.reject());
    expect([reading.end.status, closed.status]).toEqual(["pending", "pending"]);
    const pulling = follow((await bench.clock.run(group.subscribeQueue("v", { qos: 1 }))).dequeue());
    await left[Symbol.asyncDispose]();
    await bench.clock.advance(3000);
    everywhere(bench, "t", "x", ["apac"]);
    everywhere(bench, "v", "y", ["apac"]);
    await bench.clock.settle();
    expect([[...first.members.keys()], reading.got]).toEqual([["emea", "amer", "apac"], ["apac t=x"]]);
    expect(pulling.value?.member).toBe("apac");
    expect(bench.brokers.apac.publish("u", "")).toBe(false); // it was left before it was made
    await bench.end(group);
    expect([reading.end.status, closed.value?.size]).toEqual(["resolved", 3]);
  });

  it("asks one member after the other if that is wanted", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ sequential: true });
    bench.silent.add("emea");
    const call = follow(group.subscribe("t", { timeout: 500 }));
    await bench.clock.settle();
    expect(NAMES.map((name) => group.stats().members.get(name)?.subscribesSent)).toEqual([1, 0, 0]);
    await bench.clock.advance(500);
    expect(told((call.error as GroupError).results)).toEqual([
      "emea TIMEOUT unknown",
      "apac TIMEOUT not-sent",
      "amer TIMEOUT not-sent",
    ]);
    await bench.clock.run(group.disconnect());
  });

  it("is possible before the first connection, so that nothing that is retained or queued is missed", async () => {
    const bench = new GroupBench();
    const group = bench.group();
    for (const name of NAMES) bench.brokers[name].publish("t", "retained", { retain: true });
    const reading = collect(await group.subscribe("t"));
    await bench.clock.run(group.connect());
    await bench.clock.settle();
    expect(reading.got).toHaveLength(3);
    await bench.end(group);
  });

  it("names a wrong argument as a client does", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const attempts: readonly (readonly [string, unknown[]])[] = [
      ["filter", ["a#"]],
      ["qos", ["t", { qos: 3 }]],
      ["bufferSize", ["t", { bufferSize: 0 }]],
      ["onDrop", ["t", { onDrop: 1 }]],
      ["timeout", ["t", { timeout: "1" }]],
      ["signal", ["t", { signal: {} }]],
      ["success", ["t", { success: "most" }]],
      ["options", ["t", null]],
    ];
    for (const [field, args] of attempts) {
      const call = follow((group.subscribe as (...given: unknown[]) => Promise<unknown>).apply(group, args));
      await bench.clock.settle();
      expect(call.error).toBeInstanceOf(InvalidArgumentError);
      expect(call.error).toMatchObject({ field });
    }
    await expect(group.subscribeCallback("t", 7 as never)).rejects.toMatchObject({ field: "handler" });
    await expect(group.subscribeCallback("t", () => {}, { concurrency: 0 })).rejects.toMatchObject({
      field: "concurrency",
    });
    await bench.end(group);
  });
});

describe("a handler for all members", () => {
  it("gets every message with its member's name; the ack follows its promise, in order within a member", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const got: string[] = [];
    const finish: (() => void)[] = [];
    const subscription = await bench.clock.run(
      group.subscribeCallback(
        "t",
        ({ member, text }) => {
          expect(typeof text).toBe("function");
          got.push(member);
          return new Promise<void>((resolve) => finish.push(resolve));
        },
        { qos: 1 },
      ),
    );
    everywhere(bench, "t", "1");
    everywhere(bench, "t", "2");
    await bench.clock.settle();
    expect(got.toSorted()).toEqual(["amer", "apac", "emea"]);
    for (const done of finish.splice(0)) done();
    await bench.clock.settle();
    expect(got).toHaveLength(6);
    for (const done of finish.splice(0)) done();
    await bench.clock.settle();
    expect(group.stats().total.ackHeadAge).toBe(0);
    await bench.clock.run(subscription.unsubscribe());
    expect((await subscription.closed).size).toBe(3);
    await bench.end(group);
  });
});

it("topic parameters are typed by the filter [decision 9]", () => {
  const check = async (group: ClientGroup): Promise<void> => {
    const subscription = await group.subscribe("a/{x}/{y}");
    for await (const message of subscription) {
      expectTypeOf(message.params).toEqualTypeOf<{ readonly x: string; readonly y: string }>();
      expectTypeOf(message.message).toExtend<Message<{ readonly x: string; readonly y: string }>>();
    }
    const queue = await group.subscribeQueue("a/{z}");
    expectTypeOf((await queue.dequeue())?.params).toEqualTypeOf<{ readonly z: string } | undefined>();
    await group.subscribeCallback(
      "{w}/#",
      ({ params }) => void expectTypeOf(params).toEqualTypeOf<{ readonly w: string }>(),
    );
  };
  expect(check).toBeTypeOf("function");
});
