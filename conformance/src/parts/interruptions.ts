// SPDX-License-Identifier: Apache-2.0
import { type Client, PacketType, type QoS } from "@mqttv5/core";
import { expect } from "vitest";
import type { SeenPacket, Step } from "../cutting-proxy.js";
import { within } from "../patience.js";
import { type Stage, take, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";

interface Interruption {
  /** What the other side has seen when the link is cut. */
  readonly title: string;
  /** The packet that is lost. */
  readonly lost: Step;
}

const publishing: Readonly<Record<1 | 2, readonly Interruption[]>> = {
  1: [
    { title: "before the broker has the PUBLISH", lost: { from: "client", type: PacketType.Publish } },
    { title: "after the broker has the PUBLISH", lost: { from: "broker", type: PacketType.Puback } },
  ],
  2: [
    { title: "before the broker has the PUBLISH", lost: { from: "client", type: PacketType.Publish } },
    { title: "after the broker has the PUBLISH", lost: { from: "broker", type: PacketType.Pubrec } },
    { title: "after the client has the PUBREC", lost: { from: "client", type: PacketType.Pubrel } },
    { title: "after the broker has the PUBREL", lost: { from: "broker", type: PacketType.Pubcomp } },
  ],
};

const receiving: Readonly<Record<1 | 2, readonly Interruption[]>> = {
  1: [
    { title: "before the client has the PUBLISH", lost: { from: "broker", type: PacketType.Publish } },
    { title: "after the client has the PUBLISH", lost: { from: "client", type: PacketType.Puback } },
  ],
  2: [
    { title: "before the client has the PUBLISH", lost: { from: "broker", type: PacketType.Publish } },
    { title: "after the client has the PUBLISH", lost: { from: "client", type: PacketType.Pubrec } },
    { title: "after the broker has the PUBREC", lost: { from: "broker", type: PacketType.Pubrel } },
    { title: "after the client has the PUBREL", lost: { from: "client", type: PacketType.Pubcomp } },
  ],
};

const promises = { 1: "at least once", 2: "exactly once" } as const;
const citations = { 1: "[MQTT-4.3.2-3, MQTT-4.4.0-1]", 2: "[MQTT-4.3.3-3, MQTT-4.3.3-5, MQTT-4.4.0-1]" } as const;

/** The link is cut in the middle of an exchange, in both directions, at every step (sections 4.3, 4.4). */
export function interruptions(check: Check): void {
  for (const qos of [1, 2] as const) {
    for (const { title, lost } of publishing[qos]) {
      check(`publishing at QoS ${qos}, cut ${title}, delivers ${promises[qos]} ${citations[qos]}`, (stage) =>
        cutWhilePublishing(stage, qos, lost),
      );
    }
    for (const { title, lost } of receiving[qos]) {
      check(`receiving at QoS ${qos}, cut ${title}, delivers ${promises[qos]} ${citations[qos]}`, (stage) =>
        cutWhileReceiving(stage, qos, lost),
      );
    }
  }

  check("300 messages at QoS 1 arrive at least once over links that are cut again and again", async (stage) => {
    const received = await throughManyCuts(stage, 1);
    expect([...new Set(received)].toSorted()).toEqual(NUMBERS.toSorted());
  });

  check(
    "300 messages at QoS 2 arrive exactly once over links that are cut again and again",
    async (stage) => {
      const received = await throughManyCuts(stage, 2);
      expect(received.toSorted()).toEqual(NUMBERS.toSorted());
    },
    "exactly once with many in flight",
  );

  check(
    "300 messages at QoS 2 keep their order over links that are cut again and again [MQTT-4.6.0-1]",
    async (stage) => {
      expect(await throughManyCuts(stage, 2)).toEqual(NUMBERS);
    },
    "order of resent messages",
  );

  check("many exchanges at once survive a cut, and none is answered twice", async (stage) => {
    const { client: publisher, proxy } = await stage.cuttable();
    const subscriber = await stage.client();
    const queue = await subscriber.subscribeQueue(stage.topic("n"), { qos: 2 });
    await anchor(stage, publisher);
    const cut = proxy.cutAt({ from: "broker", type: PacketType.Pubcomp }, 5);
    const published = NUMBERS.map((text) => publisher.publish(stage.topic("n"), text, { qos: 2 }));
    await cut;
    await within("all acknowledgements", Promise.all(published));
    await subscriber.publish(stage.topic("n"), "end", { qos: 2 });
    expect(texts(await takeUntil(queue, "end")).toSorted()).toEqual(NUMBERS.toSorted());
    expect(publisher.stats()).toMatchObject({ publishesInflight: 0, publishesAcked: NUMBERS.length });
  });
}

const NUMBERS: readonly string[] = Array.from({ length: 300 }, (_, index) => String(index));

async function cutWhilePublishing(stage: Stage, qos: 1 | 2, lost: Step): Promise<void> {
  const { client: publisher, proxy } = await stage.cuttable();
  const subscriber = await stage.client();
  const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos: 2 });
  await anchor(stage, publisher);
  const cut = proxy.cutAt(lost);
  const published = publisher.publish(stage.topic("a"), "x", { qos });
  await cut;
  await within("the acknowledgement", published);
  expect(publisher.serverInfo?.sessionPresent).toBe(true);
  await publisher.publish(stage.topic("a"), "end", { qos });
  expectDelivered(qos, texts(await takeUntil(queue, "end")));
  expect(proxy.connections).toBe(2);
  // On the link: a PUBLISH sent again says so, and none is sent again once its PUBREL was [MQTT-3.3.1-1, MQTT-4.3.3-6].
  const again = lost.type === PacketType.Publish || lost.type === PacketType.Puback || lost.type === PacketType.Pubrec;
  const publishes = proxy.packets.filter(({ from, type }) => from === "client" && type === PacketType.Publish);
  expect(publishes.map(isDuplicate)).toEqual(again ? [false, true, false] : [false, false]);
}

async function cutWhileReceiving(stage: Stage, qos: 1 | 2, lost: Step): Promise<void> {
  const { client: subscriber, proxy } = await stage.cuttable();
  const publisher = await stage.client();
  const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos: 2 });
  const cut = proxy.cutAt(lost);
  await publisher.publish(stage.topic("a"), "x", { qos });
  const first = take(queue, 1); // acks it: without that the exchange would not go on
  await cut;
  await within("the connection", subscriber.connected());
  expect(subscriber.serverInfo?.sessionPresent).toBe(true);
  await publisher.publish(stage.topic("a"), "end", { qos });
  expectDelivered(qos, [...texts(await first), ...texts(await takeUntil(queue, "end"))]);
  expect(proxy.connections).toBe(2);
}

function expectDelivered(qos: QoS, received: readonly string[]): void {
  expect(received[0]).toBe("x");
  if (qos === 2) expect(received).toEqual(["x"]);
  expect(received.length).toBeLessThanOrEqual(2); // QoS 1: one more, and no third one
}

/** Publisher and subscriber lose their links several times, at different steps. Gives what arrived. */
async function throughManyCuts(stage: Stage, qos: 1 | 2): Promise<string[]> {
  const { client: publisher, proxy: outward } = await stage.cuttable();
  const { client: subscriber, proxy: inward } = await stage.cuttable();
  const queue = await subscriber.subscribeQueue(stage.topic("n"), { qos });
  await anchor(stage, publisher);
  const received: string[] = [];
  // All of them and the last one, in whatever order.
  const missing = new Set([...NUMBERS, "end"]);
  const arriving = (async () => {
    while (missing.size > 0) {
      const message = await queue.dequeue();
      if (message === undefined) return;
      message.ack();
      missing.delete(message.text());
      if (message.text() !== "end") received.push(message.text());
    }
  })();
  const steps = [...publishing[qos], ...receiving[qos]].map(({ lost }) => lost);
  const batch = Math.ceil(NUMBERS.length / steps.length);
  for (const [index, step] of steps.entries()) {
    // A step of the publisher's exchange on its link, one of the subscriber's on the other.
    const proxy = index < publishing[qos].length ? outward : inward;
    const cut = proxy.cutAt(step, 3 + index);
    const texts = NUMBERS.slice(index * batch, (index + 1) * batch);
    const published = Promise.all(texts.map((text) => publisher.publish(stage.topic("n"), text, { qos })));
    await cut;
    await within("the acknowledgements", published);
    await within("the connections", Promise.all([publisher.connected(), subscriber.connected()]));
  }
  await publisher.publish(stage.topic("n"), "end", { qos });
  await within("all messages", arriving);
  expect(publisher.stats().connects).toBe(1 + publishing[qos].length);
  expect(subscriber.stats().connects).toBe(1 + receiving[qos].length);
  return received;
}

/** Some brokers keep a session only for a client that subscribed; whether they do is another test's matter. */
async function anchor(stage: Stage, client: Client): Promise<void> {
  await client.subscribeQueue(stage.topic("anchor"));
}

function isDuplicate({ bytes }: SeenPacket): boolean {
  return ((bytes[0] as number) & 0x08) !== 0;
}
