// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { Client, MemorySessionStore } from "../src/index.js";
import { BrokerBench, collect } from "./bench.js";

test("a restarted consumer with nothing in flight receives all 100 messages that the broker queued [decision 11]", async () => {
  const bench = new BrokerBench();
  const { clock, broker } = bench;
  const store = new MemorySessionStore();
  const first = await bench.connect({ store });
  await clock.run(first.subscribe("a", { qos: 1 }));
  broker.drop("client"); // the process dies
  await clock.run(first.disconnect());
  for (let n = 0; n < 100; n++) broker.publish("a", `${n}`, { qos: 1 });

  const second = new Client({
    broker: "mqtt://test",
    clientId: "client",
    transport: broker.transport(),
    clock,
    store: store.reopened(),
  });
  const { got } = collect(await second.subscribe("a", { qos: 1 }));
  expect(await clock.run(second.connect())).toMatchObject({ sessionPresent: true });
  await clock.advance(1000);
  expect(got).toEqual(Array.from({ length: 100 }, (_, n) => `a=${n}`));
  await clock.run(second.disconnect());
});
