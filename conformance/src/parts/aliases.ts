// SPDX-License-Identifier: Apache-2.0
import { decode, PacketType, type Publish } from "@mqttv5/wire";
import { expect } from "vitest";
import type { CuttingProxy, Side } from "../cutting-proxy.js";
import { type Stage, take, texts } from "../stage.js";
import type { Check } from "../suite.js";

const COUNT = 50;
/** Long enough for an alias to be worth it. */
const LONG = `aliased/${"level/".repeat(20)}end`;

/** Topic aliases in both directions (section 3.3.2.3.4), as the link sees them. */
export function aliases(check: Check): void {
  check(
    "aliases of ours save most of a long topic's bytes, and no message loses its topic [MQTT-3.3.2-8]",
    async (stage) => {
      const [with_, without] = [await send(stage, true), await send(stage, false)];
      const saved = LONG.length * (COUNT - 1);
      expect(without - with_).toBeGreaterThan(saved);
      expect(with_).toBeLessThan(without / 4);
    },
  );

  check("QoS 1 and 2 carry no alias of ours, as what is sent again needs its topic", async (stage) => {
    const { client, proxy } = await stage.cuttable({ outboundTopicAliases: true });
    const queue = await client.subscribeQueue(stage.topic("#"), { qos: 2 });
    for (const qos of [0, 1, 2, 0, 1, 2] as const) await client.publish(stage.topic(LONG), "x", { qos });
    await take(queue, 6);
    const sent = publishes(proxy, "client");
    expect(sent.map(({ topic, topicAlias }) => [topic !== "", topicAlias])).toEqual([
      [true, 1],
      [true, 0],
      [true, 0],
      [false, 1],
      [true, 0],
      [true, 0],
    ]);
  });

  check("aliases of ours are set anew on every connection [MQTT-3.3.2-7]", async (stage) => {
    const { client, proxy } = await stage.cuttable({ outboundTopicAliases: true });
    const queue = await client.subscribeQueue(stage.topic("#"), { qos: 0 });
    await client.publish(stage.topic(LONG), "0");
    await client.publish(stage.topic(LONG), "1");
    expect(texts(await take(queue, 2))).toEqual(["0", "1"]);
    await proxy.cut();
    await client.connected();
    await client.publish(stage.topic(LONG), "2");
    await client.publish(stage.topic(LONG), "3");
    const messages = await take(queue, 2);
    expect(messages.map((message) => [message.topic, message.text()])).toEqual([
      [stage.topic(LONG), "2"],
      [stage.topic(LONG), "3"],
    ]);
    expect(publishes(proxy, "client").map(({ topic }) => topic !== "")).toEqual([true, false, true, false]);
  });

  check(
    "aliases of the broker save bytes as well, and no more of them are used than we allow [MQTT-3.1.2-26]",
    async (stage) => {
      const bytes: number[] = [];
      for (const topicAliasMaximum of [3, 0]) {
        const { client, proxy } = await stage.cuttable({ topicAliasMaximum });
        const queue = await client.subscribeQueue(stage.topic("#"));
        const publisher = await stage.client();
        for (let n = 0; n < COUNT; n++) await publisher.publish(stage.topic(`${LONG}/${n % 4}`), `${n % 4}`);
        for (const message of await take(queue, COUNT)) {
          expect(message.topic).toBe(stage.topic(`${LONG}/${message.text()}`));
        }
        const received = publishes(proxy, "broker");
        expect(Math.max(...received.map(({ topicAlias }) => topicAlias))).toBe(topicAliasMaximum); // [MQTT-3.1.2-27]
        bytes.push(sizeOf(proxy, "broker"));
      }
      expect(bytes[0]).toBeLessThan((bytes[1] as number) / 2);
    },
    "broker's topic aliases",
  );
}

/** Bytes of the PUBLISH packets that take the same messages to a subscriber who sees them all, with aliases and without. */
async function send(stage: Stage, outboundTopicAliases: boolean): Promise<number> {
  const { client, proxy } = await stage.cuttable({ outboundTopicAliases });
  const queue = await (await stage.client()).subscribeQueue(stage.topic("#"));
  for (let n = 0; n < COUNT; n++) await client.publish(stage.topic(LONG), `${n}`);
  const messages = await take(queue, COUNT);
  expect(texts(messages)).toEqual(Array.from({ length: COUNT }, (_, n) => `${n}`));
  for (const { topic } of messages) expect(topic).toBe(stage.topic(LONG));
  return sizeOf(proxy, "client");
}

function sizeOf({ packets }: CuttingProxy, side: Side): number {
  return packets
    .filter(({ from, type }) => from === side && type === PacketType.Publish)
    .reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function publishes({ packets }: CuttingProxy, side: Side): Publish[] {
  const sender = side === "client" ? "client" : "server";
  return packets
    .filter(({ from, type }) => from === side && type === PacketType.Publish)
    .map(({ bytes }) => decode(bytes, 0, bytes.length, { sender }) as Publish);
}
