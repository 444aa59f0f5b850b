// SPDX-License-Identifier: Apache-2.0
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { GroupError, type GroupMessage } from "../src/index.js";
import { codeOf, collect, everywhere, follow, GroupBench, heldBy, NAMES, thrown, told } from "./bench.js";

describe("a merged subscription", () => {
  it("brings the messages of every member, each with its member's name and an ack that goes there", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const subscription = await bench.clock.run(group.subscribe("t/{id}", { qos: 1 }));
    expect(told(subscription.results)).toEqual(["emea ok", "apac ok", "amer ok"]);
    expect(subscription.members.get("apac")?.granted).toEqual([{ filter: "t/+", reasonCode: 1 }]);
    const messages: GroupMessage[] = [];
    const reading = collect(subscription, (message) => messages.push(message));
    for (const name of NAMES) bench.brokers[name].publish("t/7", name, { qos: 1, retain: name === "amer" });
    await bench.clock.settle();
    expect(reading.got.toSorted()).toEqual(["amer t/7=amer", "apac t/7=apac", "emea t/7=emea"]);
    const [message] = messages.filter(({ member }) => member === "apac");
    expect(message).toMatchObject({ topic: "t/7", qos: 1, retain: false, duplicate: false, params: { id: "7" } });
    expect([message?.payload.length, message?.properties.contentType, message?.size]).toEqual([
      4,
      undefined,
      message?.message.size,
    ]);
    expect(codeOf(thrown(() => message?.json()))).toBe("DECODE_FAILED");
    expect(message?.message.topic).toBe("t/7");
    const waiting = (): number[] => NAMES.map((name) => group.stats().members.get(name)?.ackHeadAge ?? -1);
    await bench.clock.advance(10);
    expect([waiting(), group.stats().total.ackHeadAge]).toEqual([[10, 10, 10], 10]);
    message?.ack();
    messages.find(({ member }) => member === "emea")?.reject(0x97);
    expect(waiting()).toEqual([0, 0, 10]);
    await bench.end(group);
    expect(reading.end.status).toBe("resolved");
  });

  it("gives each member its turn, however many messages one of them has", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const queue = await bench.clock.run(group.subscribeQueue("#", { qos: 1 }));
    for (const n of [1, 2, 3]) everywhere(bench, `${n}`, "", ["emea"]);
    for (const n of [1, 2]) everywhere(bench, `${n}`, "", ["apac"]);
    await bench.clock.settle();
    expect(queue.size).toBe(5);
    const got: string[] = [];
    for (let message = queue.tryDequeue(); message !== undefined; message = queue.tryDequeue()) {
      got.push(`${message.member} ${message.topic}`);
    }
    expect(got).toEqual(["emea 1", "apac 1", "emea 2", "apac 2", "emea 3"]);
    await bench.end(group);
  });

  it("ends when the subscriptions of all members have ended, and not before [parity 178]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const subscription = await bench.clock.run(group.subscribe("t", { qos: 1 }));
    const reading = collect(subscription);
    const closed = follow(subscription.closed);
    await bench.clock.run(subscription.members.get("emea")?.unsubscribe() ?? Promise.reject(new Error("no emea")));
    bench.brokers.apac.disconnect("fleet-2");
    await bench.clock.run(group.members.get("apac")?.disconnect() ?? Promise.reject(new Error("no apac")));
    everywhere(bench, "t", "after");
    await bench.clock.settle();
    expect([reading.end.status, closed.status, reading.got]).toEqual(["pending", "pending", ["amer t=after"]]);
    await bench.clock.run(subscription.members.get("amer")?.unsubscribe() ?? Promise.reject(new Error("no amer")));
    await bench.clock.settle();
    expect(reading.end.status).toBe("resolved");
    expect([...(closed.value ?? [])].map(([name, { reason }]) => `${name} ${reason}`).toSorted()).toEqual([
      "amer unsubscribed",
      "apac disconnected",
      "emea unsubscribed",
    ]);
    await bench.end(group);
  });

  it("throws at its end only if every member was refused or failed [parity 178]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ shared: { onConnectionDown: () => false } });
    const [one, all] = [await bench.clock.run(group.subscribe("t")), await bench.clock.run(group.subscribe("t"))];
    await bench.clock.run(one.members.get("emea")?.unsubscribe() ?? Promise.resolve());
    const readings = [collect(one), collect(all)];
    for (const name of NAMES) bench.brokers[name].drop();
    await bench.clock.settle();
    expect(readings.map(({ end }) => end.status)).toEqual(["resolved", "rejected"]);
    const error = readings[1]?.end.error as GroupError | undefined;
    expect(error).toBeInstanceOf(GroupError);
    expect(told(error?.results)).toHaveLength(3);
    expect(bench.log.filter((line) => line.includes("its subscription has ended: failed"))).toHaveLength(5);
    await bench.end(group);
  });

  it("goes on over a broker that dies and comes back", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const reading = collect(await bench.clock.run(group.subscribe("t", { qos: 1 })));
    await bench.kill("apac", 1000);
    everywhere(bench, "t", "1", ["emea", "amer"]);
    await bench.clock.settle();
    expect(reading.got.toSorted()).toEqual(["amer t=1", "emea t=1"]);
    bench.brokers.apac.publish("t", "kept", { qos: 1 });
    await bench.clock.advance(1200);
    expect(reading.got).toContain("apac t=kept");
    await bench.end(group);
  });

  it("breaks without waiting for anybody, and acks and reports what nobody took", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const dropped: string[] = [];
    const subscription = await bench.clock.run(
      group.subscribe("t", {
        qos: 1,
        onDrop: ({ member, topic }, reason) => {
          dropped.push(`${member} ${topic} ${reason}`);
          throw new Error("of the application");
        },
      }),
    );
    const iterator = subscription[Symbol.asyncIterator]();
    const first = iterator.next();
    everywhere(bench, "t", "1"); // one is handed out; the others were asked for, and came for nobody
    everywhere(bench, "t", "2", ["amer"]);
    await bench.clock.settle();
    (await first).value?.ack();
    expect([subscription.pending, dropped]).toEqual([3, []]);
    await bench.clock.run(iterator.return?.() ?? Promise.reject(new Error("no return")), 0);
    expect(dropped).toHaveLength(3);
    expect(dropped).toContain("amer t unsubscribed");
    await bench.clock.advance(10);
    expect(group.stats().total).toMatchObject({ ackHeadAge: 0, subscriptionsActive: 0 });
    expect(NAMES.map((name) => heldBy(bench, name))).toEqual([0, 0, 0]);
    expect(bench.log).toContain("onDrop threw");
    expect((await subscription.closed).size).toBe(3);
    await bench.end(group);
  });

  it("unsubscribes at every broker; a member that is away is waited for, and told later", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const subscription = await bench.clock.run(group.subscribe("t"));
    await bench.kill("apac", 2000);
    for (const [field, options] of [
      ["timeout", { timeout: "1" }],
      ["signal", { signal: 1 }],
      ["options", null],
    ] as const) {
      await expect(subscription.unsubscribe(options as never)).rejects.toMatchObject({ field });
    }
    expect(group.stats().total.subscriptionsActive).toBe(3);
    const reading = collect(subscription);
    everywhere(bench, "t", "still here", ["emea"]);
    await bench.clock.settle();
    expect(reading.got).toEqual(["emea t=still here"]);
    const bounded = follow(subscription.unsubscribe({ timeout: 500 }));
    const unbounded = follow(subscription.unsubscribe());
    expect(follow(subscription.closed).status).toBe("pending");
    await bench.clock.advance(500);
    expect(bounded.error).toMatchObject({ code: "TIMEOUT", operation: "unsubscribe", delivery: undefined });
    expect(told((bounded.error as GroupError).results)).toEqual(["emea ok", "apac TIMEOUT unknown", "amer ok"]);
    expect(unbounded.status).toBe("pending");
    await bench.clock.advance(2000);
    expect([unbounded.status, heldBy(bench, "apac")]).toEqual(["resolved", 0]);
    await bench.end(group);
  });

  it("may be disposed, and ended by its signal, without an error", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const abort = new AbortController();
    const [disposed, aborted] = await bench.clock.run(
      Promise.all([group.subscribe("a"), group.subscribe("b", { signal: abort.signal, timeout: 100 })]),
    );
    const readings = [collect(disposed), collect(aborted)];
    await bench.clock.advance(200);
    expect(readings.map(({ end }) => end.status)).toEqual(["pending", "pending"]); // the timeout was that of the call
    await disposed[Symbol.asyncDispose]();
    abort.abort();
    await bench.clock.settle();
    expect(readings.map(({ end }) => end.status)).toEqual(["resolved", "resolved"]);
    expect((await aborted.closed).get("emea")?.reason).toBe("aborted");
    await bench.end(group);
  });
});

describe("a merged queue", () => {
  it("hands the next message to the call that asked first, and none to one that stopped waiting", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const queue = await bench.clock.run(group.subscribeQueue("t", { qos: 1 }));
    const abort = new AbortController();
    const unused = new AbortController().signal;
    const calls = [
      queue.dequeue({ timeout: 100 }),
      queue.dequeue({ signal: abort.signal }),
      queue.dequeue({ signal: AbortSignal.abort() }),
      queue.dequeue({ timeout: 1000, signal: unused }),
      queue.dequeue(),
    ].map(follow);
    await bench.clock.advance(100);
    abort.abort();
    everywhere(bench, "t", "x");
    await bench.clock.settle();
    expect(calls.map(({ status, error }) => codeOf(error) ?? status)).toEqual([
      "TIMEOUT",
      "ABORTED",
      "ABORTED",
      "resolved",
      "resolved",
    ]);
    expect(queue.size).toBe(1);
    const rest = queue.tryDequeue();
    expect(new Set([calls[3], calls[4]].map((call) => call?.value?.member)).add(rest?.member ?? "").size).toBe(3);
    expect([abort.signal, unused].flatMap((signal) => getEventListeners(signal, "abort"))).toEqual([]);
    await expect(queue.dequeue({ timeout: Number.NaN })).rejects.toMatchObject({ field: "timeout" });
    await bench.end(group);
  });

  it("keeps what waits through a disconnect, and then gives undefined", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const queue = await bench.clock.run(group.subscribeQueue("t"));
    everywhere(bench, "t", "x");
    await bench.clock.settle();
    await bench.end(group);
    const got = [await queue.dequeue(), await queue.dequeue(), await queue.dequeue(), await queue.dequeue()];
    expect(got.map((message) => message?.member)).toEqual(["emea", "apac", "amer", undefined]);
  });

  it("leaves messages in their members' buffers, whose bounds hold", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const dropped: string[] = [];
    const queue = await bench.clock.run(
      group.subscribeQueue("t", { bufferSize: 1, onDrop: ({ member }, reason) => dropped.push(`${member} ${reason}`) }),
    );
    everywhere(bench, "t", "1");
    everywhere(bench, "t", "2");
    await bench.clock.settle();
    expect([queue.size, dropped.toSorted()]).toEqual([3, ["amer overflow", "apac overflow", "emea overflow"]]);
    await bench.end(group);
  });
});
