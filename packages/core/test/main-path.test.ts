// SPDX-License-Identifier: Apache-2.0
import { TestBroker, VirtualClock } from "@mqttv5/testing";
import { expect, test } from "vitest";
import { Client } from "../src/index.js";

test("a message goes out and comes back at every QoS", async () => {
  const clock = new VirtualClock();
  const broker = new TestBroker({ clock });
  const client = new Client({ broker: "mqtt://test", transport: broker.transport(), clock });
  const connecting = client.connect();
  await clock.settle();
  const info = await connecting;
  expect(info.sessionPresent).toBe(false);
  const subscribing = client.subscribe("a/#", { qos: 2 });
  await clock.settle();
  const sub = await subscribing;
  expect(sub.granted).toEqual([{ filter: "a/#", reasonCode: 2 }]);
  const got: string[] = [];
  const loop = (async () => {
    for await (const m of sub) {
      got.push(`${m.topic} ${m.text()} ${m.qos}`);
      m.ack();
    }
  })();
  const sent = [0, 1, 2].map((qos) => client.publish(`a/${qos}`, "hi", { qos: qos as 0 | 1 | 2 }));
  await clock.settle();
  expect(await Promise.all(sent)).toMatchObject([{ reasonCode: 0 }, { reasonCode: 0 }, { reasonCode: 0 }]);
  const bye = client.disconnect();
  await clock.advance(1000);
  await bye;
  await loop;
  expect(got.toSorted()).toEqual(["a/0 hi 0", "a/1 hi 1", "a/2 hi 2"]);
});
