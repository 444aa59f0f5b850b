// SPDX-License-Identifier: Apache-2.0
// Connect, subscribe, publish, receive, disconnect. MQTT_BROKER=mqtt://host:port uses your broker.
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

// A broker in this process, so that the example needs nothing else. An application has none of this.
const broker = new TestBroker();
const listener = await listen(broker);

const client = new Client({ broker: process.env.MQTT_BROKER || listener.url });
const { clientId } = await client.connect();
console.log(`connected as ${clientId}, the name the broker gave`);

// An async iterable. Whoever breaks out of the loop has unsubscribed.
const greetings = await client.subscribe("example/basic/{language}", { qos: 1 });

// QoS 1: resolves when the broker has it.
await client.publish("example/basic/english", "hello", { qos: 1 });
await client.publish("example/basic/french", "bonjour", { qos: 1, userProperties: [["mood", "merry"]] });

let left = 2;
for await (const message of greetings) {
  console.log(`${message.params.language}: ${message.text()}`, message.properties.userProperties ?? []);
  message.ack(); // the broker may forget it
  if (--left === 0) break;
}

await client.disconnect();
await broker.close();
await listener.close();
console.log("disconnected");
