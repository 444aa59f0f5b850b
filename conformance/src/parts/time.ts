// SPDX-License-Identifier: Apache-2.0
import { PacketType, type WillOptions } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import { next, type Stage, take, texts } from "../stage.js";
import type { Check } from "../suite.js";
import { leaveSubscribed } from "./sessions.js";
import { watch } from "./wills.js";

/** What takes whole seconds, as MQTT counts in seconds: run side by side. */
export function time(check: Check): void {
  check(
    "an idle client pings, the broker answers, and the connection stays [MQTT-3.1.2-20, MQTT-3.12.4-1]",
    async (stage) => {
      const { client, proxy } = await stage.cuttable({ keepAlive: 1 });
      const start = performance.now();
      await Promise.all([
        proxy.passed({ from: "client", type: PacketType.Pingreq }, 2),
        proxy.passed({ from: "broker", type: PacketType.Pingresp }, 2),
      ]);
      expect(performance.now() - start).toBeLessThan(3_000); // two intervals, and some slack
      expect(client.state.status).toBe("connected");
      expect(client.stats()).toMatchObject({ connects: 1, disconnects: 0, pingTimeouts: 0 });
    },
  );

  check(
    "a client pings as often as the broker's keep-alive demands [MQTT-3.1.2-21]",
    async (stage) => {
      const broker = await stage.limited({ serverKeepAlive: 1 });
      const { client, proxy } = await stage.cuttable({ keepAlive: 3600 }, broker);
      await proxy.passed({ from: "broker", type: PacketType.Pingresp }, 2);
      expect(client.stats()).toMatchObject({ connects: 1, disconnects: 0, pingTimeouts: 0 });
    },
    "Server Keep Alive of a second",
  );

  check("a message whose time is up is not delivered any more [MQTT-3.3.2-5]", async (stage) => {
    const clientId = stage.clientId("x");
    await leaveSubscribed(stage, clientId);
    const publisher = await stage.client();
    await publisher.publish(stage.topic("a"), "short", { qos: 1, messageExpiryInterval: 1 });
    await publisher.publish(stage.topic("a"), "long", { qos: 1, messageExpiryInterval: 600 });
    await pass(stage, 3); // some brokers count whole seconds only
    const again = stage.newClient({ clientId, cleanStart: false });
    const queue = await again.subscribeQueue(stage.topic("a"), { qos: 1 });
    await within("the connection", again.connect());
    const [message] = await take(queue, 1);
    expect(message?.text()).toBe("long");
    expect(message?.properties.messageExpiryInterval).toBeLessThan(600); // [MQTT-3.3.2-6]
  });

  check(
    "a delayed Will is published after its delay, and with the session's end if that is earlier [MQTT-3.1.2-8]",
    async (stage) => {
      const queue = await watch(stage);
      const will = (payload: string, willDelayInterval: number): WillOptions => ({
        topic: stage.topic("will"),
        payload,
        qos: 1,
        willDelayInterval,
      });
      const clientId = stage.clientId("x");
      const delayed = await stage.client({ will: will("after its delay", 1) });
      const ending = await stage.client({ clientId, sessionExpiryInterval: 1, will: will("with the session", 60) });
      const start = performance.now();
      await Promise.all([delayed, ending].map((client) => client.disconnect({ reasonCode: 0x04 })));
      const messages = [await next(queue), await next(queue)];
      expect(texts(messages).toSorted()).toEqual(["after its delay", "with the session"]);
      expect(performance.now() - start).toBeGreaterThan(900);
      const again = await stage.client({ clientId, cleanStart: false });
      expect(again.serverInfo?.sessionPresent).toBe(false); // [MQTT-4.1.0-2]
    },
    "will delay",
  );
}

/** Resolves after that many seconds at the least: an idle client has pinged once in each. */
async function pass(stage: Stage, seconds: number): Promise<void> {
  const { proxy } = await stage.cuttable({ keepAlive: 1 });
  await proxy.passed({ from: "broker", type: PacketType.Pingresp }, seconds);
}
