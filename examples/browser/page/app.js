// SPDX-License-Identifier: Apache-2.0
// The page's program: makes a client for the broker that was typed in, and hands it to the four cards.
import { Client, exponentialBackoff } from "@mqttv5/core";
import { ws } from "@mqttv5/transport-ws";
import { ConnectionCard } from "./connection-card.js";
import { MessagesCard } from "./messages-card.js";
import { PublishCard } from "./publish-card.js";
import { SubscriptionsCard } from "./subscriptions-card.js";

const connection = new ConnectionCard(document.querySelector("#connection"), { connect, disconnect });
const messages = new MessagesCard(document.querySelector("#messages"));
const subscriptions = new SubscriptionsCard(document.querySelector("#subscriptions"), messages);
const publish = new PublishCard(document.querySelector("#publish"));

/** The client of the moment; undefined before the first, and after one that has closed. */
let client;

connection.broker = new URLSearchParams(location.search).get("broker") ?? ownBroker();

function connect(broker) {
  client = new Client({
    broker,
    transport: ws(),
    retryInitialConnect: true, // a broker that is not there yet is waited for
    reconnectBackoff: exponentialBackoff(1_000, 8_000, 200), // milliseconds: first, longest, spread
    whenOffline: "wait", // what is published without a connection waits for the next
  });
  for (const card of [subscriptions, publish]) card.use(client);
  void follow(client);
  // The state tells how it went: it is closed, with the cause, after a refusal that no attempt can mend.
  client.connect().catch(() => {});
}

/** A page that is reloaded comes back as somebody else: nobody needs the session any more. */
function disconnect() {
  void client?.disconnect({ sessionExpiryInterval: 0 });
}

/** Shows every state the client goes through, until it is closed. */
async function follow(followed) {
  for await (const state of followed.states()) {
    connection.show(state);
    publish.show(state);
  }
  client = undefined;
  for (const card of [subscriptions, publish]) card.use(undefined);
}

/** Where the broker is if it is where the page is. */
function ownBroker() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`;
}
