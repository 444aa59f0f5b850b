// SPDX-License-Identifier: Apache-2.0
import { constantBackoff, InvalidArgumentError } from "@mqttv5/core";
import { describe, expect, it } from "vitest";
import { GroupError, type MemberResult } from "../src/index.js";
import { topicHash } from "../src/topic-hash.js";
import { codeOf, follow, GroupBench, NAMES, told } from "./bench.js";

const errorOf = (error: unknown): GroupError => {
  expect(error).toBeInstanceOf(GroupError);
  return error as GroupError;
};

/** The member that a topic's hash picks, and the one after it. */
const owner = (topic: string, after = 0) => NAMES[(topicHash(topic) + after) % 3] ?? "emea";

describe("a broadcast [parity 176]", () => {
  it("publishes to every member at once, at every QoS, and tells what each broker answered", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    for (const qos of [0, 1, 2] as const) {
      const results = await bench.clock.run(group.publish(`t${qos}`, "x", { qos }));
      expect(told(results)).toEqual(["emea ok", "apac ok", "amer ok"]);
      expect(results[0]).toMatchObject({ value: { reasonCode: qos === 0 ? 0 : 0x10 } });
      await bench.clock.settle();
    }
    const everywhere = (topic: string): string[] => NAMES.map((name) => `${name} ${topic}`);
    expect(bench.take()).toEqual([...everywhere("t0"), ...everywhere("t1"), ...everywhere("t2")]);
    await bench.end(group);
  });

  it.each([
    ["any", 2, "resolved"],
    ["any", 3, "rejected"],
    ["all", 0, "resolved"],
    ["all", 1, "rejected"],
    [{ quorum: 2 }, 1, "resolved"],
    [{ quorum: 2 }, 2, "rejected"],
  ] as const)("with success %o and %d members that refuse is %s", async (success, refusing, status) => {
    for (const how of ["of the group", "of the call"] as const) {
      const bench = new GroupBench();
      for (const name of NAMES.slice(0, refusing)) bench.refusals.set(name, 0x97);
      const group = await bench.connect(how === "of the group" ? { success } : { success: "all" });
      const call = follow(group.publish("t", "", { qos: 1, ...(how === "of the call" ? { success } : {}) }));
      await bench.clock.settle();
      const expected = NAMES.map((name, n) => (n < refusing ? `${name} QUOTA_EXCEEDED refused` : `${name} ok`));
      expect(call.status).toBe(status);
      const results = call.value ?? errorOf(call.error).results;
      expect(told(results)).toEqual(expected);
      await bench.end(group);
    }
  });

  it("succeeds if any member did, unless the group or the call says otherwise [decision 20]", async () => {
    const bench = new GroupBench();
    for (const name of ["emea", "apac"] as const) bench.refusals.set(name, 0x87);
    const group = await bench.connect();
    expect(told(await bench.clock.run(group.publish("t", "", { qos: 1 })))).toEqual([
      "emea NOT_AUTHORIZED refused",
      "apac NOT_AUTHORIZED refused",
      "amer ok",
    ]);
    await bench.end(group);
  });

  it("that fails says what is certain of all copies together, and the code that all failed members have", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ shared: { reconnectBackoff: constantBackoff(60_000) } });
    const attempt = async (success: "all" | "any"): Promise<GroupError> => {
      const call = follow(group.publish("t", "", { qos: 1, success }));
      await bench.clock.settle();
      return errorOf(call.error);
    };
    bench.refusals.set("emea", 0x97).set("apac", 0x97).set("amer", 0x87);
    expect(await attempt("any")).toMatchObject({ code: "GROUP_FAILED", delivery: "refused", needed: 1 });
    bench.refusals.delete("amer");
    expect(await attempt("all")).toMatchObject({ code: "QUOTA_EXCEEDED", delivery: "unknown", needed: 3 });
    for (const name of NAMES) bench.brokers[name].drop();
    await bench.clock.settle();
    const error = await attempt("any");
    expect(error).toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent", operation: "publish" });
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect((error.cause as AggregateError).errors.map(codeOf)).toEqual(Array(3).fill("NOT_CONNECTED"));
    expect(error.message).toMatch(/^publish: 0 of 3 members succeeded, 1 needed; emea: There is no connection/);
    expect(group.stats()).toMatchObject({ publishesFailed: 3, membersConnected: 0 });
    await bench.end(group);
  });

  it("is not held up by a member that loses its connection meanwhile: it is pending, and delivers when it is back", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    await bench.kill("apac", 0);
    await bench.clock.advance(200);
    const call = follow(group.publish("t", "x", { qos: 1 }));
    void bench.brokers.apac.restart({ downtime: 5000 }); // handed to the connection, and gone with it
    await bench.clock.settle();
    expect([call.status, told(call.value)]).toEqual(["resolved", ["emea ok", "apac pending", "amer ok"]]);
    expect(bench.take().toSorted()).toEqual(["amer t", "emea t"]);
    const pending = call.value?.[1] as Extract<MemberResult<unknown>, { status: "pending" }>;
    await bench.clock.advance(6000);
    expect([told([await pending.outcome]), bench.take()]).toEqual([["apac ok"], ["apac t"]]);
    await bench.end(group);
  });

  it("that can't succeed any more rejects as soon, and one that still can waits, also for a member that is away", async () => {
    const bench = new GroupBench();
    const group = await bench.connect();
    const undecided = follow(group.publish("t", "x", { qos: 1, success: "all" }));
    await bench.kill("apac", 5000);
    expect(undecided.status).toBe("pending");
    bench.refusals.set("emea", 0x97);
    const hopeless = follow(group.publish("u", "x", { qos: 1, success: "all", whenOffline: "wait" }));
    await bench.clock.settle();
    expect(told(errorOf(hopeless.error).results)).toEqual(["emea QUOTA_EXCEEDED refused", "apac pending", "amer ok"]);
    expect(errorOf(hopeless.error).delivery).toBe("unknown");
    await bench.clock.advance(6000);
    expect(told(undecided.value)).toEqual(["emea ok", "apac ok", "amer ok"]);
    await bench.end(group);
  });

  it("ends when its signal aborts or its time is up: with what the others answered, if that is enough", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ shared: { whenOffline: "wait" } });
    await bench.kill("apac", 60_000);
    const abort = new AbortController();
    const calls = [
      group.publish("a", "", { qos: 1, success: "all", timeout: 100 }),
      group.publish("b", "", { qos: 1, success: "all", signal: abort.signal }),
    ].map(follow);
    await bench.clock.advance(99);
    expect(calls.map(({ status }) => status)).toEqual(["pending", "pending"]);
    abort.abort();
    await bench.clock.advance(1);
    expect(calls.map(({ error }) => errorOf(error).name)).toEqual(["TimeoutError", "AbortError"]);
    expect(calls.map(({ error }) => told(errorOf(error).results)[1])).toEqual([
      "apac TIMEOUT not-sent",
      "apac ABORTED not-sent",
    ]);
    bench.refusals.set("emea", 0x97).set("amer", 0x97);
    const both = follow(group.publish("both", "", { qos: 1, timeout: 100 }));
    await bench.clock.advance(100);
    expect(errorOf(both.error)).toMatchObject({ code: "TIMEOUT", needed: 1 });
    const enough = follow(group.publish("c", "", { qos: 1, signal: AbortSignal.abort() }));
    await bench.clock.settle();
    expect(errorOf(enough.error)).toMatchObject({ code: "ABORTED", delivery: "not-sent" });
    await bench.end(group);
  });
});

describe("a wrong argument of a publish", () => {
  it.each(["broadcast", "round-robin", "hash-by-topic"] as const)(
    "is told as a client tells it, and sent nowhere (%s)",
    async (policy) => {
      const bench = new GroupBench();
      const group = await bench.connect({ policy });
      for (const [field, code, args] of [
        ["topic", "INVALID_TOPIC", ["#"]],
        ["topic", "INVALID_FIELD", [7]],
        ["payload", "INVALID_FIELD", ["t", 7]],
        ["qos", "INVALID_QOS", ["t", "", { qos: 3 }]],
        ["timeout", "INVALID_FIELD", ["t", "", { timeout: -1 }]],
        ["signal", "INVALID_FIELD", ["t", "", { signal: 1 }]],
        ["success", "INVALID_FIELD", ["t", "", { success: 2 }]],
        ["topicAlias", "INVALID_FIELD", ["t", "", { topicAlias: 1 }]],
        ["options", "INVALID_FIELD", ["t", "", null]],
      ] as const) {
        const call = follow(group.publish(...(args as unknown as [string])));
        await bench.clock.settle();
        expect(call.error).toBeInstanceOf(InvalidArgumentError);
        expect(call.error).toMatchObject({ code, field });
      }
      expect([bench.take(), group.stats().publishesMoved]).toEqual([[], 0]);
      await bench.end(group);
    },
  );
});

describe("round robin", () => {
  it("publishes to one member after the other, beginning with the first [parity 177]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy: "round-robin" });
    for (const qos of [0, 1, 2, 0] as const) {
      expect(await bench.clock.run(group.publish(`t${qos}`, "", { qos }))).toHaveLength(1);
      await bench.clock.settle();
    }
    expect(bench.take()).toEqual(["emea t0", "apac t1", "amer t2", "emea t0"]);
    await bench.end(group);
  });

  it("passes over a member without a connection, and shares its part evenly", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy: "round-robin" });
    await bench.kill("apac");
    for (let n = 0; n < 4; n++) await bench.clock.run(group.publish(`${n}`, "", { qos: 1 }), 0);
    expect(bench.take()).toEqual(["emea 0", "amer 1", "emea 2", "amer 3"]);
    expect(group.stats().publishesMoved).toBe(0);
    await bench.end(group);
  });
});

describe("hash by topic", () => {
  it("is FNV-1a, 32 bits, over UTF-8 [parity 177]", () => {
    expect(["", "a", "foobar", "küche"].map((topic) => topicHash(topic).toString(16))).toEqual([
      "811c9dc5",
      "e40c292c",
      "bf9cf968",
      "e34b7ca1",
    ]);
  });

  it("publishes the same topic to the same member, in order [parity 177]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy: "hash-by-topic" });
    const topics = ["a", "b", "room/1", "room/2", "room/3", "küche"];
    expect(new Set(topics.map((topic) => owner(topic))).size).toBe(3);
    for (const topic of [...topics, ...topics]) await bench.clock.run(group.publish(topic, "", { qos: 1 }));
    expect(bench.take()).toEqual([...topics, ...topics].map((topic) => `${owner(topic)} ${topic}`));
    await bench.end(group);
  });

  it("goes on to the next member while its own has no connection, and back afterwards [parity 177]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy: "hash-by-topic" });
    await bench.kill(owner("a"), 1000);
    const results = await bench.clock.run(group.publish("a", "", { qos: 1 }), 0);
    expect(told(results)).toEqual([`${owner("a", 1)} ok`]);
    await bench.clock.advance(1200);
    await bench.clock.run(group.publish("a", "", { qos: 1 }), 0);
    expect(bench.take()).toEqual([`${owner("a", 1)} a`, `${owner("a")} a`]);
    expect(group.stats().publishesMoved).toBe(1);
    await bench.end(group);
  });
});

describe.each(["round-robin", "hash-by-topic"] as const)("in turn, by %s, a message", (policy) => {
  /** A topic that the first member owns. */
  const topic = ["a", "b/c", "room/1", "room/2", "room/3"].find((name) => owner(name) === "emea") ?? "";

  it("that was refused is not published elsewhere [parity 177]", async () => {
    const bench = new GroupBench();
    bench.refusals.set("emea", 0x97);
    const group = await bench.connect({ policy });
    const call = follow(group.publish(topic, "", { qos: 1 }));
    await bench.clock.settle();
    expect(errorOf(call.error)).toMatchObject({ code: "QUOTA_EXCEEDED", delivery: "refused", needed: 1 });
    expect(codeOf(errorOf(call.error).cause)).toBe("QUOTA_EXCEEDED");
    expect(told(errorOf(call.error).results)).toEqual(["emea QUOTA_EXCEEDED refused"]);
    expect(bench.take()).toEqual([`emea ${topic}`]);
    await bench.end(group);
  });

  it("that may have arrived is not published elsewhere [parity 177]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy });
    const call = follow(group.publish(topic, "", { qos: 1, timeout: 1000 }));
    await bench.kill("emea", 60_000);
    await bench.clock.advance(999);
    expect(call.status).toBe("pending");
    await bench.clock.advance(1);
    expect(errorOf(call.error)).toMatchObject({ code: "TIMEOUT", delivery: "unknown" });
    expect(bench.take().filter((line) => !line.startsWith("emea"))).toEqual([]);
    await bench.end(group);
  });

  it("that certainly was not sent goes to the next member: the broker takes no such message, or there is no room [parity 177]", async () => {
    for (const how of ["QOS_NOT_SUPPORTED", "WRITE_QUEUE_FULL"] as const) {
      const bench = new GroupBench();
      if (how === "QOS_NOT_SUPPORTED") bench.brokers.emea.configure({ maximumQoS: 0 });
      const [emea, ...others] = bench.members;
      const full =
        how === "WRITE_QUEUE_FULL" ? ({ maximumPendingBytes: 1, writeOverflow: "drop-newest" } as const) : {};
      const group = await bench.connect({ policy }, [{ broker: "mqtt://emea", ...emea, ...full }, ...others]);
      const fill =
        how === "WRITE_QUEUE_FULL" ? group.members.get("emea")?.publish("fill", "".padEnd(100_000)) : undefined;
      const call = follow(group.publish(topic, "", { qos: how === "WRITE_QUEUE_FULL" ? 0 : 1 }));
      await bench.clock.settle();
      expect(told(call.value)).toEqual([`emea ${how} not-sent`, "apac ok"]);
      expect(group.stats().publishesMoved).toBe(1);
      await fill;
      await bench.end(group);
    }
  });

  it("rejects with every member's part if none takes it, certainly not sent [parity 177]", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy, shared: { reconnectBackoff: constantBackoff(60_000) } });
    for (const name of NAMES) await bench.kill(name);
    const call = follow(group.publish(topic, "", { qos: 1 }));
    await bench.clock.settle();
    expect(errorOf(call.error)).toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
    expect(told(errorOf(call.error).results).toSorted()).toEqual(
      NAMES.map((name) => `${name} NOT_CONNECTED not-sent`).toSorted(),
    );
    await bench.end(group);
  });

  it("that was aborted is not tried elsewhere", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy });
    const call = follow(group.publish(topic, "", { qos: 1, signal: AbortSignal.abort() }));
    await bench.clock.settle();
    expect(told(errorOf(call.error).results)).toEqual(["emea ABORTED not-sent"]);
    await bench.end(group);
  });

  it("that waited for room when the last connection went waits for the next one, within its time", async () => {
    const bench = new GroupBench();
    const member = { name: "emea", broker: "mqtt://emea", maximumPendingBytes: 50_000 } as const;
    const group = await bench.connect({ policy, shared: { whenOffline: "wait" } }, [member]);
    const client = group.members.get("emea");
    bench.stuck = true;
    const fill = follow(client?.publish("fill", "".padEnd(100_000)) ?? Promise.reject(new Error("no emea")));
    const late = follow(group.publish("late", "", { timeout: 1000 }));
    const call = follow(group.publish(topic, ""));
    await bench.clock.advance(600);
    expect([late.status, call.status]).toEqual(["pending", "pending"]);
    bench.stuck = false;
    await bench.kill("emea", 1000);
    await bench.clock.advance(399);
    expect([late.status, call.status, fill.status]).toEqual(["pending", "pending", "resolved"]);
    await bench.clock.advance(1);
    expect(codeOf(late.error)).toBe("TIMEOUT");
    await bench.clock.advance(1000);
    expect(told(call.value)).toEqual(["emea ok"]);
    await bench.end(group);
  });

  it("waits at the member whose turn it is if no other has a connection and it may wait", async () => {
    const bench = new GroupBench();
    const group = await bench.connect({ policy });
    for (const name of NAMES) await bench.kill(name, name === "emea" ? 3000 : 60_000);
    const call = follow(group.publish(topic, "", { qos: 1, whenOffline: "wait" }));
    const late = follow(group.publish(topic, "", { qos: 1, whenOffline: "wait", timeout: 500 }));
    await bench.clock.advance(600);
    expect([call.status, codeOf(late.error)]).toEqual(["pending", "TIMEOUT"]);
    await bench.clock.advance(3000);
    expect(told(call.value)).toEqual(["emea ok"]);
    expect(bench.take()).toEqual([`emea ${topic}`]);
    await bench.end(group);
  });
});
