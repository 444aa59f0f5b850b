// SPDX-License-Identifier: Apache-2.0
import { matchTopic } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { Router } from "../src/broker/router.js";
import type { Subscriber, Subscription } from "../src/broker/subscription.js";
import { Fifo } from "../src/fifo.js";
import { VirtualClock } from "../src/index.js";

function subscription(clientId: string, filter: string): Subscription {
  const subscriber: Subscriber = { clientId, connected: true, deliver() {} };
  return { subscriber, filter, qos: 0, noLocal: false, retainAsPublished: false, identifier: undefined };
}

describe("Router", () => {
  it("finds what a filter by filter comparison finds, also after removals", () => {
    const clock = new VirtualClock({ seed: 11 });
    const pick = <T>(items: readonly T[]): T => items[Math.floor(clock.random() * items.length)] as T;
    const levels = (names: readonly string[]) =>
      Array.from({ length: 1 + Math.floor(clock.random() * 4) }, () => pick(names)).join("/");
    const router = new Router();
    const present = new Set<Subscription>();
    for (let index = 0; index < 400; index++) {
      const filter = levels(["a", "b", "", "$x", "+"]) + pick(["", "", "/#"]);
      const added = subscription(`${index}`, clock.random() < 0.05 ? "#" : filter);
      router.add(added);
      present.add(added);
      if (clock.random() < 0.3) {
        const removed = pick([...present]);
        router.remove(removed.subscriber, removed.filter);
        present.delete(removed);
      }
      const topic = levels(["a", "b", "", "$x", "c"]);
      if (topic === "") continue;
      const expected = [...present].filter(({ filter }) => matchTopic(filter, topic)).map(({ filter }) => filter);
      const found = [...router.match(topic).direct.values()].flat().map(({ filter }) => filter);
      expect(found.toSorted()).toEqual(expected.toSorted());
    }
    for (const { subscriber, filter } of present) router.remove(subscriber, filter);
    expect(router.empty).toBe(true);
  });

  it("forgets nothing when told to remove what it doesn't have", () => {
    const router = new Router();
    const one = subscription("a", "t/1");
    const shared = subscription("a", "$share/g/t/1");
    router.add(one);
    router.add(shared);
    for (const filter of ["t", "t/2", "t/1/2", "$share/h/t/1", "$share/g/t"]) router.remove(one.subscriber, filter);
    router.remove(one.subscriber, "$share/g/t/1"); // another's membership
    const { direct, groups } = router.match("t/1");
    expect([...direct.values()]).toEqual([[one]]);
    expect(groups).toHaveLength(1);
    router.remove(shared.subscriber, "$share/g/t/1");
    router.remove(one.subscriber, "t/1");
    expect(router.empty).toBe(true);
  });
});

describe("Fifo", () => {
  it("keeps its order while it grows, wraps around and empties", () => {
    const fifo = new Fifo<number>();
    let pushed = 0;
    let shifted = 0;
    for (const [pushes, shifts] of [
      [10, 8],
      [20, 3],
      [100, 119],
      [5, 5],
    ] as const) {
      for (let count = 0; count < pushes; count++) fifo.push(pushed++);
      for (let count = 0; count < shifts; count++) {
        expect(fifo.first).toBe(shifted);
        expect(fifo.shift()).toBe(shifted++);
      }
      expect(fifo.size).toBe(pushed - shifted);
    }
    expect(fifo.shift()).toBeUndefined();
    expect(fifo.first).toBeUndefined();
    fifo.push(1);
    fifo.clear();
    expect(fifo.size).toBe(0);
  });
});
