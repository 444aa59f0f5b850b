// SPDX-License-Identifier: Apache-2.0
// Four connections to publish on beside the client's own. With "hash-by-topic" a topic keeps its connection, and so its order;
// one of them is cut in the middle, and its messages take another way.
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const broker = new TestBroker();
/** Messages by the Client Identifier they came from. */
const counts = new Map();
broker.configure({
  authorizePublish: (_message, { clientId }) => {
    counts.set(clientId, (counts.get(clientId) ?? 0) + 1);
    return 0;
  },
});
const listener = await listen(broker);

const client = new Client({
  broker: listener.url,
  clientId: "gateway",
  publisherPool: { size: 4, routing: "hash-by-topic" },
});
await client.connect();

const seen = new Map();
let disorder = 0;
await client.subscribeCallback("example/pool/{device}", (message) => {
  const number = Number(message.text());
  if (number !== (seen.get(message.params.device) ?? 0) + 1) disorder++;
  seen.set(message.params.device, number);
});

const DEVICES = 50;
for (let number = 1; number <= 20; number++) {
  const round = Array.from({ length: DEVICES }, (_, device) =>
    client.publish(`example/pool/device-${device}`, `${number}`, { qos: 1 }),
  );
  await Promise.all(round);
  if (number === 10) {
    console.log("the broker drops gateway-pub-2; it comes back by itself");
    broker.drop("gateway-pub-2");
  }
}

for (const clientId of [1, 2, 3, 4].map((index) => `gateway-pub-${index}`)) {
  console.log(`${clientId.padEnd(14)} ${counts.get(clientId) ?? 0} messages`);
}
console.log(
  `${DEVICES} devices, out of order: ${disorder}, by the client's own connection: ${client.stats().poolFallbacks}`,
);
await client.disconnect();
await broker.close();
await listener.close();
process.exitCode = disorder === 0 ? 0 : 1;
