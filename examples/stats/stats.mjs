// SPDX-License-Identifier: Apache-2.0
// The counters of a client as Prometheus reads them: a few lines of HTTP, and no library. The example scrapes itself once.
import { once } from "node:events";
import { createServer } from "node:http";
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

// A broker in this process, so that the example needs nothing else. An application has none of this.
const broker = new TestBroker();
const listener = await listen(broker);

const client = new Client({ broker: listener.url, clientId: "shop" });

/** What may also go down. All others only ever count up, for as long as the process lives. */
const GAUGES = new Set(["publishesInflight", "sendQuota", "ackHeadAge", "subscriptionsActive"]);

/** inboundPublishes -> mqtt_inbound_publishes_total */
function metricName(name) {
  const words = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `mqtt_${words}${GAUGES.has(name) ? "" : "_total"}`;
}

/** The text format of Prometheus, version 0.0.4. */
function metricsOf(client) {
  const label = `{client="${client.clientId}"}`;
  const lines = Object.entries(client.stats()).flatMap(([name, value]) => [
    `# TYPE ${metricName(name)} ${GAUGES.has(name) ? "gauge" : "counter"}`,
    `${metricName(name)}${label} ${value}`,
  ]);
  const connected = client.state.status === "connected" ? 1 : 0;
  return [...lines, "# TYPE mqtt_connected gauge", `mqtt_connected${label} ${connected}`, ""].join("\n");
}

const server = createServer((request, response) => {
  if (request.url !== "/metrics") return response.writeHead(404).end();
  return response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8").end(metricsOf(client));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

// Something to count.
await client.connect();
const orders = await client.subscribe("example/stats/orders", { qos: 1 });
for (const order of ["tea", "milk", "sugar"]) await client.publish("example/stats/orders", order, { qos: 1 });
for await (const order of orders) {
  if (order.text() === "milk") break; // not acked: see the age of the oldest
  order.ack();
}

const url = `http://127.0.0.1:${server.address().port}/metrics`;
const scraped = await (await fetch(url)).text();
console.log(`GET ${url}, without what is zero:`);
console.log(scraped.replaceAll(/^# TYPE .*\n.* 0\n/gm, "").trimEnd());
if (!scraped.includes('mqtt_inbound_publishes_total{client="shop"} 3\n')) process.exitCode = 1;

await client.disconnect();
await broker.close();
await listener.close();
server.closeAllConnections();
server.close();
