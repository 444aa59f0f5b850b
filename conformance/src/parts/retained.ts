// SPDX-License-Identifier: Apache-2.0
import type { SubscribeOptions } from "@mqttv5/core";
import { expect } from "vitest";
import { next, type Stage, take, takeUntil } from "../stage.js";
import type { Check } from "../suite.js";

/** Messages the broker keeps (section 3.3.1.3) and how a subscriber asks for them (section 3.8.3.1). */
export function retained(check: Check): void {
  check(
    "a retained message is kept for later subscribers, with all its properties [MQTT-3.3.1-5, MQTT-3.3.1-9]",
    async (stage) => {
      const publisher = await stage.client();
      const properties = { contentType: "text/plain", userProperties: [["k", "v"]] as const };
      await publisher.publish(stage.topic("a"), "kept", { qos: 1, retain: true, ...properties });
      const queue = await (await stage.client()).subscribeQueue(stage.topic("+"), { qos: 1 });
      const message = await next(queue);
      expect(message).toMatchObject({ topic: stage.topic("a"), retain: true, qos: 1 });
      expect(message.text()).toBe("kept");
      expect(message.properties.contentType).toBe("text/plain");
      expect(message.properties.userProperties).toEqual([["k", "v"]]);
      await publisher.publish(stage.topic("a"), "", { qos: 1, retain: true });
    },
  );

  check(
    "a newer retained message replaces it, and an ordinary one does not [MQTT-3.3.1-5, MQTT-3.3.1-8]",
    async (stage) => {
      const publisher = await stage.client();
      await publisher.publish(stage.topic("a"), "old", { qos: 1, retain: true });
      await publisher.publish(stage.topic("a"), "new", { qos: 1, retain: true });
      await publisher.publish(stage.topic("a"), "ordinary", { qos: 1 });
      expect(await keptFor(stage)).toEqual(["new"]);
    },
  );

  check("an empty retained message removes it, and is not kept itself [MQTT-3.3.1-6, MQTT-3.3.1-7]", async (stage) => {
    const publisher = await stage.client();
    await publisher.publish(stage.topic("a"), "kept", { qos: 1, retain: true });
    expect(await keptFor(stage)).toEqual(["kept"]);
    await publisher.publish(stage.topic("a"), "", { qos: 1, retain: true });
    expect(await keptFor(stage)).toEqual([]);
  });

  check("a subscriber that is there already sees RETAIN 0 [MQTT-3.3.1-12]", async (stage) => {
    const client = await stage.client();
    const queue = await client.subscribeQueue(stage.topic("a"), { qos: 1 });
    await client.publish(stage.topic("a"), "x", { qos: 1, retain: true });
    expect((await next(queue)).retain).toBe(false);
  });

  check("with Retain As Published the flag stays as it was published [MQTT-3.3.1-13]", async (stage) => {
    const client = await stage.client();
    const queue = await client.subscribeQueue(stage.topic("a"), { qos: 1, retainAsPublished: true });
    await client.publish(stage.topic("a"), "1", { qos: 1, retain: true });
    await client.publish(stage.topic("a"), "2", { qos: 1 });
    expect((await take(queue, 2)).map(({ retain }) => retain)).toEqual([true, false]);
  });

  check("Retain Handling 0 brings what is kept, to a repeated subscription as well [MQTT-3.8.4-4]", async (stage) => {
    const client = await keeping(stage);
    const options = { qos: 1, retainHandling: 0 } as const;
    const first = await client.subscribeQueue(stage.topic("a"), options);
    expect((await next(first)).text()).toBe("kept");
    const second = await client.subscribeQueue(stage.topic("a"), options);
    expect((await next(second)).text()).toBe("kept");
    expect(first.size).toBe(0); // the first one had it already
  });

  check("Retain Handling 1 brings what is kept only if the subscription is new [MQTT-3.3.1-10]", async (stage) => {
    const client = await keeping(stage);
    const options = { qos: 1, retainHandling: 1 } as const;
    const first = await client.subscribeQueue(stage.topic("a"), options);
    expect((await next(first)).text()).toBe("kept");
    const second = await client.subscribeQueue(stage.topic("a"), options);
    await client.publish(stage.topic("a"), "end", { qos: 1 });
    expect(await takeUntil(second, "end")).toEqual([]);
  });

  check("Retain Handling 2 brings nothing that is kept [MQTT-3.3.1-11]", async (stage) => {
    const client = await keeping(stage);
    expect(await keptFor(stage, { retainHandling: 2 })).toEqual([]);
    expect(await keptFor(stage, { retainHandling: 0 })).toEqual(["kept"]);
    expect(client.state.status).toBe("connected");
  });

  check("many retained messages all come with one subscription", async (stage) => {
    const publisher = await stage.client();
    const names = Array.from({ length: 50 }, (_, index) => `${index}`);
    await Promise.all(names.map((name) => publisher.publish(stage.topic(name), name, { qos: 1, retain: true })));
    const queue = await (await stage.client()).subscribeQueue(stage.topic("+"), { qos: 2 });
    const received = await take(queue, names.length);
    expect(received.map((message) => message.text()).toSorted()).toEqual(names.toSorted());
    expect(received.every(({ retain }) => retain)).toBe(true);
  });

  check(
    "a shared subscription is brought nothing that is kept",
    async (stage) => {
      await keeping(stage);
      const client = await stage.client({ sessionExpiryInterval: 0 });
      const queue = await client.subscribeQueue(`$share/group/${stage.topic("a")}`, { qos: 1 });
      await client.publish(stage.topic("a"), "end", { qos: 1 });
      expect(await takeUntil(queue, "end")).toEqual([]);
    },
    "no kept messages for shared subscriptions",
  );
}

/** A client for whose topic `a` the broker keeps a message. */
async function keeping(stage: Stage): ReturnType<Stage["client"]> {
  const client = await stage.client();
  await client.publish(stage.topic("a"), "kept", { qos: 1, retain: true });
  return client;
}

/** What a new subscriber to the topic `a` is brought. */
async function keptFor(stage: Stage, options: SubscribeOptions = {}): Promise<string[]> {
  const client = await stage.client();
  const queue = await client.subscribeQueue(stage.topic("a"), { qos: 1, ...options });
  await client.publish(stage.topic("a"), "end", { qos: 1 });
  const messages = await takeUntil(queue, "end");
  for (const message of messages) expect(message.retain).toBe(true);
  await client.disconnect({ sessionExpiryInterval: 0 });
  return messages.map((message) => message.text());
}
