// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { InvalidArgumentError, MqttError, ProtocolError, ReasonCodeError, SubscribeError } from "../src/index.js";
import { Bench, follow } from "./bench.js";

describe("errors", () => {
  it("have one base, a stable code, a name, and the cause and delivery they were made with", () => {
    const cause = new Error("why");
    const error = new MqttError("CONNECTION_LOST", "The connection was lost", { cause, delivery: "unknown" });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "MqttError",
      code: "CONNECTION_LOST",
      message: "The connection was lost",
      delivery: "unknown",
      cause,
    });
    expect("cause" in new MqttError("CLOSED", "")).toBe(false);
    expect(new MqttError("ABORTED", "").name).toBe("AbortError");
    expect(new MqttError("TIMEOUT", "").name).toBe("TimeoutError");
  });

  it("carry their data as fields", () => {
    const reason = { packet: "PUBACK", reasonCode: 0x87, reasonString: "no", userProperties: [["a", "b"]] } as const;
    expect(new ReasonCodeError("NOT_AUTHORIZED", "refused", reason)).toMatchObject({
      ...reason,
      name: "ReasonCodeError",
      message: "refused: no",
      serverReference: undefined,
    });
    expect(new ReasonCodeError("REFUSED", "refused", { packet: "PUBACK", reasonCode: 0x80 })).toMatchObject({
      message: "refused",
      userProperties: [],
    });
    expect(new ProtocolError(0x82, "bad")).toMatchObject({
      name: "ProtocolError",
      code: "PROTOCOL_ERROR",
      reasonCode: 0x82,
    });
    const results = [{ filter: "a", reasonCode: 0x87 }];
    expect(new SubscribeError("SUBSCRIBE_REFUSED", "refused", results, "why")).toMatchObject({
      name: "SubscribeError",
      results,
      message: "refused: why",
      delivery: "refused",
    });
  });

  it("of arguments name field, value and limit in one short line", () => {
    const cases: [unknown, string][] = [
      [5, "5"],
      [null, "null"],
      [undefined, "undefined"],
      ["text", '"text"'],
      ["a\nb", '"a\\nb"'],
      ["x".repeat(1000), `"${"x".repeat(77)}..."`],
      [new Uint8Array(9), "9 bytes"],
      [[1, 2], "an array"],
      [{ secret: 1 }, "an object"],
      [() => {}, "a function"],
      [10n, "10"],
      [Symbol("s"), "Symbol(s)"],
    ];
    for (const [value, shown] of cases) {
      const error = new InvalidArgumentError("INVALID_FIELD", "field", value, "must be right");
      expect(error.message).toBe(`field is ${shown}: must be right`);
      expect(error).toMatchObject({ field: "field", value, limit: "must be right", delivery: "not-sent" });
    }
  });

  it("of arguments have a code of their own where callers may want to tell them apart [decision 18]", async () => {
    const bench = new Bench();
    const { client } = await bench.connect({ sessionExpiryInterval: 0 });
    const calls: [string, () => Promise<unknown>][] = [
      ["EMPTY_FILTER_LIST", () => client.subscribe([])],
      ["INVALID_QOS", () => client.publish("t", "", { qos: 3 as never })],
      ["INVALID_QOS", () => client.subscribe("t", { qos: 3 as never })],
      ["INVALID_TOPIC", () => client.publish("a/#")],
      ["INVALID_TOPIC", () => client.subscribe("a#")],
      ["INVALID_FIELD", () => client.publish("t", "", { retain: 1 as never })],
      ["FIELD_TOO_LONG", () => client.publish("x".repeat(65_536))],
      ["TOPIC_ALIAS_INVALID", () => client.publish("t", "", { topicAlias: 1 })],
      ["INVALID_SESSION_EXPIRY", () => client.disconnect({ sessionExpiryInterval: 1 })],
    ];
    for (const [code, call] of calls) {
      const outcome = follow(call());
      await bench.clock.settle();
      expect(outcome.error).toBeInstanceOf(InvalidArgumentError);
      expect(outcome.error).toMatchObject({ code, delivery: "not-sent" });
    }
    expect(client.state.status).toBe("connected");
    await bench.end(client);
  });

  it("are recognised by their brand, and nothing else is [decision 18]", () => {
    expect(MqttError.is(new ProtocolError(0x82, ""))).toBe(true);
    class Other extends Error {}
    const foreign = Object.assign(new Other(), { [Symbol.for("@mqttv5/core.MqttError")]: true });
    expect(MqttError.is(foreign)).toBe(true);
    for (const value of [undefined, null, 5, "CLOSED", {}, new Error("x"), { code: "CLOSED" }])
      expect(MqttError.is(value)).toBe(false);
    expect(Object.keys(new MqttError("CLOSED", "", {}))).not.toContain("Symbol(@mqttv5/core.MqttError)");
  });
});
