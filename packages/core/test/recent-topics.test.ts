// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Bench, confirm, grant, publish } from "./bench.js";

// Who gets a topic is remembered; every change of the subscriptions must be seen by the next message.
describe("a topic that came before", () => {
  it("goes to who subscribed since, and not to who left", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const first = client.subscribeQueue("a/+");
    await grant(connection);
    const wide = await bench.clock.run(first);
    const arrive = async (topic: string): Promise<void> => {
      connection.send(publish(topic, "x"));
      await bench.clock.settle();
    };
    await arrive("a/b");
    await arrive("a/b");
    expect([wide.size, client.stats().inboundUnmatched]).toEqual([2, 0]);

    const second = client.subscribeQueue(["a/b", "$share/g/a/+"]);
    await grant(connection, 0, 0);
    const exact = await bench.clock.run(second);
    await arrive("a/b");
    expect([wide.size, exact.size]).toEqual([3, 1]);

    const leaving = wide.unsubscribe();
    await confirm(connection);
    await bench.clock.run(leaving);
    await arrive("a/b");
    expect(exact.size).toBe(2);

    const gone = exact.unsubscribe();
    await confirm(connection, 0, 0);
    await bench.clock.run(gone);
    await arrive("a/b");
    expect(client.stats().inboundUnmatched).toBe(1);
    await bench.end(client);
  });

  it("costs no memory when there are many: thousands of topics, long ones, and the first again", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    const subscribing = client.subscribeQueue("#");
    await grant(connection);
    const queue = await bench.clock.run(subscribing);
    const topics = Array.from({ length: 3000 }, (_, n) => (n % 500 === 0 ? `long/${"x".repeat(400)}/${n}` : `t/${n}`));
    for (const topic of [...topics, ...topics]) connection.send(publish(topic, ""));
    await bench.clock.settle();
    for (const topic of [...topics, ...topics]) expect(queue.tryDequeue()?.topic).toBe(topic);
    await bench.end(client);
  });
});
