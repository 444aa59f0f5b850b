// SPDX-License-Identifier: Apache-2.0
// One client, and two addresses of one broker: two front ends of a cluster, which share the sessions. The front end it uses dies, in the
// middle of a stream of messages, and the client goes on by the other one. Ends with 0 only if each message arrived exactly once.
// For brokers that share nothing see examples/group.
import { Client, constantBackoff } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const COUNT = 40;
const cluster = new TestBroker();
const frontEnds = new Map();
for (const name of ["north", "south"]) frontEnds.set(name, await listen(cluster));
const nameOf = (url) => [...frontEnds].find(([, listener]) => url.startsWith(listener.url))?.[0];

const client = new Client({
  brokers: [...frontEnds.values()].map(({ url }) => url), // a random one first, the next one after each failure
  clientId: "example-failover",
  sessionExpiryInterval: 60,
  reconnectBackoff: constantBackoff(50),
  whenOffline: "wait", // what is published in between waits for the next connection
  onConnectionDown: (cause) => console.log(`  ${cause.message}`),
});

const used = [];
const following = (async () => {
  for await (const state of client.states()) {
    if (state.status !== "connected") continue;
    const name = nameOf(state.broker);
    console.log(`connected by ${name}, session ${state.serverInfo.sessionPresent ? "resumed" : "new"}`);
    used.push(name);
  }
})();

await client.connect();
const readings = await client.subscribeQueue("example/failover", { qos: 2 });

const publishing = (async () => {
  for (let number = 1; number <= COUNT; number++) await client.publish("example/failover", `${number}`, { qos: 2 });
})();

const arrived = [];
while (arrived.length < COUNT) {
  const message = await readings.dequeue({ timeout: 20_000 });
  arrived.push(Number(message.text()));
  message.ack();
  if (arrived.length !== COUNT / 2) continue;
  const [first] = used;
  console.log(`${arrived.length} have arrived; ${first} dies`);
  await frontEnds.get(first).close();
}
await publishing;

const inOrder = arrived.every((number, index) => number === index + 1);
const failedOver = used.length === 2 && used[0] !== used[1];
console.log(`${COUNT} published, ${new Set(arrived).size} arrived once, in order: ${inOrder}`);
await client.disconnect({ sessionExpiryInterval: 0 });
await following;
await cluster.close();
for (const listener of frontEnds.values()) await listener.close();
process.exitCode = inOrder && failedOver ? 0 : 1;
