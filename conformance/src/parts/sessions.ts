// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import { next, type Stage, take, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";

/** What the broker keeps of a client that is away (sections 3.1.2.4, 3.1.2.11.2, 4.1). */
export function sessions(check: Check): void {
  check(
    "what was published meanwhile arrives after a reconnect, in order [MQTT-3.1.2-5, MQTT-3.1.2-23, MQTT-3.2.2-3]",
    async (stage) => {
      const { client: subscriber, proxy } = await stage.cuttable();
      const publisher = await stage.client();
      const queue = await subscriber.subscribeQueue(stage.topic("#"), { qos: 2 });
      await proxy.block();
      const sent = Array.from({ length: 20 }, (_, index) => `${index}`);
      for (const [index, text] of sent.entries()) {
        await publisher.publish(stage.topic(`${index % 3}`), text, { qos: 1 });
      }
      expect(subscriber.state.status).not.toBe("connected");
      proxy.unblock();
      await within("the connection", subscriber.connected());
      expect(subscriber.serverInfo?.sessionPresent).toBe(true);
      expect(texts(await take(queue, sent.length))).toEqual(sent);
      expect(subscriber.stats()).toMatchObject({ connects: 2, subscribesSent: 1 }); // the broker still had the subscription
    },
  );

  check("a process that starts anew takes what the broker kept for its session", async (stage) => {
    const clientId = stage.clientId("x");
    await leaveSubscribed(stage, clientId);
    const publisher = await stage.client();
    for (const text of ["0", "1", "2"]) await publisher.publish(stage.topic("a"), text, { qos: 1 });
    const again = stage.newClient({ clientId, cleanStart: false });
    const queue = await again.subscribeQueue(stage.topic("a"), { qos: 1 });
    const info = await within("the connection", again.connect());
    expect(info.sessionPresent).toBe(true);
    expect(texts(await take(queue, 3))).toEqual(["0", "1", "2"]);
  });

  check("Clean Start throws the session away [MQTT-3.1.2-4, MQTT-3.2.2-2]", async (stage) => {
    const clientId = stage.clientId("x");
    await leaveSubscribed(stage, clientId);
    const publisher = await stage.client();
    await publisher.publish(stage.topic("a"), "lost", { qos: 1 });
    const clean = await stage.client({ clientId, cleanStart: true });
    expect(clean.serverInfo?.sessionPresent).toBe(false);
    const queue = await clean.subscribeQueue(stage.topic("a"), { qos: 1 });
    await publisher.publish(stage.topic("a"), "end", { qos: 1 });
    expect(await takeUntil(queue, "end")).toEqual([]);
  });

  check("a session with an expiry of 0 ends with its connection [MQTT-4.1.0-2]", async (stage) => {
    const clientId = stage.clientId("x");
    const client = await stage.client({ clientId, sessionExpiryInterval: 0 });
    await client.subscribeQueue(stage.topic("a"), { qos: 1 });
    await client.disconnect();
    const again = await stage.client({ clientId, cleanStart: false });
    expect(again.serverInfo?.sessionPresent).toBe(false);
  });

  check(
    "a session without subscriptions is a session [MQTT-3.2.2-3]",
    async (stage) => {
      const { client, proxy } = await stage.cuttable();
      await proxy.cut();
      await within("the connection", client.connected());
      expect(client.serverInfo?.sessionPresent).toBe(true);
    },
    "sessions without subscriptions",
  );

  check("DISCONNECT can end the session at once", async (stage) => {
    const clientId = stage.clientId("x");
    const client = await stage.client({ clientId, sessionExpiryInterval: 600 });
    await client.subscribeQueue(stage.topic("a"), { qos: 1 });
    await client.disconnect({ sessionExpiryInterval: 0 });
    const again = await stage.client({ clientId, cleanStart: false });
    expect(again.serverInfo?.sessionPresent).toBe(false);
  });

  check("a client that loses its session subscribes again by itself", async (stage) => {
    const clientId = stage.clientId("x");
    const { client: subscriber, proxy } = await stage.cuttable({ clientId });
    const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos: 1 });
    await proxy.block();
    const thief = await stage.client({ clientId, cleanStart: true });
    await thief.disconnect({ sessionExpiryInterval: 0 });
    proxy.unblock();
    await within("the connection", subscriber.connected());
    expect(subscriber.serverInfo?.sessionPresent).toBe(false);
    // SUBSCRIBE went out ahead of this, on the same link.
    await subscriber.publish(stage.topic("a"), "x", { qos: 1 });
    expect(texts(await take(queue, 1))).toEqual(["x"]);
    expect(subscriber.stats().subscribesSent).toBe(2);
  });

  for (const [sessionLossPolicy, outcome] of [
    ["republish", "resolves, and the message arrives"],
    ["fail", "rejects with SESSION_LOST"],
  ] as const) {
    check(`a publish whose session is lost before its answer ${outcome}`, async (stage) => {
      const clientId = stage.clientId("x");
      let free: () => void = () => {};
      const lost = new Promise<void>((resolve) => {
        free = resolve;
      });
      let attempts = 0;
      const { client: publisher, proxy } = await stage.cuttable({
        clientId,
        sessionLossPolicy,
        credentials: async () => {
          if (++attempts > 1) await lost; // it does not come back earlier
          return {};
        },
      });
      const queue = await (await stage.client()).subscribeQueue(stage.topic("a"), { qos: 2 });
      await publisher.subscribeQueue(stage.topic("anchor")); // some brokers keep a session only for a subscription
      const cut = proxy.cutAt({ from: "client", type: PacketType.Publish });
      const published = publisher.publish(stage.topic("a"), "x", { qos: 2 }).catch((error: unknown) => error);
      await cut;
      await (await stage.client({ clientId, cleanStart: true })).disconnect({ sessionExpiryInterval: 0 });
      free();
      const result: unknown = await within("the outcome", published);
      await within("the connection", publisher.connected());
      await publisher.publish(stage.topic("a"), "end", { qos: 2 });
      const received = texts(await takeUntil(queue, "end"));
      if (sessionLossPolicy === "republish") {
        expect(result).toMatchObject({ reasonCode: 0 });
        expect(received).toEqual(["x"]);
      } else {
        expect(result).toMatchObject({ code: "SESSION_LOST", delivery: "unknown" });
        expect(received).toEqual([]);
      }
    });
  }

  for (const needs of [undefined, "DUP on redelivery"] as const) {
    check(
      `a message that was not acked comes again to the next process${needs === undefined ? "" : ", marked as a duplicate"}`,
      async (stage) => {
        const clientId = stage.clientId("x");
        const { client: first, proxy } = await stage.cuttable({ clientId });
        const publisher = await stage.client();
        const queue = await first.subscribeQueue(stage.topic("a"), { qos: 1 });
        for (const text of ["0", "1"]) await publisher.publish(stage.topic("a"), text, { qos: 1 });
        const [held] = await take(queue, 1);
        expect(held?.text()).toBe("0");
        const unacked = await next(queue);
        expect(unacked.duplicate).toBe(false);
        await first.publish(stage.topic("other"), "", { qos: 1 }); // the PUBACK of the first one has left before this
        await proxy.block();
        const again = stage.newClient({ clientId, cleanStart: false });
        const rest = await again.subscribeQueue(stage.topic("a"), { qos: 1 });
        await within("the connection", again.connect());
        const [redelivered] = await take(rest, 1);
        expect(redelivered?.text()).toBe("1");
        if (needs !== undefined) expect(redelivered?.duplicate).toBe(true); // [MQTT-3.3.1-1]
      },
      needs,
    );
  }
}

/** A client that subscribed to the topic `a` and went, and whose session the broker keeps. */
export async function leaveSubscribed(stage: Stage, clientId: string): Promise<void> {
  const client = await stage.client({ clientId });
  await client.subscribeQueue(stage.topic("a"), { qos: 1 });
  await client.disconnect();
}
