// SPDX-License-Identifier: Apache-2.0
// How a connection can end, and what becomes of the session, of the Will and of a publish that is under way.
import { Client, constantBackoff, ReasonCode } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const broker = new TestBroker();
const listener = await listen(broker);
broker.subscribe("example/disconnect/wills/#", ({ topic }) =>
  console.log(`  the broker publishes the Will of ${topic.split("/").pop()}`),
);

const newClient = (clientId, options = {}) =>
  new Client({
    broker: listener.url,
    clientId,
    sessionExpiryInterval: 60,
    reconnectBackoff: constantBackoff(10),
    will: { topic: `example/disconnect/wills/${clientId}`, payload: "gone" },
    ...options,
  });
const sessions = () => broker.sessions.map(({ clientId }) => clientId).join(", ") || "none";

async function scene(title, act) {
  console.log(title);
  await act();
  console.log(`  sessions that the broker keeps: ${sessions()}`);
}

await scene("disconnect(): the session stays for 60 s, no Will", async () => {
  const client = newClient("polite");
  await client.connect();
  await client.disconnect();
});

await scene("disconnect({ sessionExpiryInterval: 0 }): nothing stays", async () => {
  const client = newClient("polite");
  await client.connect();
  await client.disconnect({ sessionExpiryInterval: 0, reasonString: "retired" });
});

await scene("disconnect({ reasonCode: 0x04 }): with the Will", async () => {
  const client = newClient("dramatic");
  await client.connect();
  await client.disconnect({ reasonCode: ReasonCode.DisconnectWithWillMessage, sessionExpiryInterval: 0 });
});

await scene("the broker throws the client out: it comes back, and its session goes on", async () => {
  const client = newClient("thrown", {
    onServerDisconnect: (error) => console.log(`  DISCONNECT 0x${error.reasonCode.toString(16)} of the broker`),
  });
  await client.connect();
  const states = client.states();
  broker.disconnect("thrown", { reasonCode: ReasonCode.AdministrativeAction });
  for await (const state of states) {
    if (state.status !== "connected") continue;
    console.log(`  connected again, session resumed: ${state.serverInfo.sessionPresent}`);
    if (client.stats().connects === 2) break;
  }
  await client.disconnect({ sessionExpiryInterval: 0 });
});

await scene("a publish that is under way settles, and says what is known", async () => {
  const client = newClient("hasty");
  await client.connect();
  const publishing = client.publish("example/disconnect", "x", { qos: 2 }).catch((error) => error);
  await client.disconnect({ sessionExpiryInterval: 0 });
  const error = await publishing;
  console.log(`  ${error.code}, delivery: ${error.delivery}`);
});

await scene("`await using` disconnects at the end of the block, where the language has it", async () => {
  const client = newClient("tidy");
  await client.connect();
  await client[Symbol.asyncDispose]();
  console.log(`  state: ${client.state.status}`);
});

await broker.close();
await listener.close();
