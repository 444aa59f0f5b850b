// SPDX-License-Identifier: Apache-2.0
import { TestBroker, VirtualClock } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { Client, constantBackoff, type Message } from "../src/index.js";
import { codeOf, follow, type Outcome } from "./bench.js";
import { seeded } from "./session-bench.js";

describe("a client and a broker with links that break at random", () => {
  it("deliver everything at QoS 1, and exactly once at QoS 2, in order, over many seeds", async () => {
    for (let seed = 1; seed <= 8; seed++) expect(await wholeClient(seed)).toBeGreaterThan(2);
  });
});

async function wholeClient(seed: number): Promise<number> {
  const clock = new VirtualClock({ seed });
  const random = seeded(seed * 31_337);
  const broker = new TestBroker({ clock, receiveMaximum: 1 + Math.floor(random() * 5) });
  const make = (clientId: string, receiveMaximum: number): Client =>
    new Client({
      broker: "mqtt://test",
      clientId,
      transport: broker.transport({ latency: Math.floor(random() * 5) }),
      clock,
      receiveMaximum,
      reconnectBackoff: constantBackoff(10),
    });
  const sender = make("sender", 10);
  const receiver = make("receiver", 1 + Math.floor(random() * 5));
  await clock.run(Promise.all([sender.connect(), receiver.connect()]));
  const sub = await clock.run(receiver.subscribe("t/#", { qos: 2 }));
  const got: string[] = [];
  const held: Message[] = [];
  const loop = follow(
    (async () => {
      for await (const message of sub) {
        got.push(message.topic);
        held.push(message);
      }
    })(),
  );
  const sent: { topic: string; outcome: Outcome<unknown> }[] = [];
  let tries = 0;
  while (sent.length < 60 || sent.some(({ outcome }) => outcome.status === "pending")) {
    expect(++tries).toBeLessThan(5000);
    const choice = random();
    if (choice < 0.4 && sent.length < 60 && sender.state.status === "connected") {
      const qos = random() < 0.5 ? 1 : 2;
      const topic = `t/${qos}/${sent.length}`;
      sent.push({ topic, outcome: follow(sender.publish(topic, "x".repeat(Math.floor(random() * 200)), { qos })) });
    } else if (choice < 0.5 && tries < 500) {
      broker.drop(random() < 0.5 ? "sender" : "receiver");
    } else if (choice < 0.52 && tries < 500) {
      await clock.run(broker.restart({ downtime: Math.floor(random() * 30) }));
    } else if (choice < 0.8) {
      held.splice(Math.floor(random() * held.length), 1)[0]?.ack();
    }
    await clock.advance(Math.floor(random() * 4));
  }
  // The last ones: everything is acked and comes in.
  const accepted = sent.filter(({ outcome }) => outcome.status === "resolved").map(({ topic }) => topic);
  const refused = sent.filter(({ outcome }) => outcome.status === "rejected");
  expect(refused.map(({ outcome }) => codeOf(outcome.error)).filter((code) => code !== "NOT_CONNECTED")).toEqual([]);
  for (let round = 0; round < 1000 && new Set(got).size < accepted.length; round++) {
    for (const message of held.splice(0)) message.ack();
    await clock.advance(20);
  }
  expect([...new Set(got)].toSorted()).toEqual(accepted.toSorted());
  const twos = got.filter((topic) => topic.startsWith("t/2"));
  expect(twos.length).toBe(new Set(twos).size);
  // First arrivals come in the order of publishing.
  const order = [...new Set(got)].map((topic) => Number(topic.split("/")[2]));
  expect(order).toEqual(order.toSorted((one, other) => one - other));
  await clock.run(Promise.all([sender.disconnect(), receiver.disconnect()]));
  await clock.settle();
  expect(loop.status).toBe("resolved");
  expect([sender.stats().protocolErrors, receiver.stats().protocolErrors]).toEqual([0, 0]);
  return receiver.stats().connects;
}
