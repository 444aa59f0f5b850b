// SPDX-License-Identifier: Apache-2.0
import type { Client, ClientOptions, QoS } from "@mqttv5/core";
import { decode, encode, encodeUtf8, PacketType, type PublishPacket, type DecodedSubscribe } from "@mqttv5/wire";
import { expect } from "vitest";
import type { CuttingProxy } from "../cutting-proxy.js";
import { within } from "../patience.js";
import { type Stage, take, takeUntil, texts } from "../stage.js";
import type { Check } from "../suite.js";
import type { Feature, Limits } from "../target.js";

const levels: readonly QoS[] = [0, 1, 2];

/** Brokers that allow less (section 3.2.2.3): what they don't take is refused here, before a byte of it is sent. */
export function limits(check: Check): void {
  for (const maximumQoS of [0, 1] as const) {
    check(
      `a broker that takes QoS ${maximumQoS} at most is sent nothing above it [MQTT-3.2.2-11]`,
      async (stage) => {
        const { client, proxy } = await under(stage, { maximumQoS });
        const queue = await client.subscribeQueue(stage.topic("a"), { qos: 2 }); // that is allowed [MQTT-3.2.2-9]
        for (const qos of levels) {
          const publishing = client.publish(stage.topic("a"), `${qos}`, { qos });
          if (qos > maximumQoS) await expectRefusal(publishing, "QOS_NOT_SUPPORTED");
          else await within("the answer", publishing);
        }
        const allowed = levels.filter((qos) => qos <= maximumQoS);
        expect((await take(queue, allowed.length)).map(({ qos }) => qos)).toEqual(allowed);
        expect(sent(proxy, PacketType.Publish)).toHaveLength(allowed.length);
        expectUnharmed(client);
      },
      "limits on publishing",
    );

    check(
      `a client that may downgrade publishes at QoS ${maximumQoS} instead`,
      async (stage) => {
        const { client } = await under(stage, { maximumQoS }, { qosDowngrade: true });
        const queue = await client.subscribeQueue(stage.topic("a"), { qos: 2 });
        await within("the answer", client.publish(stage.topic("a"), "x", { qos: 2 }));
        expect((await take(queue, 1))[0]).toMatchObject({ qos: maximumQoS });
        expectUnharmed(client);
      },
      "limits on publishing",
    );
  }

  check(
    "a broker that retains nothing is sent nothing to retain [MQTT-3.2.2-14]",
    async (stage) => {
      const { client, proxy } = await under(stage, { retainAvailable: false });
      const queue = await client.subscribeQueue(stage.topic("a"));
      for (const qos of levels) {
        await expectRefusal(client.publish(stage.topic("a"), "x", { qos, retain: true }), "RETAIN_NOT_SUPPORTED");
      }
      await client.publish(stage.topic("a"), "end");
      expect(await takeUntil(queue, "end")).toEqual([]);
      expect(sent(proxy, PacketType.Publish)).toHaveLength(1);
      expectUnharmed(client);
    },
    "limits on publishing",
  );

  check(
    "a Will beyond the limits is refused by the broker, with its reason [MQTT-3.2.2-12, MQTT-3.2.2-13]",
    async (stage) => {
      const broker = await stage.limited({ maximumQoS: 1, retainAvailable: false });
      for (const [will, reasonCode] of [
        [{ qos: 2 }, 0x9b],
        [{ retain: true }, 0x9a],
      ] as const) {
        const client = stage.newClient({ broker: broker.url, will: { topic: stage.topic("will"), ...will } });
        await expect(within("the refusal", client.connect())).rejects.toMatchObject({
          code: "CONNECT_REFUSED",
          reasonCode,
        });
      }
    },
    "limits on publishing",
  );

  const filters: readonly [string, Limits, (stage: Stage) => string, string, Feature][] = [
    [
      "wildcards",
      { wildcardSubscriptionAvailable: false },
      (stage) => stage.topic("#"),
      "WILDCARD_SUBS_UNSUPPORTED",
      "limits on subscribing",
    ],
    [
      "shared subscriptions",
      { sharedSubscriptionAvailable: false },
      (stage) => `$share/group/${stage.topic("a")}`,
      "SHARED_SUBS_UNSUPPORTED",
      "limit on shared subscriptions",
    ],
  ];
  for (const [name, allowed, filterOf, code, feature] of filters) {
    check(
      `a broker without ${name} is not asked for one`,
      async (stage) => {
        const { client, proxy } = await under(stage, allowed);
        await expectRefusal(client.subscribeQueue(filterOf(stage)), code);
        await expectRefusal(client.subscribeQueue([stage.topic("b"), filterOf(stage)]), code); // all or nothing
        expect(sent(proxy, PacketType.Subscribe)).toEqual([]);
        const queue = await client.subscribeQueue(stage.topic("a"));
        await client.publish(stage.topic("a"), "x");
        expect(texts(await take(queue, 1))).toEqual(["x"]);
        expectUnharmed(client);
      },
      feature,
    );
  }

  check(
    "a broker without Subscription Identifiers is sent none, and messages find their subscription all the same",
    async (stage) => {
      const { client, proxy } = await under(stage, { subscriptionIdentifierAvailable: false });
      const one = await client.subscribeQueue(stage.topic("a/+"), { qos: 1 });
      const other = await client.subscribeQueue(stage.topic("+/b"), { qos: 1 });
      for (const topic of ["a/x", "x/b", "a/b"]) await client.publish(stage.topic(topic), topic, { qos: 1 });
      expect(texts(await take(one, 2))).toEqual(["a/x", "a/b"]);
      expect(texts(await take(other, 2))).toEqual(["x/b", "a/b"]);
      for (const bytes of sent(proxy, PacketType.Subscribe)) {
        const { properties } = decode(bytes, 0, bytes.length, { sender: "client" }) as DecodedSubscribe;
        expect(properties.subscriptionIdentifier).toBeUndefined();
      }
      expectUnharmed(client);
    },
    "limits on subscribing",
  );

  check(
    "a packet of the broker's Maximum Packet Size is sent, and none of a byte more [MQTT-3.2.2-15]",
    async (stage) => {
      const maximumPacketSize = 300;
      const { client, proxy } = await under(stage, { maximumPacketSize }, { maximumPacketSize: 100_000 });
      const queue = await client.subscribeQueue(stage.topic("a"), { qos: 1 });
      for (const qos of [0, 1] as const) {
        const overhead = encode({ ...SMALLEST, topic: stage.topic("a"), qos, packetId: qos }).length;
        const room = maximumPacketSize - overhead - 1; // its length takes a second byte
        const publishing = client.publish(stage.topic("a"), "x".repeat(room + 1), { qos });
        await expectRefusal(publishing, "PACKET_TOO_LARGE");
        await within("the answer", client.publish(stage.topic("a"), "x".repeat(room), { qos }));
        expect((await take(queue, 1))[0]?.payload.length).toBe(room);
      }
      await expectRefusal(client.subscribeQueue(stage.topic("x".repeat(maximumPacketSize))), "PACKET_TOO_LARGE");
      expect(sent(proxy, PacketType.Publish).map(({ length }) => length)).toEqual([300, 300]);
      expect(sent(proxy, PacketType.Subscribe)).toHaveLength(1);
      expectUnharmed(client);
    },
    "Maximum Packet Size",
  );

  check(
    "a message too large for the client is kept from it, and the next one arrives [MQTT-3.1.2-24]",
    async (stage) => {
      const client = await stage.client({ maximumPacketSize: 500 });
      const queue = await client.subscribeQueue(stage.topic("a"), { qos: 1 });
      const publisher = await stage.client();
      for (const text of ["0", "x".repeat(600), "1"]) await publisher.publish(stage.topic("a"), text, { qos: 1 });
      await publisher.publish(stage.topic("a"), "end", { qos: 1 });
      expect(texts(await takeUntil(queue, "end"))).toEqual(["0", "1"]);
      expectUnharmed(client);
    },
    "client's Maximum Packet Size",
  );

  check("one message at a time, where that is the broker's Receive Maximum [MQTT-3.3.4-7]", async (stage) => {
    const { client, proxy } = await under(stage, { receiveMaximum: 1 });
    const texts = Array.from({ length: 30 }, (_, index) => `${index}`);
    const all = texts.map((text, index) => client.publish(stage.topic("a"), text, { qos: index % 2 === 0 ? 1 : 2 }));
    await within("all acknowledgements", Promise.all(all));
    let open = 0;
    for (const { from, type } of proxy.packets) {
      if (from === "client" && type === PacketType.Publish) expect(++open).toBe(1);
      if (from === "broker" && (type === PacketType.Puback || type === PacketType.Pubcomp)) open--;
    }
    expectUnharmed(client);
  });

  check("the broker's keep-alive replaces the client's [MQTT-3.1.2-21]", async (stage) => {
    const broker = await stage.limited({ serverKeepAlive: 10 });
    const { client } = await stage.cuttable({ keepAlive: 3600 }, broker);
    expect(client.serverInfo?.keepAlive).toBe(10);
  });

  check("no more topic aliases than the broker takes [MQTT-3.2.2-17, MQTT-3.2.2-18]", async (stage) => {
    for (const topicAliasMaximum of [2, 0]) {
      const { client } = await under(stage, { topicAliasMaximum }, { outboundTopicAliases: true });
      const queue = await client.subscribeQueue(stage.topic("#"));
      const all = ["a", "b", "c", "d", "a", "b", "c", "d"].map((topic) => stage.topic(topic));
      for (const topic of all) await client.publish(topic);
      expect((await take(queue, all.length)).map(({ topic }) => topic)).toEqual(all);
      await expectRefusal(
        client.publish(stage.topic("e"), "", { topicAlias: topicAliasMaximum + 1 }),
        "TOPIC_ALIAS_INVALID",
      );
      expectUnharmed(client);
    }
  });
}

const SMALLEST: PublishPacket = {
  type: PacketType.Publish,
  topic: "",
  payload: encodeUtf8(""),
  qos: 0,
  retain: false,
  duplicate: false,
  packetId: 0,
};

/** A client of a broker with these limits, which it knows from CONNACK. */
async function under(stage: Stage, allowed: Limits, options: Partial<ClientOptions> = {}) {
  const { client, proxy } = await stage.cuttable(options, await stage.limited(allowed));
  expect(client.serverInfo).toMatchObject(allowed);
  return { client, proxy };
}

/** The call was refused here, with an error that names what is wrong. */
async function expectRefusal(call: Promise<unknown>, code: string): Promise<void> {
  await expect(within("the refusal", call)).rejects.toMatchObject({ code, delivery: "not-sent" });
}

/** The broker found nothing to complain of. */
function expectUnharmed(client: Client): void {
  expect(client.stats()).toMatchObject({ connects: 1, disconnects: 0, serverDisconnects: 0 });
}

function sent({ packets }: CuttingProxy, wanted: PacketType): Uint8Array[] {
  return packets.filter(({ from, type }) => from === "client" && type === wanted).map(({ bytes }) => bytes);
}
