// SPDX-License-Identifier: Apache-2.0
// MQTT over WebSocket: a signed URL for each attempt, a broker that goes away, and what a failed handshake tells.
// In a browser the same program has the platform's WebSocket; here it is the package ws. MQTT_BROKER=ws://host:port/path uses your broker.
import { createServer } from "node:http";
import { Client, constantBackoff, MqttError } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/ws";
import { ws, WsError } from "@mqttv5/transport-ws";

// A broker in this process, so that the example needs nothing else. An application has none of this.
const broker = new TestBroker();
const listener = await listen(broker);

let attempts = 0;
const transport = ws({
  // Asked before each attempt; it may ask somebody else in turn. In Node it may give headers, too.
  async request(url) {
    const signed = new URL(url);
    signed.searchParams.set("token", `secret-${++attempts}`);
    return { url: signed };
  },
});
const client = new Client({
  broker: process.env.MQTT_BROKER || listener.url,
  transport,
  sessionExpiryInterval: 60,
  reconnectBackoff: constantBackoff(100),
});
await client.connect();
console.log(`connected over ${new URL(client.state.broker).protocol} with token ${attempts}`);

const subscription = await client.subscribe("example/ws/#", { qos: 1 });
await client.publish("example/ws/hello", "over WebSocket", { qos: 1 });
broker.drop(); // your own broker stays, and so does the connection
await client.connected();
await client.publish("example/ws/hello", "and again", { qos: 1, timeout: 10_000 });
let left = 2;
for await (const message of subscription) {
  console.log(`${message.topic}: ${message.text()}`);
  message.ack();
  if (--left === 0) break;
}
console.log(`signed URLs so far: ${attempts}`);
await client.disconnect();

// What answers, but is no broker: the error says what it answered.
const website = createServer((_, response) => response.writeHead(401).end());
website.on("upgrade", (_, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n"));
await new Promise((resolve) => website.listen(0, "127.0.0.1", resolve));
const lost = new Client({ broker: `ws://127.0.0.1:${website.address().port}/mqtt`, transport: ws() });
try {
  await lost.connect();
  process.exitCode = 1;
} catch (error) {
  if (!MqttError.is(error) || !(error.cause instanceof WsError)) throw error;
  const { code, field, value } = error.cause;
  console.log(`${error.code}: ${code}, ${field} ${String(value)}`);
}

website.close();
await broker.close();
await listener.close();
console.log("disconnected");
