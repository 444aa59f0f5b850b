// SPDX-License-Identifier: Apache-2.0
import type { MessageQueue } from "@mqttv5/core";
import { type DecodedPacket, decode, PacketType, type Publish, type DecodedSubscribe } from "@mqttv5/wire";
import { expect } from "vitest";
import type { CuttingProxy, Side } from "../cutting-proxy.js";
import { within } from "../patience.js";
import { next, take, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";

/** Several filters, overlapping filters, No Local, shared subscriptions, and the end of a subscription. */
export function subscriptions(check: Check): void {
  check(
    "one SUBSCRIBE with several filters is granted filter by filter [MQTT-3.8.4-5, MQTT-3.8.4-6, MQTT-3.9.3-1]",
    async (stage) => {
      const client = await stage.client();
      const queue = await client.subscribeQueue(
        [stage.topic("a"), { topic: stage.topic("b"), qos: 2 }, { topic: stage.topic("c/#"), qos: 0 }],
        { qos: 1 },
      );
      expect(queue.granted).toEqual([
        { filter: stage.topic("a"), reasonCode: 1 },
        { filter: stage.topic("b"), reasonCode: 2 },
        { filter: stage.topic("c/#"), reasonCode: 0 },
      ]);
      expect(queue.refused).toEqual([]);
      expect(client.stats().subscribesSent).toBe(1);
      for (const topic of ["a", "b", "c/d"]) await client.publish(stage.topic(topic), topic, { qos: 2 });
      expect((await take(queue, 3)).map(({ qos }) => qos).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    },
  );

  check(
    "overlapping subscriptions each get a message once [MQTT-3.3.4-3]",
    async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const queues = [
        await subscriber.subscribeQueue(stage.topic("a/#"), { qos: 1 }),
        await subscriber.subscribeQueue(stage.topic("a/+"), { qos: 1 }),
        await subscriber.subscribeQueue(stage.topic("a/b"), { qos: 1 }),
        await subscriber.subscribeQueue(stage.topic("a/b"), { qos: 1 }), // the same filter, a second time
      ];
      for (const text of ["0", "1", "end"]) await publisher.publish(stage.topic("a/b"), text, { qos: 1 });
      for (const queue of queues) expect(texts(await takeUntil(queue, "end"))).toEqual(["0", "1"]);
      // As many copies as a broker may send for these filters have come by now, if a later message has.
      const marker = await subscriber.subscribeQueue(stage.topic("marker"), { qos: 1 });
      await publisher.publish(stage.topic("marker"), "end", { qos: 1 });
      await takeUntil(marker, "end");
      expect(queues.map(({ size }) => size)).toEqual([0, 0, 0, 0]);
    },
    "overlapping subscriptions",
  );

  check(
    "overlapping subscriptions get the highest QoS among them [MQTT-3.3.4-2]",
    async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      await subscriber.subscribeQueue(stage.topic("a/#"), { qos: 0 });
      const queue = await subscriber.subscribeQueue(stage.topic("a/b"), { qos: 2 });
      await publisher.publish(stage.topic("a/b"), "x", { qos: 2 });
      expect((await next(queue)).qos).toBe(2);
    },
    "overlapping subscriptions",
  );

  check(
    "every SUBSCRIBE has an identifier of its own, which comes back with its messages [MQTT-3.3.4-3, MQTT-3.3.4-4]",
    async (stage) => {
      const { client, proxy } = await stage.cuttable();
      const one = await client.subscribeQueue(stage.topic("a/#"), { qos: 1 });
      const other = await client.subscribeQueue([stage.topic("b"), stage.topic("c")], { qos: 1 });
      for (const topic of ["a/x", "b", "c"]) await client.publish(stage.topic(topic), topic, { qos: 1 });
      expect(texts(await take(one, 1))).toEqual(["a/x"]);
      expect(texts(await take(other, 2))).toEqual(["b", "c"]);
      const asked = decoded(proxy, "client", PacketType.Subscribe) as DecodedSubscribe[];
      const [first, second] = asked.map(({ properties }) => properties.subscriptionIdentifier);
      expect([asked.length, typeof first, typeof second]).toEqual([2, "number", "number"]);
      expect(first).not.toBe(second);
      const came = decoded(proxy, "broker", PacketType.Publish) as Publish[];
      expect(came.map(({ properties }) => properties.subscriptionIdentifiers)).toEqual([[first], [second], [second]]);
    },
  );

  check("one subscription with overlapping filters is handed every PUBLISH once [MQTT-3.3.4-4]", async (stage) => {
    const [publisher, subscriber] = [await stage.client(), await stage.client()];
    const queue = await subscriber.subscribeQueue([stage.topic("a/#"), stage.topic("a/b")], { qos: 1 });
    await publisher.publish(stage.topic("a/b"), "x", { qos: 1 });
    await publisher.publish(stage.topic("a/c"), "end", { qos: 1 });
    const received = await takeUntil(queue, "end");
    // A broker may send a copy for each filter; nothing says which is which.
    expect(received.length).toBe(subscriber.stats().inboundPublishes - 1);
    expect([1, 2]).toContain(received.length);
  });

  check("with No Local a client does not get what it published itself [MQTT-3.8.3-3]", async (stage) => {
    const [one, other] = [await stage.client(), await stage.client()];
    const queue = await one.subscribeQueue(stage.topic("a"), { qos: 1, noLocal: true });
    await one.publish(stage.topic("a"), "own", { qos: 1 });
    await other.publish(stage.topic("a"), "foreign", { qos: 1 });
    await other.publish(stage.topic("a"), "end", { qos: 1 });
    expect(texts(await takeUntil(queue, "end"))).toEqual(["foreign"]);
    expect(one.stats().inboundPublishes).toBe(2);
  });

  check("after unsubscribe nothing more arrives [MQTT-3.10.4-1, MQTT-3.10.4-2, MQTT-3.10.4-4]", async (stage) => {
    const [publisher, subscriber] = [await stage.client(), await stage.client()];
    const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos: 1 });
    const marker = await subscriber.subscribeQueue(stage.topic("marker"), { qos: 1 });
    await publisher.publish(stage.topic("a"), "before", { qos: 1 });
    expect(texts(await take(queue, 1))).toEqual(["before"]);
    await within("UNSUBACK", queue.unsubscribe());
    expect(await queue.closed).toEqual({ reason: "unsubscribed" });
    await publisher.publish(stage.topic("a"), "after", { qos: 1 });
    await publisher.publish(stage.topic("marker"), "end", { qos: 1 });
    await takeUntil(marker, "end");
    expect(subscriber.stats()).toMatchObject({ inboundPublishes: 2, subscriptionsActive: 1 });
    expect(await queue.dequeue()).toBeUndefined();
  });

  check("a broker's subscription stays as long as one local subscription needs it", async (stage) => {
    const client = await stage.client();
    const [one, other] = [await client.subscribeQueue(stage.topic("a")), await client.subscribeQueue(stage.topic("a"))];
    await one.unsubscribe();
    expect(client.stats().unsubscribesSent).toBe(0);
    await client.publish(stage.topic("a"), "x");
    expect(texts(await take(other, 1))).toEqual(["x"]);
    await other.unsubscribe();
    expect(client.stats().unsubscribesSent).toBe(1);
  });

  check(
    "a shared subscription gives each message to one of its members",
    async (stage) => {
      const publisher = await stage.client();
      const members = await Promise.all(
        // An offline session would get its share too: these end with their connections.
        Array.from({ length: 3 }, () => stage.client({ sessionExpiryInterval: 0 })),
      );
      const filter = `$share/group/${stage.topic("#")}`;
      const queues = await Promise.all(members.map((member) => member.subscribeQueue(filter, { qos: 1 })));
      const everything = await publisher.subscribeQueue(stage.topic("#"), { qos: 1 });
      const sent = Array.from({ length: 60 }, (_, index) => `${index}`);
      await Promise.all(sent.map((text) => publisher.publish(stage.topic("a"), text, { qos: 1 })));
      expect(texts(await take(everything, sent.length))).toEqual(sent);
      const received = await collect(queues, sent.length);
      expect(received.flat().toSorted()).toEqual(sent.toSorted());
      for (const share of received) expect(share.length).toBeGreaterThan(0);
    },
    "shared subscriptions",
  );

  check(
    "two groups and an ordinary subscriber each get every message",
    async (stage) => {
      const client = await stage.client({ sessionExpiryInterval: 0 });
      const other = await stage.client({ sessionExpiryInterval: 0 });
      const queues = [
        await client.subscribeQueue(`$share/one/${stage.topic("a")}`, { qos: 1 }),
        await other.subscribeQueue(`$share/two/${stage.topic("a")}`, { qos: 1 }),
        await other.subscribeQueue(stage.topic("a"), { qos: 1 }),
      ];
      const publisher = await stage.client();
      for (const text of ["0", "1", "2", "end"]) await publisher.publish(stage.topic("a"), text, { qos: 1 });
      for (const queue of queues) expect(texts(await takeUntil(queue, "end"))).toEqual(["0", "1", "2"]);
    },
    "shared subscriptions",
  );

  check(
    "a member that leaves a group gets nothing more, and the rest get it all",
    async (stage) => {
      const publisher = await stage.client();
      const [one, other] = [
        await stage.client({ sessionExpiryInterval: 0 }),
        await stage.client({ sessionExpiryInterval: 0 }),
      ];
      const filter = `$share/group/${stage.topic("a")}`;
      const left = await one.subscribeQueue(filter, { qos: 1 });
      const stayed = await other.subscribeQueue(filter, { qos: 1 });
      await left.unsubscribe();
      const sent = ["0", "1", "2", "3"];
      for (const text of sent) await publisher.publish(stage.topic("a"), text, { qos: 1 });
      expect(texts(await take(stayed, sent.length))).toEqual(sent);
    },
    "shared subscriptions",
  );
}

function decoded({ packets }: CuttingProxy, side: Side, wanted: PacketType): DecodedPacket[] {
  return packets
    .filter(({ from, type }) => from === side && type === wanted)
    .map(({ bytes }) => decode(bytes, 0, bytes.length, { sender: side === "client" ? "client" : "server" }));
}

/** Takes from all queues until that many messages have come. */
async function collect(queues: readonly MessageQueue[], count: number): Promise<string[][]> {
  const stop = new AbortController();
  let missing = count;
  const shares = queues.map(async (queue) => {
    const share: string[] = [];
    for (;;) {
      const message = await queue.dequeue({ signal: stop.signal }).catch(() => undefined);
      if (message === undefined) return share;
      message.ack();
      share.push(message.text());
      if (--missing === 0) stop.abort();
    }
  });
  try {
    return await within("the messages of the group", Promise.all(shares));
  } finally {
    stop.abort();
  }
}
