// SPDX-License-Identifier: Apache-2.0
import { TestBroker, VirtualClock } from "@mqttv5/testing";
import { PacketType, ReasonCode } from "@mqttv5/wire";
import { expect, test } from "vitest";
import { Client } from "../src/index.js";
import { Bench, pubcomp, pubrec } from "./bench.js";

test("a message goes out and comes back at every QoS", async () => {
  const clock = new VirtualClock();
  const broker = new TestBroker({ clock });
  const client = new Client({ broker: "mqtt://test", transport: broker.transport(), clock });
  const connecting = client.connect();
  await clock.settle();
  const info = await connecting;
  expect(info.sessionPresent).toBe(false);
  const subscribing = client.subscribe("a/#", { qos: 2 });
  await clock.settle();
  const sub = await subscribing;
  expect(sub.granted).toEqual([{ filter: "a/#", reasonCode: 2 }]);
  const got: string[] = [];
  const loop = (async () => {
    for await (const m of sub) {
      got.push(`${m.topic} ${m.text()} ${m.qos}`);
      m.ack();
    }
  })();
  const sent = [0, 1, 2].map((qos) => client.publish(`a/${qos}`, "hi", { qos: qos as 0 | 1 | 2 }));
  await clock.settle();
  expect(await Promise.all(sent)).toMatchObject([{ reasonCode: 0 }, { reasonCode: 0 }, { reasonCode: 0 }]);
  const bye = client.disconnect();
  await clock.advance(1000);
  await bye;
  await loop;
  expect(got.toSorted()).toEqual(["a/0 hi 0", "a/1 hi 1", "a/2 hi 2"]);
});

test("a QoS 0 publish between the broker's DISCONNECT and the end of the link is not said to be sent", async () => {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  connection.remote?.stall(); // what is under way keeps the link from closing at once
  await client.publish("a", "");
  connection.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.ServerShuttingDown });
  await bench.clock.settle();
  await expect(client.publish("a", "")).rejects.toMatchObject({ code: "NOT_CONNECTED", delivery: "not-sent" });
  await bench.clock.run(client.disconnect());
});

test("that nobody subscribes is told at QoS 2 as well, where PUBREC says it", async () => {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const publishing = client.publish("a", "", { qos: 2 });
  const { packetId } = await connection.expect(PacketType.Publish);
  connection.send(pubrec(packetId, ReasonCode.NoMatchingSubscribers));
  await connection.expect(PacketType.Pubrel);
  connection.send(pubcomp(packetId));
  expect(await bench.clock.run(publishing)).toMatchObject({ reasonCode: ReasonCode.NoMatchingSubscribers });
  await bench.end(client);
});

test("what PUBREC says of a message is what publish resolves with, and PUBCOMP only if it said nothing", async () => {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const publishes = ["a", "b", "c"].map((topic) => client.publish(topic, "", { qos: 2 }));
  const reason = (reasonString: string) => ({
    properties: { reasonString, userProperties: [["k", reasonString]] as const },
  });
  connection.send({ ...pubrec(1, ReasonCode.NoMatchingSubscribers), ...reason("nobody") });
  connection.send({ ...pubrec(2), ...reason("archived") }, pubrec(3));
  await bench.clock.settle();
  for (const id of [1, 2, 3]) connection.send({ ...pubcomp(id), ...reason("done") });
  expect(await bench.clock.run(Promise.all(publishes))).toEqual([
    { reasonCode: 0x10, reasonString: "nobody", userProperties: [["k", "nobody"]] },
    { reasonCode: 0, reasonString: "archived", userProperties: [["k", "archived"]] },
    { reasonCode: 0, reasonString: "done", userProperties: [["k", "done"]] },
  ]);
  await bench.end(client);
});

test("what PUBREC said in a session that was lost is forgotten with it", async () => {
  const bench = new Bench();
  const { client, connection } = await bench.connect();
  const publishing = client.publish("a", "", { qos: 2 });
  connection.send(pubrec((await connection.expect(PacketType.Publish)).packetId, ReasonCode.NoMatchingSubscribers));
  await connection.expect(PacketType.Pubrel);
  const next = await bench.reconnect(connection, { sessionPresent: false });
  const { packetId } = await next.expect(PacketType.Publish);
  next.send(pubrec(packetId));
  await next.expect(PacketType.Pubrel);
  next.send(pubcomp(packetId));
  expect(await bench.clock.run(publishing)).toMatchObject({ reasonCode: 0 });
  await bench.end(client);
});
