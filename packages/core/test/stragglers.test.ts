// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import type { SubscribeCallbackOptions } from "../src/index.js";
import { Bench, confirm, grant, publish } from "./bench.js";

const LATE = "A message handler has not finished 5 s after its subscription ended";

/** A client with a handler whose calls the test ends. */
async function handled(options: SubscribeCallbackOptions = {}) {
  const bench = new Bench();
  const finish: (() => void)[] = [];
  const { client, connection } = await bench.connect({ keepAlive: false });
  const subscribing = client.subscribeCallback(
    "t/#",
    () => new Promise<void>((resolve) => finish.push(resolve)),
    options,
  );
  await grant(connection);
  const subscription = await bench.clock.run(subscribing);
  return { bench, client, connection, subscription, finish };
}

describe("a handler that goes on after the client disconnected", () => {
  it("holds up neither disconnect nor the process, and is warned of once, after 5 s [parity 171]", async () => {
    const { bench, client, connection, finish } = await handled({ concurrency: 3 });
    connection.send(publish("t/1", "a"), publish("t/2", "b"), publish("t/3", "c"));
    await bench.clock.settle();
    expect(finish).toHaveLength(3);
    await bench.end(client); // no timer that anybody would wait for
    finish[0]?.();
    await bench.clock.advance(4999);
    expect(bench.log).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.log).toEqual([LATE]);
    finish[1]?.();
    await bench.clock.advance(60_000);
    expect(bench.log).toEqual([LATE]);
  });

  it("is not warned of if it ends in time, or had ended before [parity 171]", async () => {
    for (const when of [-1, 4999]) {
      const { bench, client, connection, finish } = await handled({ concurrency: 2 });
      connection.send(publish("t/1", "a"), publish("t/2", "b"));
      await bench.clock.settle();
      if (when >= 0) await bench.end(client);
      await bench.clock.advance(Math.max(0, when));
      for (const resolve of finish) resolve();
      await bench.clock.settle();
      if (when < 0) await bench.end(client);
      await bench.clock.advance(60_000);
      expect(bench.log).toEqual([]);
    }
  });

  it("may also have been left behind by unsubscribe", async () => {
    const { bench, client, connection, subscription } = await handled();
    connection.send(publish("t/1", "a"));
    await bench.clock.settle();
    const leaving = subscription.unsubscribe();
    await confirm(connection);
    await bench.clock.run(leaving);
    await bench.clock.advance(5000);
    expect(bench.log).toEqual([LATE]);
    await bench.end(client);
  });
});
