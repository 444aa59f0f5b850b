// SPDX-License-Identifier: Apache-2.0
import { json } from "@mqttv5/codec-json";
import { msgpack } from "@mqttv5/codec-msgpack";
import type { Message, QoS } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import { next, type Stage, take } from "../stage.js";
import type { Check } from "../suite.js";

interface Reading {
  readonly room: string;
  readonly celsius: number;
  readonly tags?: readonly string[];
}

/** What a message carries: bytes, properties, values. */
export function payloads(check: Check): void {
  check(
    "every property arrives as it was sent [MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-20]",
    async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos: 1 });
      const sent = {
        payloadFormatIndicator: 1,
        messageExpiryInterval: 3600,
        contentType: "text/plain; charset=utf-8",
        responseTopic: stage.topic("answers/é"),
        correlationData: new Uint8Array([0, 1, 0xff, 0]),
      } as const;
      await publisher.publish(stage.topic("a"), "hello", { qos: 1, ...sent });
      const { properties } = await next(queue);
      expect(properties.payloadFormatIndicator).toBe(1);
      expect(properties.contentType).toBe(sent.contentType);
      expect(properties.responseTopic).toBe(sent.responseTopic);
      expect([...(properties.correlationData ?? [])]).toEqual([...sent.correlationData]);
      expect(properties.messageExpiryInterval).toBeLessThanOrEqual(3600); // [MQTT-3.3.2-6]
      expect(properties.messageExpiryInterval).toBeGreaterThan(3590);
    },
  );

  check(
    "user properties keep their order, whatever they are called [MQTT-3.3.2-18]",
    async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const queue = await subscriber.subscribeQueue(stage.topic("a"));
      const userProperties = [
        ["b", "1"],
        ["a", "2"],
        ["b", "1"],
        ["", ""],
        ["__proto__", "héllo 🌍"],
      ] as const;
      await publisher.publish(stage.topic("a"), "x", { userProperties });
      expect((await next(queue)).properties.userProperties).toEqual(userProperties);
    },
    "order of user properties",
  );

  check("user properties arrive with their duplicates [MQTT-3.3.2-17]", async (stage) => {
    const [publisher, subscriber] = [await stage.client(), await stage.client()];
    const queue = await subscriber.subscribeQueue(stage.topic("a"));
    const userProperties = [
      ["b", "1"],
      ["a", "2"],
      ["b", "1"],
      ["empty", ""],
    ] as const;
    await publisher.publish(stage.topic("a"), "x", { userProperties });
    const received = (await next(queue)).properties.userProperties;
    expect(received.map(String).toSorted()).toEqual(userProperties.map(String).toSorted());
  });

  check("properties that were not sent do not appear", async (stage) => {
    const [publisher, subscriber] = [await stage.client(), await stage.client()];
    const queue = await subscriber.subscribeQueue(stage.topic("a"));
    await publisher.publish(stage.topic("a"), "x");
    const { properties } = await next(queue);
    expect(properties.payloadFormatIndicator ?? 0).toBe(0);
    expect(properties.contentType).toBeUndefined();
    expect(properties.responseTopic).toBeUndefined();
    expect(properties.correlationData).toBeUndefined();
    expect(properties.messageExpiryInterval).toBeUndefined();
    expect(properties.userProperties).toEqual([]);
  });

  check("a question finds its answer by Response Topic and Correlation Data", async (stage) => {
    const [asking, answering] = [await stage.client(), await stage.client()];
    const questions = await answering.subscribeQueue(stage.topic("questions"), { qos: 1 });
    const answers = await asking.subscribeQueue(stage.topic("answers"), { qos: 1 });
    const correlationData = new Uint8Array([1, 2, 3]);
    await asking.publish(stage.topic("questions"), "2 + 2", {
      qos: 1,
      responseTopic: stage.topic("answers"),
      correlationData,
    });
    const [question] = await take(questions, 1);
    const { responseTopic, correlationData: returned } = question?.properties ?? {};
    await answering.publish(responseTopic ?? "", "4", { qos: 1, correlationData: returned });
    const [answer] = await take(answers, 1);
    expect(answer?.text()).toBe("4");
    expect([...(answer?.properties.correlationData ?? [])]).toEqual([1, 2, 3]);
  });

  for (const qos of [0, 1, 2] as const satisfies readonly QoS[]) {
    const title = `an empty payload and one of 1 MiB arrive whole at QoS ${qos}`;
    const prove = async (stage: Stage): Promise<void> => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const queue = await subscriber.subscribeQueue(stage.topic("a"), { qos });
      const large = new Uint8Array(1 << 20);
      for (let index = 0; index < large.length; index++) large[index] = (index * 31 + (index >> 8)) & 0xff;
      await within(
        "the answers",
        Promise.all([
          publisher.publish(stage.topic("a"), undefined, { qos }),
          publisher.publish(stage.topic("a"), large, { qos }),
          publisher.publish(stage.topic("a"), new Uint8Array(0), { qos }),
        ]),
      );
      const [first, second, third] = await take(queue, 3);
      expect([first?.payload.length, third?.payload.length]).toEqual([0, 0]);
      expect(Buffer.compare(second?.payload ?? new Uint8Array(), large)).toBe(0);
    };
    check(title, prove, "messages of a MiB");
  }

  check("bytes that are not text arrive as they are", async (stage) => {
    const [publisher, subscriber] = [await stage.client(), await stage.client()];
    const queue = await subscriber.subscribeQueue(stage.topic("a"));
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => 255 - index);
    await publisher.publish(stage.topic("a"), bytes);
    expect([...(await next(queue)).payload]).toEqual([...bytes]);
  });

  for (const [name, codec] of [
    ["JSON", json<Reading>()],
    ["MessagePack", msgpack<Reading>()],
  ] as const) {
    check(`typed values go in and come out as ${name}, with their content type [parity 191]`, async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      const readings = await subscriber.typed(codec).subscribe(stage.topic("+"), { qos: 2 });
      const sent: Reading[] = [
        { room: "kitchen", celsius: 21.5, tags: ["é", "\u0001", ""] },
        { room: "cellar", celsius: -0.5 },
      ];
      for (const reading of sent) {
        await publisher.typed(codec).publish(stage.topic(reading.room), reading, { qos: 2 });
      }
      const received: Reading[] = [];
      for await (const { value, topic, properties, ack: _ } of readings) {
        received.push(value);
        expect(topic).toBe(stage.topic(value.room));
        expect(properties.contentType).toBe(codec.contentType);
        if (received.length === sent.length) break;
      }
      expect(received).toEqual(sent);
    });

    check(`a payload that is no ${name} is dropped or refused, told, and the next one arrives`, async (stage) => {
      const [publisher, subscriber] = [await stage.client(), await stage.client()];
      for (const undecodable of ["ack", "reject"] as const) {
        const told: string[] = [];
        const onDecodeError = (message: Message): void => void told.push(message.topic);
        const topic = stage.topic(undecodable);
        const queue = await subscriber.typed(codec, { undecodable, onDecodeError }).subscribeQueue(topic, { qos: 1 });
        await publisher.publish(topic, "\u0081", { qos: 1 });
        await publisher.typed(codec).publish(topic, { room: "attic", celsius: 1 }, { qos: 1 });
        expect((await within("a value", queue.dequeue()))?.value).toEqual({ room: "attic", celsius: 1 });
        expect(told).toEqual([topic]);
      }
    });
  }

  check("messages keep their topic where the broker uses aliases [MQTT-3.3.2-10]", async (stage) => {
    const [publisher, subscriber] = [await stage.client(), await stage.client({ topicAliasMaximum: 5 })];
    const queue = await subscriber.subscribeQueue(stage.topic("#"), { qos: 1 });
    const topics = Array.from({ length: 40 }, (_, index) => stage.topic(`aliased/${index % 8}`));
    for (const topic of topics) await publisher.publish(topic, topic, { qos: 1 });
    for (const message of await take(queue, topics.length)) expect(message.topic).toBe(message.text());
  });
}
