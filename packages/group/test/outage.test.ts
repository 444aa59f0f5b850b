// SPDX-License-Identifier: Apache-2.0
// Three brokers, of which one dies in the middle of a stream of messages and comes back: what each policy makes of that.
import { describe, expect, it } from "vitest";
import { type ClientGroup, GroupError, type GroupOptions } from "../src/index.js";
import { topicHash } from "../src/topic-hash.js";
import { codeOf, collect, follow, GroupBench, type Name, NAMES, type Outcome, told } from "./bench.js";

type Results = Awaited<ReturnType<ClientGroup["publish"]>>;

interface Story {
  readonly bench: GroupBench;
  readonly group: ClientGroup;
  /** Every publish, by its topic. */
  readonly calls: Map<string, Outcome<Results>>;
  /** What a second group received: `emea room/1`. */
  readonly received: string[];
}

/** 60 messages, 100 ms apart; the broker of `apac` is away from the 20th to the 40th, and dies with one in flight. */
async function story(options: GroupOptions, qos: 1 | 2): Promise<Story> {
  const bench = new GroupBench();
  const group = await bench.connect(options);
  const reader = await bench.connect({ shared: { clientId: "reader" } });
  const subscription = await bench.clock.run(reader.subscribe("room/#", { qos: 2 }));
  const reading = collect(subscription);
  const calls = new Map<string, Outcome<Results>>();
  for (let n = 0; n < 60; n++) {
    const topic = `room/${n}`;
    calls.set(topic, follow(group.publish(topic, "", { qos })));
    if (n === 20) void bench.brokers.apac.restart({ downtime: 2000 });
    await bench.clock.advance(100);
  }
  await bench.clock.advance(5000);
  expect(group.stats().membersConnected).toBe(3);
  await bench.end(group, reader);
  expect(reading.end.status).toBe("resolved");
  return { bench, group, calls, received: reading.got.map((line) => line.replace("=", "")) };
}

/** The topics that a member's broker handed on, in order. */
const at = (member: Name, received: readonly string[]): string[] =>
  received.filter((line) => line.startsWith(member)).map((line) => line.slice(member.length + 1));

const topics = Array.from({ length: 60 }, (_, n) => `room/${n}`);
const during = topics.slice(21, 39);

describe.each([1, 2] as const)("one of three brokers dies and comes back, at QoS %d:", (qos) => {
  it("a broadcast to any goes on without it, and says what it missed", async () => {
    const { calls, received } = await story({}, qos);
    expect([...calls.values()].map(({ status }) => status)).toEqual(Array(60).fill("resolved"));
    expect([at("emea", received), at("amer", received)]).toEqual([topics, topics]);
    const missed = topics.filter((topic) => !at("apac", received).includes(topic));
    expect(missed).toEqual(expect.arrayContaining(during));
    expect(new Set(received).size).toBe(received.length);
    for (const [topic, { value }] of calls) {
      const apac = told(value)[1];
      expect([topic, apac]).toEqual([
        topic,
        topic === "room/20" ? "apac pending" : missed.includes(topic) ? "apac NOT_CONNECTED not-sent" : "apac ok",
      ]);
    }
    // What was in flight at the moment of its death is delivered when it is back.
    const pending = calls.get("room/20")?.value?.[1];
    expect(pending?.status === "pending" && told([await pending.outcome])).toEqual(["apac ok"]);
    expect(at("apac", received)).toContain("room/20");
  });

  it("a broadcast to a quorum of two goes on without it", async () => {
    const { calls, received } = await story({ success: { quorum: 2 } }, qos);
    expect([...calls.values()].map(({ status }) => status)).toEqual(Array(60).fill("resolved"));
    expect([at("emea", received), at("amer", received)]).toEqual([topics, topics]);
  });

  it("a broadcast to all fails while it is away, with the guarantee that it was not sent there", async () => {
    const { calls, received } = await story({ success: "all" }, qos);
    const failed = [...calls].filter(([, { status }]) => status === "rejected");
    expect(failed.map(([topic]) => topic)).toEqual(expect.arrayContaining(during));
    for (const [, { error }] of failed) {
      expect(error).toBeInstanceOf(GroupError);
      expect(error).toMatchObject({ code: "NOT_CONNECTED", delivery: "unknown" });
      expect(told((error as GroupError).results)).toEqual(["emea ok", "apac NOT_CONNECTED not-sent", "amer ok"]);
    }
    // What was accepted everywhere is everywhere, that in flight included.
    const accepted = topics.filter((topic) => calls.get(topic)?.status === "resolved");
    expect(accepted).toContain("room/20");
    expect(at("apac", received).toSorted()).toEqual(accepted.toSorted());
  });

  it("round robin leaves it out, and takes it in again; every message arrives, and once", async () => {
    const { calls, received } = await story({ policy: "round-robin" }, qos);
    expect([...calls.values()].map(({ status }) => status)).toEqual(Array(60).fill("resolved"));
    expect(received.map((line) => line.slice(5)).toSorted()).toEqual(topics.toSorted());
    const takers = (some: readonly string[]): number[] =>
      NAMES.map((name) => some.filter((topic) => received.includes(`${name} ${topic}`)).length);
    expect(takers(topics.slice(0, 18))).toEqual([6, 6, 6]);
    expect(takers(during)).toEqual([9, 0, 9]);
    expect(takers(topics.slice(45))).toEqual([5, 5, 5]);
  });

  it("by topic its messages go to the next member meanwhile, and to it again; every message arrives, and once", async () => {
    const { group, calls, received } = await story({ policy: "hash-by-topic" }, qos);
    expect([...calls.values()].map(({ status, error }) => codeOf(error) ?? status)).toEqual(Array(60).fill("resolved"));
    expect(received.map((line) => line.slice(5)).toSorted()).toEqual(topics.toSorted());
    const taker = (topic: string): string | undefined =>
      received.find((line) => line.endsWith(` ${topic}`))?.slice(0, 4);
    const own = (topic: string): string => NAMES[topicHash(topic) % 3] ?? "";
    const moved = topics.filter((topic) => taker(topic) !== own(topic));
    expect(moved.map(own)).toEqual(Array(moved.length).fill("apac"));
    expect(moved.map(taker)).toEqual(Array(moved.length).fill("amer"));
    expect(moved).toEqual(expect.arrayContaining(during.filter((topic) => own(topic) === "apac")));
    expect(topics.slice(45).map(taker)).toEqual(topics.slice(45).map(own));
    expect(group.stats().publishesMoved).toBe(moved.length);
  });
});
