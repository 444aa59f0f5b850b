// SPDX-License-Identifier: Apache-2.0
import { type BrokerMessage, TestBroker, VirtualClock } from "@mqttv5/testing";
import { expect, test } from "vitest";
import { Client } from "../src/index.js";

test("a Will given as options leaves with all its properties", async () => {
  const clock = new VirtualClock();
  const broker = new TestBroker({ clock });
  const wills: BrokerMessage[] = [];
  broker.subscribe("will/#", (message) => void wills.push(message));
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answers",
    correlationData: new Uint8Array([7]),
    userProperties: [["k", "v"]],
  } as const;
  const client = new Client({
    broker: "mqtt://test",
    transport: broker.transport(),
    clock,
    will: { topic: "will/a", payload: "gone", qos: 1, retain: true, willDelayInterval: 0, ...properties },
  });
  await clock.run(client.connect());
  await clock.run(client.disconnect({ reasonCode: 0x04 }));
  await clock.settle();
  expect(wills).toMatchObject([{ topic: "will/a", qos: 1, retain: true, properties }]);
});
