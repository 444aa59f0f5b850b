// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import { describe, expect, test } from "vitest";
import { Bench } from "./bench.js";

const allowing = (topicAliasMaximum: number, more = {}) => ({
  connack: { properties: { topicAliasMaximum, ...more } },
});

/** `topic#alias` of the next PUBLISH as it is on the wire. */
async function onTheWire(connection: ScriptedConnection): Promise<string> {
  const packet = await connection.expect(PacketType.Publish);
  return `${packet.topic}#${packet.topicAlias}`;
}

describe("topic aliases that we set", () => {
  test("are used at QoS 0 only, if asked for, and as many as the broker takes [parity 156, MQTT-3.2.2-17, MQTT-3.3.2-9]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ outboundTopicAliases: true }, allowing(2));
    const seen: string[] = [];
    for (const topic of ["a", "b", "c", "a", "b", "c"]) {
      await client.publish(topic, "");
      seen.push(await onTheWire(connection));
    }
    expect(seen).toEqual(["a#1", "b#2", "c#0", "#1", "#2", "c#0"]);
    void client.publish("a", "", { qos: 1 }).catch(() => {});
    expect(await onTheWire(connection)).toBe("a#0");
    await bench.clock.run(client.disconnect());
  });

  test("are not used unless asked for, nor where the broker takes none [MQTT-3.2.2-18]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, allowing(10));
    await client.publish("a", "");
    expect(await onTheWire(connection)).toBe("a#0");
    await bench.end(client);
    const other = await bench.connect({ outboundTopicAliases: true });
    await other.client.publish("a", "");
    expect(await onTheWire(other.connection)).toBe("a#0");
    await bench.end(other.client);
  });

  test("end with their connection [MQTT-3.3.2-7]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ outboundTopicAliases: true }, allowing(5));
    await client.publish("a", "");
    await connection.expect(PacketType.Publish);
    const next = await bench.reconnect(connection, { properties: { topicAliasMaximum: 5 } });
    await client.publish("a", "");
    expect(await onTheWire(next)).toBe("a#1");
    await bench.end(client);
  });

  test("do not count as set when the packet was not sent [parity 157]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect(
      { outboundTopicAliases: true },
      allowing(5, { maximumPacketSize: 30 }),
    );
    await expect(client.publish("a", "x".repeat(40))).rejects.toMatchObject({ code: "PACKET_TOO_LARGE" });
    await expect(client.publish("a", "", { contentType: "\u0000" })).rejects.toMatchObject({ code: "INVALID_FIELD" });
    await client.publish("a", "x".repeat(24)); // 30 bytes, and 33 with an alias
    expect(await onTheWire(connection)).toBe("a#0");
    await client.publish("a", "");
    expect(await onTheWire(connection)).toBe("a#1");
    await client.publish("a", "");
    expect(await onTheWire(connection)).toBe("#1");
    await bench.end(client);
  });

  test("can be given by the caller, within what the broker takes [parity 156]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({ outboundTopicAliases: true }, allowing(2));
    await client.publish("a", "", { topicAlias: 2 });
    expect(await onTheWire(connection)).toBe("a#2");
    await client.publish("", "", { topicAlias: 2 });
    expect(await onTheWire(connection)).toBe("#2");
    await client.publish("b", "", { topicAlias: 2 }); // now it stands for b
    expect(await onTheWire(connection)).toBe("b#2");
    await client.publish("a", "");
    expect(await onTheWire(connection)).toBe("a#1");
    for (const topicAlias of [0, 3, -1, 1.5]) {
      await expect(client.publish("a", "", { topicAlias })).rejects.toMatchObject({
        code: "TOPIC_ALIAS_INVALID",
        field: "topicAlias",
      });
    }
    await connection.expectNone();
    await bench.end(client);
  });

  test("are left out at QoS 1 and 2, where an alias alone is refused [parity 77]", async () => {
    const bench = new Bench();
    const { client, connection } = await bench.connect({}, allowing(2));
    void client.publish("a", "", { qos: 1, topicAlias: 1 }).catch(() => {});
    expect(await onTheWire(connection)).toBe("a#0");
    await expect(client.publish("", "", { qos: 2, topicAlias: 1 })).rejects.toMatchObject({
      code: "TOPIC_ALIAS_INVALID",
    });
    await expect(client.publish("", "", { topicAlias: 1 })).rejects.toMatchObject({ code: "TOPIC_ALIAS_INVALID" });
    await connection.expectNone();
    await bench.clock.run(client.disconnect());
  });
});
