// SPDX-License-Identifier: Apache-2.0
// Every Packet Identifier is in use: calls wait for one, and say so when they stop waiting.
import { PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { Client, WaitOptions } from "../src/index.js";
import { Bench, follow, type Outcome, puback, suback, unsuback } from "./bench.js";
import { SessionBench } from "./session-bench.js";

const { Publish, Subscribe, Unsubscribe } = PacketType;

const ALL = 65_535;

/** A client whose broker answers nothing, with so many publishes under way; what they were sent as is read and thrown away. */
async function busy(count: number): Promise<{ bench: Bench; client: Client; connection: ScriptedConnection }> {
  const bench = new Bench();
  const { client, connection } = await bench.connect({ keepAlive: false, maximumPendingBytes: Infinity });
  for (let n = 0; n < count; n++) follow(client.publish("t", "", { qos: 1 }));
  await bench.clock.settle();
  connection.discard();
  return { bench, client, connection };
}

describe("with every Packet Identifier in use", () => {
  // One test, as it takes 65,535 publishes to get there.
  it("calls wait for one, in order, and those that stop waiting say that they did; what was not sent never is [parity 84]", async () => {
    // Two for the subscriptions that are to be unsubscribed; their SUBSCRIBEs are answered.
    const { bench, client, connection } = await busy(ALL - 2);
    const subscribe = async (filter: string) => {
      const subscribing = client.subscribe(filter);
      const { packetId } = await connection.expect(Subscribe);
      connection.send(suback(packetId, 0));
      return bench.clock.run(subscribing);
    };
    const [one, two] = [await subscribe("one"), await subscribe("two")];
    const controller = new AbortController();
    const { signal } = controller;
    const owned = follow(client.publish("t", "", { qos: 1, signal }));
    const last = follow(client.publish("t", "", { qos: 1 }));
    await bench.clock.settle();
    connection.discard();

    const waiting = (options: WaitOptions): Record<string, Outcome<unknown>> => ({
      "publish at QoS 1": follow(client.publish("late", "", { qos: 1, ...options })),
      "publish at QoS 2": follow(client.publish("late", "", { qos: 2, ...options })),
      subscribe: follow(client.subscribe("late", options)),
      respond: follow(client.respond("late", () => undefined, options)),
    });
    const aborted = { ...waiting({ signal }), unsubscribe: follow(one.unsubscribe({ signal })) };
    const timed = { ...waiting({ timeout: 500 }), unsubscribe: follow(two.unsubscribe({ timeout: 500 })) };
    const patient = [follow(client.subscribe("s")), follow(client.publish("last", "", { qos: 1 }))];
    await bench.clock.settle();
    const all = [...Object.values(aborted), ...Object.values(timed), ...patient];
    expect(all.map(({ status }) => status)).toEqual(all.map(() => "pending"));
    await connection.expectNone();

    controller.abort("enough");
    await bench.clock.advance(500);
    for (const [calls, name, cause] of [
      [aborted, "AbortError", "enough"],
      [timed, "TimeoutError", expect.objectContaining({ code: "TIMEOUT" })],
    ] as const) {
      for (const [call, { error }] of Object.entries(calls)) {
        // An UNSUBSCRIBE is not withdrawn: the broker is told as soon as it can be.
        const delivery = call === "unsubscribe" ? "unknown" : "not-sent";
        expect([call, error]).toMatchObject([call, { code: "PACKET_IDS_EXHAUSTED", name, cause, delivery }]);
      }
    }
    expect(owned.error).toMatchObject({ code: "ABORTED", delivery: "unknown" }); // it had one

    // Who asked for an answer comes first, then who publishes; each with what came free.
    connection.send(puback(77));
    for (const filter of ["one", "two"]) {
      await connection.expect({ type: Unsubscribe, packetId: 77, filters: [filter] });
      await connection.expectNone();
      connection.send(unsuback(77, 0));
    }
    await connection.expect({ type: Subscribe, packetId: 77 });
    await connection.expectNone();
    connection.send(suback(77, 0));
    await connection.expect({ type: Publish, packetId: 77, topic: "last" });
    connection.send(puback(77));
    await connection.expectNone({ within: 1000 }); // nothing of what was withdrawn
    expect([...patient, last].map(({ status }) => status)).toEqual(["resolved", "resolved", "pending"]);
    await bench.end(client);
  });
});

describe("a session", () => {
  it("knows what waits for an identifier, and what for something else", () => {
    const bench = new SessionBench({ highestPacketId: 2 });
    bench.connected(true, { receiveMaximum: 1 });
    const { session } = bench;
    const [sent, held] = [bench.publish("a", 1).publish, bench.publish("b", 1).publish];
    expect([session.starved(sent), session.starved(held)]).toEqual([false, false]); // quota is what it waits for
    const [first, second] = [bench.ask(PacketType.Subscribe, "c"), bench.ask(PacketType.Subscribe, "d")];
    expect([sent, held].map((publish) => session.starved(publish))).toEqual([false, true]);
    expect([first, second].map(({ operation }) => session.starved(operation))).toEqual([false, true]);
    session.forget(second.operation);
    expect(session.starved(second.operation)).toBe(false);
    bench.suback(2, 0);
    expect(session.starved(held)).toBe(false);
    bench.puback(1);
    expect(session.starved(held)).toBe(false);
    expect(bench.take()).toEqual(["PUBLISH 1 a", "SUBSCRIBE 2 c", "PUBLISH 1 b"]);
  });
});
