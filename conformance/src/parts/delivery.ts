// SPDX-License-Identifier: Apache-2.0
import { type Client, PacketType, type QoS } from "@mqttv5/core";
import { expect } from "vitest";
import type { SeenPacket } from "../cutting-proxy.js";
import { within } from "../patience.js";
import { next, take, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";

const levels: readonly QoS[] = [0, 1, 2];
const numbers: readonly string[] = Array.from({ length: 1_000 }, (_, index) => String(index));

/** Every QoS in both directions, order, and the send quota. */
export function delivery(check: Check): void {
  for (const granted of levels) {
    check(`what is published at QoS 0, 1 and 2 arrives at QoS ${granted} at most [MQTT-3.8.4-8]`, async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos: granted });
      expect(queue.granted).toEqual([{ filter: stage.topic("a"), reasonCode: granted }]);
      for (const qos of levels) {
        const result = await within("the answer", publisher.publish(stage.topic("a"), `at ${qos}`, { qos }));
        expect(result.reasonCode).toBe(0);
        const [message] = await take(queue, 1);
        expect(message).toMatchObject({
          topic: stage.topic("a"),
          qos: Math.min(qos, granted),
          retain: false,
          duplicate: false,
        });
        expect(message?.text()).toBe(`at ${qos}`);
      }
    });
  }

  check("a client receives what it publishes itself", async (stage) => {
    const client = await stage.client();
    const queue = await client.subscribeQueue(stage.topic("#"), { qos: 2 });
    await Promise.all(levels.map((qos) => client.publish(stage.topic(`${qos}`), `${qos}`, { qos })));
    expect(texts(await take(queue, 3)).toSorted()).toEqual(["0", "1", "2"]);
  });

  check("publishing to nobody succeeds at every QoS", async (stage) => {
    const client = await stage.client();
    for (const qos of levels) {
      const { reasonCode } = await within("the answer", client.publish(stage.topic("nobody"), "x", { qos }));
      expect([0x00, 0x10]).toContain(reasonCode);
    }
  });

  for (const qos of levels) {
    check(`1,000 numbered messages at QoS ${qos} arrive in order [MQTT-4.6.0-5, MQTT-4.6.0-6]`, async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const queue = await subscriber.subscribeQueue(stage.topic("n"), { qos });
      const published = Promise.all(numbers.map((text) => publisher.publish(stage.topic("n"), text, { qos })));
      expect(texts(await take(queue, numbers.length))).toEqual(numbers);
      await within("all acknowledgements", published);
      expect(publisher.stats()).toMatchObject({ publishesInflight: 0, publishesReplayed: 0 });
    });
  }

  check(
    "1,000 publishes at once keep to the broker's Receive Maximum [MQTT-3.3.4-7, MQTT-4.9.0-2]",
    async (stage) => {
      const { client, proxy } = await stage.cuttable();
      const limit = client.serverInfo?.receiveMaximum ?? 0;
      expect(limit).toBeLessThan(numbers.length);
      const all = numbers.map((text, index) =>
        client.publish(stage.topic("n"), text, { qos: index % 2 === 0 ? 1 : 2 }),
      );
      await within("all acknowledgements", Promise.all(all));
      expect(mostInFlight(proxy.packets)).toBe(limit);
      expect(client.stats()).toMatchObject({ publishesAcked: numbers.length, publishesInflight: 0, sendQuota: limit });
    },
    "server's Receive Maximum",
  );

  check(
    "the broker keeps to the client's Receive Maximum [MQTT-3.3.4-9]",
    async (stage) => {
      const { client: subscriber, proxy } = await stage.cuttable({ receiveMaximum: 3 });
      const publisher = await stage.client();
      const queue = await subscriber.subscribeQueue(stage.topic("n"), { qos: 2 });
      for (let index = 0; index < 20; index++) {
        await publisher.publish(stage.topic("n"), `${index}`, { qos: index % 2 === 0 ? 1 : 2 });
      }
      expect(texts(await take(queue, 20)).toSorted()).toEqual(numbers.slice(0, 20).toSorted());
      expect(mostInFlight(proxy.packets, "broker")).toBeLessThanOrEqual(3);
    },
    "client's Receive Maximum",
  );

  check(
    "without acknowledgements the broker waits at Receive Maximum, and goes on with each",
    async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client({ receiveMaximum: 2 })];
      const queue = await subscriber.subscribeQueue(stage.topic("n"), { qos: 1 });
      await Promise.all([0, 1, 2, 3].map((index) => publisher.publish(stage.topic("n"), `${index}`, { qos: 1 })));
      const [first, second] = [await next(queue), await next(queue)];
      await roundTrip(subscriber, stage.topic("elsewhere"));
      expect([queue.size, first.text(), second.text()]).toEqual([0, "0", "1"]);
      first.ack();
      const third = await next(queue);
      await roundTrip(subscriber, stage.topic("elsewhere"));
      expect([queue.size, third.text()]).toEqual([0, "2"]);
      second.ack();
      third.ack();
      expect(texts(await take(queue, 1))).toEqual(["3"]);
    },
    "client's Receive Maximum",
  );

  check("acknowledgements leave in the order of arrival, whatever the order of ack() [MQTT-4.6.0-2]", async (stage) => {
    const { client: subscriber, proxy } = await stage.cuttable();
    const publisher = await stage.client();
    const queue = await subscriber.subscribeQueue(stage.topic("n"), { qos: 1 });
    for (const text of ["0", "1", "2"]) await publisher.publish(stage.topic("n"), text, { qos: 1 });
    const messages = [await next(queue), await next(queue), await next(queue)];
    const third = proxy.passed({ from: "client", type: PacketType.Puback }, 3);
    for (const message of messages.toReversed()) message.ack();
    await third;
    const identifiers = (from: "client" | "broker", type: PacketType) =>
      proxy.packets.filter((packet) => packet.from === from && packet.type === type).map(packetId);
    expect(identifiers("client", PacketType.Puback)).toEqual(identifiers("broker", PacketType.Publish));
  });

  check("consumers that iterate, pull and handle all see every message", async (stage) => {
    const client = await stage.client();
    const handled: string[] = [];
    const filter = stage.topic("n");
    const subscription = await client.subscribe(filter, { qos: 1 });
    const queue = await client.subscribeQueue(filter, { qos: 1 });
    await client.subscribeCallback(filter, (message) => void handled.push(message.text()), { qos: 1 });
    for (const text of ["0", "1", "2"]) await client.publish(filter, text, { qos: 1 });
    await client.publish(filter, "end", { qos: 1 });
    expect(texts(await takeUntil(queue, "end"))).toEqual(["0", "1", "2"]);
    const iterated: string[] = [];
    for await (const message of subscription) {
      message.ack();
      if (message.text() === "end") break;
      iterated.push(message.text());
    }
    expect(iterated).toEqual(["0", "1", "2"]);
    expect(handled).toEqual(["0", "1", "2", "end"]);
  });
}

/** A message to itself: what the broker had to send before has arrived when it is back. */
async function roundTrip(client: Client, topic: string): Promise<void> {
  const queue = await within("SUBACK", client.subscribeQueue(topic));
  await client.publish(topic);
  await take(queue, 1);
  await within("UNSUBACK", queue.unsubscribe());
}

function packetId({ bytes, type }: SeenPacket): number {
  const lengthBytes = bytes.slice(1).findIndex((byte) => byte < 0x80) + 1;
  const header = 1 + lengthBytes;
  const at = type === PacketType.Publish ? header + 2 + uint16(bytes, header) : header;
  return uint16(bytes, at);
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** The most QoS 1 and 2 messages of one side that were unanswered at a time, as the link saw it. */
function mostInFlight(packets: readonly SeenPacket[], sender: "client" | "broker" = "client"): number {
  const open = new Set<number>();
  let most = 0;
  for (const packet of packets) {
    const { type, from, bytes } = packet;
    if (from === sender && type === PacketType.Publish && ((bytes[0] as number) & 0x06) !== 0)
      open.add(packetId(packet));
    if (from !== sender && (type === PacketType.Puback || type === PacketType.Pubcomp)) open.delete(packetId(packet));
    most = Math.max(most, open.size);
  }
  return most;
}
