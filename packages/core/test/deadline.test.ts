// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import type { FaultyLink } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import type { MqttError } from "../src/index.js";
import { Bench, codeOf, confirm, follow, grant, type Outcome, publish, puback, suback } from "./bench.js";

const { Subscribe, Unsubscribe } = PacketType;

/** How a call ended: `CODE delivery`. */
function ending(outcome: Outcome<unknown>): string {
  const { code, delivery } = (outcome.error ?? {}) as Partial<MqttError>;
  return outcome.status === "rejected" ? `${code} ${delivery ?? "-"}` : outcome.status;
}

describe("a timeout", () => {
  it("ends connect, which then tries no more", async () => {
    const bench = new Bench();
    const client = bench.client({ retryInitialConnect: true });
    const connecting = follow(client.connect({ timeout: 500 }));
    await bench.clock.advance(499);
    expect(ending(connecting)).toBe("pending");
    await bench.clock.advance(1);
    expect([ending(connecting), client.state.status]).toEqual(["TIMEOUT -", "closed"]);
    expect(bench.clock.pending).toBe(0);
  });

  it("of connect counts from the call, also behind a disconnect that takes its time", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ disconnectTimeout: 200, keepAlive: false });
    (connection.link as FaultyLink).stall();
    void client.disconnect();
    const calls = [follow(client.connect({ timeout: 100 })), follow(client.connect({ timeout: 300 }))];
    await bench.clock.advance(100);
    expect(calls.map(ending)).toEqual(["TIMEOUT not-sent", "pending"]);
    await bench.clock.advance(199);
    expect(ending(calls[1] as Outcome<unknown>)).toBe("pending");
    await bench.clock.advance(1);
    expect(ending(calls[1] as Outcome<unknown>)).toBe("TIMEOUT -");
    await bench.end(client);
  });

  it("ends connected, and leaves the client as it is", async () => {
    const bench = new Bench();
    const client = bench.client();
    const waiting = [follow(client.connected({ timeout: 100 })), follow(client.connected({ timeout: 5000 }))];
    await bench.clock.advance(100);
    expect(waiting.map(ending)).toEqual(["TIMEOUT -", "pending"]);
    const connecting = client.connect();
    await bench.peer.acceptConnect();
    await bench.clock.run(connecting);
    expect(ending(waiting[1] as Outcome<unknown>)).toBe("resolved");
    await bench.end(client);
  });

  it("ends a QoS 0 publish that waits for room", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    (connection.remote as FaultyLink).stall();
    const calls: Outcome<unknown>[] = [];
    while (calls.at(-1)?.status !== "pending") {
      calls.push(follow(client.publish("t", "x".repeat(100_000), { timeout: 50 })));
      await bench.clock.settle();
      if (calls.length > 100) throw new Error("Nothing ever waits");
    }
    await bench.clock.advance(50);
    expect(ending(calls.at(-1) as Outcome<unknown>)).toBe("TIMEOUT unknown");
    await bench.end(client);
  });

  it("ends subscribe and undoes it, even if SUBACK still comes", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = follow(client.subscribe("a", { timeout: 100 }));
    const { packetId } = await connection.expect(Subscribe);
    await bench.clock.advance(100);
    expect(ending(subscribing)).toBe("TIMEOUT unknown");
    await connection.expect(Unsubscribe);
    connection.send(suback(packetId, 0));
    await bench.clock.settle();
    expect(client.stats().subscriptionsActive).toBe(0);
    await bench.end(client);
  });

  it("ends the waiting for UNSUBACK; the subscription has ended all the same", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribe("a");
    await grant(connection);
    const subscription = await bench.clock.run(subscribing);
    const calls = [follow(subscription.unsubscribe({ timeout: 100 })), follow(subscription.unsubscribe())];
    await bench.clock.advance(100);
    expect(calls.map(ending)).toEqual(["TIMEOUT unknown", "pending"]);
    await confirm(connection);
    await bench.clock.settle();
    expect(calls.map(ending)).toEqual(["TIMEOUT unknown", "resolved"]);
    await bench.end(client);
  });

  it("ends dequeue, which then takes no message", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue("a");
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    const controller = new AbortController();
    const calls = [
      follow(queue.dequeue({ timeout: 100 })),
      follow(queue.dequeue({ timeout: 300 })),
      follow(queue.dequeue({ signal: controller.signal, timeout: 300 })),
    ];
    await bench.clock.advance(100);
    controller.abort();
    connection.send(publish("a", "x"));
    await bench.clock.settle();
    expect(calls.map(ending)).toEqual(["TIMEOUT -", "resolved", "ABORTED -"]);
    connection.send(publish("a", "y"));
    await bench.clock.settle();
    expect(queue.size).toBe(1);
    await bench.end(client);
  });

  it("that is not reached leaves no timer behind", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    const timeout = 60_000;
    const subscribing = client.subscribeQueue("a", { timeout });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    connection.send(publish("a", "x"));
    await bench.clock.run(queue.dequeue({ timeout }));
    const sent = client.publish("t", "", { qos: 1, timeout });
    await connection.expect(PacketType.Publish);
    connection.send(puback(1 + 1));
    await bench.clock.run(sent);
    const ended = queue.unsubscribe({ timeout });
    await confirm(connection);
    await bench.clock.run(ended);
    await bench.clock.run(client.connected({ timeout }));
    expect(bench.clock.pending).toBe(0);
    await bench.end(client);
  });

  it("that is no number of milliseconds is named", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue("a");
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    const timeout = "5" as never;
    const calls = [
      client.connect({ timeout }),
      client.connected({ timeout }),
      client.publish("t", "", { timeout }),
      client.subscribe("t", { timeout }),
      queue.dequeue({ timeout }),
      queue.unsubscribe({ timeout }),
    ].map((call: Promise<unknown>) => follow(call));
    await bench.clock.settle();
    expect(calls.map(({ error }) => [codeOf(error), (error as { field?: string }).field])).toEqual(
      calls.map(() => ["INVALID_FIELD", "timeout"]),
    );
    await connection.expectNone();
    await bench.end(client);
  });
});
