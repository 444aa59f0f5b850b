// SPDX-License-Identifier: Apache-2.0
// Three brokers behind one handle. One of them dies and comes back: what a broadcast, a quorum, round robin and a hash by topic
// make of that, and a merged subscription that brings what all of them have. Ends with 0 only if every message is where it should be.
import { constantBackoff } from "@mqttv5/core";
import { ClientGroup } from "@mqttv5/group";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const NAMES = ["emea", "apac", "amer"];
const brokers = new Map();
for (const name of NAMES) {
  const broker = new TestBroker();
  brokers.set(name, { broker, listener: await listen(broker) });
}
const members = NAMES.map((name) => ({ name, broker: brokers.get(name).listener.url }));
const group = (clientId, options = {}) =>
  new ClientGroup(members, { ...options, shared: { clientId, reconnectBackoff: constantBackoff(50) } });

/** The broker's process is gone: nobody listens, every connection is lost. What it had promised to keep is kept. */
async function die(name, ...groups) {
  await brokers.get(name).listener.close();
  await Promise.all(groups.map((each) => reached(each.members.get(name), "waiting")));
  console.log(`\n${name} is dead`);
}

async function comeBack(name, ...groups) {
  const { broker, listener } = brokers.get(name);
  brokers.get(name).listener = await listen(broker, { port: listener.port });
  await Promise.all(groups.map((each) => each.members.get(name).connected()));
  console.log(`\n${name} is back`);
}

async function reached(client, status) {
  const changes = client.states();
  if (client.state.status === status) return;
  for await (const state of changes) if (state.status === status) return;
}

/** Publishes so many, and prints which member took how many. */
async function round(what, from, topics, options) {
  const takers = Object.fromEntries(NAMES.map((name) => [name, 0]));
  for (const topic of topics) {
    const results = await from.publish(`example/group/${topic}`, topic, { qos: 1, ...options });
    for (const { member, status } of results) if (status === "fulfilled") takers[member]++;
  }
  const counts = NAMES.map((name) => `${name} ${takers[name]}`).join(", ");
  console.log(`  ${what.padEnd(14)} ${topics.length} messages: ${counts}`);
  return takers;
}

/** Every message that arrived, as `emea broadcast-1`. */
const arrived = [];
const reader = group("reader");
await reader.connect();
const subscription = await reader.subscribe("example/group/{name}", { qos: 1 });
const reading = (async () => {
  for await (const message of subscription) {
    arrived.push(`${message.member} ${message.params.name}`);
    message.ack();
  }
})();

const mirror = group("mirror"); // a broadcast, which any member may accept
const turns = group("turns", { policy: "round-robin" });
const fleet = group("fleet", { policy: "hash-by-topic" });
const all = [mirror, turns, fleet];
const results = await Promise.all(all.map((each) => each.connect()));
console.log(`connected: ${results[0].map(({ member, value }) => `${member} as ${value.clientId}`).join(", ")}`);

const problems = [];
const expect = (what, right) => right || problems.push(what);
const topics = (what) => Array.from({ length: 6 }, (_, index) => `${what}-${index + 1}`);
let published = 0;
let copies = 0;
for (const [phase, connected] of [
  ["before", 3],
  ["during", 2],
  ["after", 3],
]) {
  if (phase === "during") await die("apac", reader, ...all);
  if (phase === "after") await comeBack("apac", reader, ...all);
  const broadcast = await round("broadcast", mirror, topics(`broadcast-${phase}`));
  const quorum = await round("quorum of two", mirror, topics(`quorum-${phase}`), { success: { quorum: 2 } });
  const robin = await round("round robin", turns, topics(`robin-${phase}`));
  const hash = await round("hash by topic", fleet, topics(`hash-${phase}`));
  const sum = (takers) => Object.values(takers).reduce((a, b) => a + b);
  expect(`broadcast ${phase}`, sum(broadcast) === 6 * connected && sum(quorum) === 6 * connected);
  expect(`in turn ${phase}`, sum(robin) === 6 && sum(hash) === 6);
  expect(
    `shared evenly ${phase}`,
    NAMES.every((name) => [0, 6 / connected].includes(robin[name])),
  );
  published += 24;
  copies += 12 * connected + 12;
  if (phase !== "during") continue;
  try {
    await mirror.publish("example/group/everywhere", "", { qos: 1, success: "all" });
    problems.push("a broadcast to all succeeded without apac");
  } catch (error) {
    console.log(`  a broadcast to all: ${error.code}`);
    for (const { member, status, error: cause } of error.results) {
      console.log(`    ${member} ${status}${cause === undefined ? "" : `: ${cause.code}, ${cause.delivery}`}`);
    }
    copies += error.results.filter(({ status }) => status === "fulfilled").length;
  }
}

const giveUp = Date.now() + 10_000;
while (arrived.length < copies && Date.now() < giveUp) await new Promise((resolve) => setTimeout(resolve, 10));
expect("every copy arrived, once", arrived.length === copies && new Set(arrived).size === copies);

const moved = fleet.stats().publishesMoved;
console.log(`\n${published} messages published, ${copies} copies accepted, ${arrived.length} received, each once`);
console.log(`${moved} were published by topic on another member, because their own was away`);
await Promise.all([...all, reader].map((each) => each.disconnect({ sessionExpiryInterval: 0 })));
await reading; // ends when the subscriptions of all members have
for (const { broker, listener } of brokers.values()) {
  await broker.close();
  await listener.close();
}
for (const problem of problems) console.error(`WRONG: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
