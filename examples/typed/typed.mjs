// SPDX-License-Identifier: Apache-2.0
// Values in and out: JSON that a schema checks, MessagePack with bytes and dates, and what becomes of payloads that are neither.
import { json } from "@mqttv5/codec-json";
import { msgpack } from "@mqttv5/codec-msgpack";
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import * as z from "zod";

// A broker in this process, so that the example needs nothing else. An application has none of this.
const broker = new TestBroker();
const listener = await listen(broker);

const client = new Client({ broker: listener.url });
await client.connect();

console.log("JSON, checked by a schema");
// Any Standard Schema will do. What arrives is its output: a reading without a unit is in Celsius.
const Reading = z.object({ temperature: z.number(), unit: z.enum(["C", "F"]).default("C") });
const readings = client.typed(json(Reading), {
  undecodable: "reject", // with 0x99, Payload format invalid; by default they are acked. None reaches the loop below
  onDecodeError: (message, error) => console.log(`  dropped "${message.text()}": ${error.message}`),
});
const arriving = await readings.subscribe("example/typed/{room}/temperature", { qos: 1 });
await readings.publish("example/typed/kitchen/temperature", { temperature: 71.5, unit: "F" }, { qos: 1 });
// Three payloads of a device that knows nothing of our types. One is good.
for (const payload of ["13 degrees", '{"temperature":"cold"}', '{"temperature":13}']) {
  await client.publish("example/typed/cellar/temperature", payload, { qos: 1 });
}
for await (const message of arriving) {
  const { temperature, unit } = message.value;
  console.log(`  ${message.params.room}: ${temperature} ${unit}`);
  message.ack();
  if (message.params.room === "cellar") break;
}
const { inboundDroppedUndecodable } = client.stats();
console.log(`  counted as undecodable: ${inboundDroppedUndecodable}`);

console.log("MessagePack, for what JSON has no words for");
const frames = client.typed(msgpack());
const frame = { taken: new Date("2026-11-22T12:00:00Z"), pixels: Uint8Array.of(0, 127, 255), serial: 2n ** 60n };
const gallery = await frames.subscribeQueue("example/typed/camera", { qos: 1 });
await frames.publish("example/typed/camera", frame, { qos: 1 });
const picture = await gallery.dequeue();
console.log(`  ${picture.payload.length} bytes of ${picture.properties.contentType}`, picture.value);
picture.ack();
if (inboundDroppedUndecodable !== 2 || picture.value.serial !== frame.serial) process.exitCode = 1;

await client.disconnect();
await broker.close();
await listener.close();
