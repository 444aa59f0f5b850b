// SPDX-License-Identifier: Apache-2.0
import type { MessageQueue, WillOptions } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import { next, type Stage, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";

/** The message that a client leaves behind (section 3.1.2.5). */
export function wills(check: Check): void {
  check("a lost connection publishes the Will, with its properties [MQTT-3.1.2-8, MQTT-3.1.3-10]", async (stage) => {
    const queue = await watch(stage);
    const will: WillOptions = {
      topic: stage.topic("will"),
      payload: "gone",
      qos: 1,
      contentType: "text/plain",
      responseTopic: stage.topic("answers"),
      correlationData: new Uint8Array([7]),
      payloadFormatIndicator: 1,
      userProperties: [
        ["b", "1"],
        ["a", "2"],
        ["c", "3"],
      ],
    };
    const { proxy } = await stage.cuttable({ will, onConnectionDown: () => false });
    await proxy.cut();
    const message = await next(queue);
    expect(message).toMatchObject({ topic: stage.topic("will"), qos: 1, retain: false }); // [MQTT-3.1.2-14]
    expect(message.text()).toBe("gone");
    expect(message.properties.contentType).toBe("text/plain");
    expect(message.properties.responseTopic).toBe(stage.topic("answers"));
    expect([...(message.properties.correlationData ?? [])]).toEqual([7]);
    expect(message.properties.userProperties).toEqual(will.userProperties);
  });

  check("a normal disconnect publishes no Will [MQTT-3.1.2-10, MQTT-3.14.4-3]", async (stage) => {
    const queue = await watch(stage);
    const { client, proxy } = await stage.cuttable({ will: { topic: stage.topic("will"), payload: "gone", qos: 1 } });
    await client.disconnect();
    await proxy.idle(); // the broker has read the DISCONNECT, and what follows from it
    await publishEnd(stage);
    expect(await takeUntil(queue, "end")).toEqual([]);
  });

  check("DISCONNECT with 0x04 publishes the Will", async (stage) => {
    const queue = await watch(stage);
    const client = await stage.client({ will: { topic: stage.topic("will"), payload: "gone", qos: 2 } });
    await client.disconnect({ reasonCode: 0x04 });
    const message = await next(queue);
    expect([message.text(), message.qos]).toEqual(["gone", 2]);
  });

  check("the Will is published once, and not again with the next disconnect [MQTT-3.1.2-10]", async (stage) => {
    const queue = await watch(stage);
    const will = { topic: stage.topic("will"), payload: "gone", qos: 1 } as const;
    const { client, proxy } = await stage.cuttable({ will });
    await proxy.cut();
    await within("the connection", client.connected());
    expect(texts([await next(queue)])).toEqual(["gone"]);
    await client.disconnect();
    await proxy.idle();
    await publishEnd(stage);
    expect(await takeUntil(queue, "end")).toEqual([]);
  });

  check("a Will with Retain is kept [MQTT-3.1.2-15]", async (stage) => {
    const watcher = await watch(stage);
    const will = { topic: stage.topic("will"), payload: "gone", qos: 1, retain: true } as const;
    await (await stage.client({ will })).disconnect({ reasonCode: 0x04 });
    await next(watcher);
    const later = await (await stage.client()).subscribeQueue(stage.topic("will"), { qos: 1 });
    const message = await next(later);
    expect([message.text(), message.retain]).toEqual(["gone", true]);
  });

  check("a delayed Will is withheld if the client is back in time [MQTT-3.1.3-9]", async (stage) => {
    const queue = await watch(stage);
    const will = { topic: stage.topic("will"), payload: "gone", qos: 1, willDelayInterval: 60 } as const;
    const { client, proxy } = await stage.cuttable({ will });
    await client.subscribeQueue(stage.topic("anchor")); // some brokers keep a session only for a subscription
    await proxy.cut();
    await within("the connection", client.connected());
    expect(client.serverInfo?.sessionPresent).toBe(true);
    await client.disconnect();
    await proxy.idle();
    await publishEnd(stage);
    expect(await takeUntil(queue, "end")).toEqual([]);
  });
}

/** Watches the topic of the Wills. */
export async function watch(stage: Stage): Promise<MessageQueue> {
  return (await stage.client()).subscribeQueue(stage.topic("will"), { qos: 2 });
}

async function publishEnd(stage: Stage): Promise<void> {
  await (await stage.client()).publish(stage.topic("will"), "end", { qos: 1 });
}
