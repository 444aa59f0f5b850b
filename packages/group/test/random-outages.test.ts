// SPDX-License-Identifier: Apache-2.0
// Messages published while brokers die and come back at random, from a seed: whatever happens, what a call said is what was so.
import { VirtualClock } from "@mqttv5/testing";
import { expect, it } from "vitest";
import { type ClientGroup, GroupError, type MemberResult, type PublishPolicy } from "../src/index.js";
import { follow, GroupBench, NAMES, type Outcome } from "./bench.js";

type Results = Awaited<ReturnType<ClientGroup["publish"]>>;

const SEEDS = 20;
const MESSAGES = 80;

/** What a member said of its copy: it has it, it certainly has not, or it may have. */
function claimOf(result: MemberResult<unknown> | undefined): "has" | "has not" | "may have" {
  if (result === undefined) return "has not"; // it was never asked
  if (result.status === "fulfilled") return "has";
  if (result.status === "pending") return "may have";
  return result.error.delivery === "not-sent" || result.error.delivery === "refused" ? "has not" : "may have";
}

async function run(policy: PublishPolicy, seed: number): Promise<string[]> {
  const bench = new GroupBench();
  const dice = new VirtualClock({ seed });
  const random = (below: number): number => Math.floor(dice.random() * below);
  const group = await bench.connect({ policy, shared: { whenOffline: random(2) === 0 ? "wait" : "reject" } });
  const copies = new Map<string, number>();
  for (const name of NAMES) {
    bench.brokers[name].subscribe("#", ({ topic }) => {
      copies.set(`${name} ${topic}`, (copies.get(`${name} ${topic}`) ?? 0) + 1);
    });
  }
  const calls = new Map<string, Outcome<Results>>();
  for (let n = 0; n < MESSAGES; n++) {
    const timeout = random(8) === 0 ? random(300) : undefined;
    calls.set(`t/${n}`, follow(group.publish(`t/${n}`, "", { qos: 2, timeout })));
    const name = NAMES[random(3)] ?? "emea";
    const event = random(10);
    if (event === 0) void bench.brokers[name].restart({ downtime: random(1500) });
    if (event === 1) bench.brokers[name].drop();
    if (event < 8) await bench.clock.advance(random(60));
  }
  await bench.clock.advance(10_000);
  const wrong: string[] = [];
  for (const [topic, { status, value, error }] of calls) {
    if (status === "pending") wrong.push(`${topic} has not settled`);
    const results = value ?? (error instanceof GroupError ? error.results : []);
    const total = NAMES.reduce((sum, name) => sum + (copies.get(`${name} ${topic}`) ?? 0), 0);
    if (policy !== "broadcast" && total > 1) wrong.push(`${topic} was published ${total} times`);
    for (const name of NAMES) {
      const had = copies.get(`${name} ${topic}`) ?? 0;
      const claim = claimOf(results.find(({ member }) => member === name));
      if (had > 1) wrong.push(`${name} has ${topic} ${had} times`);
      if (claim === "has" && had === 0) wrong.push(`${name} has lost ${topic}`);
      if (claim === "has not" && had > 0) wrong.push(`${name} has ${topic}, and was said not to`);
    }
  }
  expect(calls.size).toBe(MESSAGES);
  await bench.end(group);
  return wrong;
}

it.each(["broadcast", "round-robin", "hash-by-topic"] as const)(
  "%s: no copy is lost that was accepted, none is where it was said not to be, and in turn none is made twice",
  async (policy) => {
    for (let seed = 1; seed <= SEEDS; seed++) expect([seed, await run(policy, seed)]).toEqual([seed, []]);
  },
);
