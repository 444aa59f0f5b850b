// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from "vitest";
import { Router } from "../src/subscribe/router.js";
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

  it("is found without a search, as are a thousand of more topics than are remembered, until others are asked for", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect();
    let received = 0;
    const subscribing = client.subscribeCallback("#", () => void received++);
    await grant(connection);
    await bench.clock.run(subscribing);
    const search = vi.spyOn(Router.prototype, "match");
    const searches = async (...topics: string[]): Promise<number> => {
      search.mockClear();
      received = 0;
      connection.send(...topics.map((topic) => publish(topic, "")));
      await bench.clock.settle();
      expect(received).toBe(topics.length);
      return search.mock.calls.length;
    };
    const some = Array.from({ length: 1024 }, (_, n) => `some/${n}`);
    const more = Array.from({ length: 1000 }, (_, n) => `more/${n}`);
    expect(await searches(...some)).toBe(1024);
    expect(await searches(...more)).toBe(1000);
    expect(await searches(...some)).toBe(0);
    expect(await searches("more/0", "more/1")).toBe(2);
    for (let pass = 0; pass < 17; pass++) await searches(...more);
    expect(await searches(...more)).toBe(0);
    search.mockRestore();
    await bench.end(client);
  });
});
