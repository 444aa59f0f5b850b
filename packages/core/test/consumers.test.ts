// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import type { Message } from "../src/index.js";
import { Bench, confirm, grant, puback, publish } from "./bench.js";

describe("zeroCopy [decision 8]", () => {
  it("hands a handler a view of what was received, and a message of its own without it [parity 153]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const seen: Message[] = [];
    const borrowing = client.subscribeCallback("a", (message) => void seen.push(message), { zeroCopy: true, qos: 1 });
    await grant(connection);
    await bench.clock.run(borrowing);
    const one = publish("a", "1", { qos: 1, packetId: 1 });
    connection.send(one, { ...one, packetId: 2 });
    await bench.clock.settle();
    // Both are views of the one chunk that brought them.
    expect(seen[0]?.payload.buffer).toBe(seen[1]?.payload.buffer);
    // The handler's return acked them: a second ack is harmless.
    await connection.expect(puback(1));
    await connection.expect(puback(2));
    seen[0]?.ack();
    await connection.expectNone({ within: 100 });
    // Another consumer of the same message: both get one that may be kept.
    const owning = client.subscribeQueue("a");
    await grant(connection);
    const queue = await bench.clock.run(owning);
    connection.send(publish("a", "2"), publish("a", "3"));
    await bench.clock.settle();
    expect(seen[2]?.payload.buffer).toBe(queue.tryDequeue()?.payload.buffer);
    expect(seen[2]?.payload.buffer).not.toBe(seen[3]?.payload.buffer);
    await bench.end(client);
  });

  it("copies what has to wait for an earlier call", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const seen: Message[] = [];
    const texts: string[] = [];
    const subscribing = client.subscribeCallback(
      "a",
      (message) => {
        seen.push(message);
        texts.push(message.text());
        return seen.length === 1 ? new Promise<void>((resolve) => void bench.clock.schedule(10, resolve)) : undefined;
      },
      { zeroCopy: true },
    );
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send(publish("a", "1"), publish("a", "2"));
    await bench.clock.advance(20);
    expect(texts).toEqual(["1", "2"]);
    expect(seen[0]?.payload.buffer).not.toBe(seen[1]?.payload.buffer);
    await bench.end(client);
  });
});

describe("a message that is not acked [decision 6]", () => {
  it("and holds up others is warned of once, after 30 s, with its topic and subscription", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    const calls = [client.subscribeQueue("a/#", { qos: 1 }), client.subscribeQueue("+/b", { qos: 1 })] as const;
    await grant(connection);
    await grant(connection);
    const [first, second] = [await bench.clock.run(calls[0]), await bench.clock.run(calls[1])];
    expect(client.stats().ackHeadAge).toBe(0);
    connection.send(publish("a/b", "1", { qos: 1, packetId: 1 }));
    await bench.clock.advance(40_000);
    expect(client.stats().ackHeadAge).toBe(40_000);
    expect(bench.log).toEqual([]); // nobody waits behind it
    first.tryDequeue()?.ack(); // the other one still holds it
    connection.send(publish("a/c", "2", { qos: 1, packetId: 2 }));
    await bench.clock.settle();
    expect(bench.log).toHaveLength(1);
    expect(bench.log[0]).toMatch(/a\/b for \+\/b has not been acked for 30 s; 1 wait behind it/);
    await bench.clock.advance(100_000);
    expect(bench.log).toHaveLength(1);
    second.tryDequeue()?.ack();
    await bench.clock.settle();
    expect(client.stats().ackHeadAge).toBe(100_000);
    first.tryDequeue()?.ack();
    expect(client.stats().ackHeadAge).toBe(0);
    await bench.end(client);
  });

  it("for less than 30 s, or with acks that come in time, is not", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ keepAlive: false });
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    for (let id = 1; id <= 8; id++) {
      connection.send(publish("a", "", { qos: 1, packetId: id }));
      await bench.clock.advance(9000);
      if (id > 2) queue.tryDequeue()?.ack();
    }
    expect(bench.log).toEqual([]);
    await bench.end(client);
  });

  it("is not of a client that has ended", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue("a", { qos: 1 });
    await grant(connection);
    await bench.clock.run(subscribing);
    connection.send(publish("a", "", { qos: 1, packetId: 1 }), publish("a", "", { qos: 1, packetId: 2 }));
    await bench.clock.settle();
    await bench.end(client); // says that no timer is left
    expect(bench.log).toEqual([]);
  });
});

describe("the counters of consumers", () => {
  it("say why messages were dropped, and how many were for nobody", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ maximumBufferedBytes: 2000 });
    const subscribing = client.subscribeQueue("a", { bufferSize: 2 });
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    connection.send(publish("a", "1"), publish("a", "2"), publish("a", "3"), publish("nobody", ""));
    await bench.clock.settle();
    queue.tryDequeue();
    connection.send(publish("a", "x".repeat(2000)), publish("a", "5"));
    await bench.clock.settle();
    const unsubscribing = queue.unsubscribe();
    await confirm(connection);
    await bench.clock.run(unsubscribing);
    expect(client.stats()).toMatchObject({
      inboundDropped: 4,
      inboundDroppedOverflow: 1,
      inboundDroppedMemory: 1,
      inboundDroppedUnsubscribed: 2,
      inboundUnmatched: 1,
    });
    await bench.end(client);
  });
});
