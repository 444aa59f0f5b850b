// SPDX-License-Identifier: Apache-2.0
// 30 messages at QoS 2 are published while the broker goes away twice. Nothing here catches, waits or tries again: the client
// does. Ends with 0 only if each arrived exactly once.
import { setTimeout } from "node:timers/promises";
import { Client, exponentialBackoff } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const COUNT = 30;
const broker = new TestBroker();
let listener = await listen(broker);
const { port, url } = listener;

const client = new Client({
  broker: url,
  clientId: "example-reconnect",
  sessionExpiryInterval: 60, // the broker keeps session and messages meanwhile
  reconnectBackoff: exponentialBackoff(50, 400, 20), // milliseconds: first, longest, spread
  whenOffline: "wait", // what is published without a connection waits for the next
  onConnectionDown: (cause) => console.log(`  connection lost: ${cause.message}`),
  onConnectionUp: ({ sessionPresent }) => console.log(`  connected, session ${sessionPresent ? "resumed" : "new"}`),
});

await client.connect();
const readings = await client.subscribeQueue("example/reconnect", { qos: 2 });

const publishing = (async () => {
  for (let i = 1; i <= COUNT; i++) await client.publish("example/reconnect", `${i}`, { qos: 2 });
})();

async function comeBack() {
  await setTimeout(200);
  listener = await listen(broker, { port });
  console.log("the broker is back");
}

const arrived = [];
while (arrived.length < COUNT) {
  const message = await readings.dequeue();
  arrived.push(Number(message.text()));
  message.ack();
  if (arrived.length === 10 || arrived.length === 20) {
    console.log(`${arrived.length} have arrived; the broker goes away`);
    await listener.close();
    void comeBack();
  }
}
await publishing;

const inOrder = arrived.every((number, index) => number === index + 1);
const { connects } = client.stats();
console.log(
  `${arrived.length} published, ${new Set(arrived).size} arrived once, in order: ${inOrder}; connections: ${connects}`,
);
await client.disconnect({ sessionExpiryInterval: 0 });
await broker.close();
await listener.close();
process.exitCode = inOrder ? 0 : 1;
