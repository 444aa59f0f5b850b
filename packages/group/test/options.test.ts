// SPDX-License-Identifier: Apache-2.0
import { Client, InvalidArgumentError, type Logger } from "@mqttv5/core";
import { describe, expect, it } from "vitest";
import { ClientGroup, type GroupMember, type GroupOptions } from "../src/index.js";
import { GroupBench, thrown } from "./bench.js";

const brokers = (...members: Partial<GroupMember>[]): GroupMember[] =>
  members.map((member, index) => ({ broker: `mqtt://b${index}`, ...member }));
const clientIds = (group: ClientGroup): string[] => [...group.members.values()].map(({ clientId }) => clientId);

describe("the members of a group", () => {
  it("are named as they say, else by their place, and are clients in the order given [parity 176]", () => {
    const group = new ClientGroup(brokers({}, { name: "apac" }, {}));
    expect([...group.members.keys()]).toEqual(["member-1", "apac", "member-3"]);
    expect(group.members.get("apac")).toBeInstanceOf(Client);
    expect([...group.members.values()].map(({ state }) => state.status)).toEqual(["idle", "idle", "idle"]);
  });

  it("must have different names [parity 176]", () => {
    for (const members of [brokers({ name: "a" }, { name: "a" }), brokers({ name: "member-2" }, {})]) {
      const error = thrown(() => new ClientGroup(members));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error).toMatchObject({ code: "INVALID_FIELD", field: "members[1].name" });
    }
  });

  it("with a Client Identifier that an earlier member has get a suffix; the broker may assign several [parity 176]", () => {
    const shared = { clientId: "fleet" };
    expect(clientIds(new ClientGroup(brokers({}, {}, {}), { shared }))).toEqual(["fleet", "fleet-2", "fleet-3"]);
    expect(clientIds(new ClientGroup(brokers({}, { clientId: "own" }, {}), { shared }))).toEqual([
      "fleet",
      "own",
      "fleet-2",
    ]);
    expect(clientIds(new ClientGroup(brokers({ clientId: "a" }, { clientId: "a-2" }, { clientId: "a" })))).toEqual([
      "a",
      "a-2",
      "a-3",
    ]);
    expect(clientIds(new ClientGroup(brokers({}, {})))).toEqual(["", ""]);
  });

  it("start from what they share, and win with what they say; undefined says nothing", async () => {
    const bench = new GroupBench();
    const seen: string[] = [];
    const group = bench.group(
      {
        shared: { keepAlive: 60, username: "all", onConnectionUp: ({ clientId }) => void seen.push(clientId) },
      },
      [
        { name: "emea", broker: "mqtt://emea" },
        { name: "apac", broker: "mqtt://apac", clientId: "own", keepAlive: 20, username: undefined },
      ],
    );
    await bench.clock.run(group.connect());
    expect(bench.asked).toEqual([
      ["fleet", "all", 60],
      ["own", "all", 20],
    ]);
    await bench.clock.settle();
    expect(seen.toSorted()).toEqual(["fleet", "own"]);
    await bench.end(group);
  });

  it("log under their names, each level, unless they have a logger of their own", async () => {
    const bench = new GroupBench();
    const lines: string[] = [];
    const own: string[] = [];
    const logger = (into: string[]): Logger => ({ info: (message) => into.push(message) });
    const group = bench.group({ shared: { logger: logger(lines) } }, [
      { name: "emea", broker: "mqtt://emea" },
      { name: "apac", broker: "mqtt://apac", logger: logger(own) },
    ]);
    await bench.clock.run(group.connect());
    expect(lines).toEqual([expect.stringMatching(/^emea: Connected/)]);
    expect(own).toEqual([expect.stringMatching(/^Connected/)]);
    await bench.end(group);
  });
});

describe("a wrong option of a group is named where it stands", () => {
  const one = brokers({});
  it.each<[string, unknown, unknown, string]>([
    ["members", [], {}, "INVALID_FIELD"],
    ["members", "mqtt://a", {}, "INVALID_FIELD"],
    ["members[1]", [...one, null], {}, "INVALID_FIELD"],
    ["members[0].name", [{ broker: "mqtt://a", name: "" }], {}, "INVALID_FIELD"],
    ["members[1].broker", [...one, { name: "b" }], {}, "MISSING_BROKER"],
    ["members[0].keepAlive", brokers({ keepAlive: 0 }), {}, "INVALID_FIELD"],
    ["members[0].will.topic", brokers({ will: { topic: "#" } }), {}, "INVALID_TOPIC"],
    ["shared.keepAlive", one, { shared: { keepAlive: 0 } }, "INVALID_FIELD"],
    ["shared.logger", one, { shared: { logger: "console" } }, "INVALID_FIELD"],
    ["shared.broker", one, { shared: { broker: "mqtt://b" } }, "INVALID_FIELD"],
    ["shared.brokers", one, { shared: { brokers: ["mqtt://b"] } }, "INVALID_FIELD"],
    ["shared.store", one, { shared: { store: {} } }, "INVALID_FIELD"],
    ["shared", one, { shared: null }, "INVALID_FIELD"],
    ["options", one, null, "INVALID_FIELD"],
    ["policy", one, { policy: "random" }, "INVALID_FIELD"],
    ["sequential", one, { sequential: "yes" }, "INVALID_FIELD"],
    ["success", one, { success: "most" }, "INVALID_FIELD"],
    ["success.quorum", one, { success: { quorum: 0 } }, "INVALID_FIELD"],
    ["success.quorum", one, { success: { quorum: 1.5 } }, "INVALID_FIELD"],
    ["success.quorum", one, { success: { quorum: 2 } }, "INVALID_FIELD"],
  ])("%s", (field, members, options, code) => {
    const error = thrown(() => new ClientGroup(members as GroupMember[], options as GroupOptions));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ code, field });
  });
});
