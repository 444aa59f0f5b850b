// SPDX-License-Identifier: Apache-2.0
// A bearer token that expires. `credentials` gets a fresh one for each attempt to connect; an `authenticator` renews it on the
// open connection, without a message lost, before it runs out.
import { Client, constantBackoff } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

/** Milliseconds. Real ones live for an hour or so. */
const LIFETIME = 500;

/** Where tokens come from: with a real one this is `fetch(tokenEndpoint, { signal, … })`. */
const authority = {
  issued: 0,
  async token(signal) {
    signal.throwIfAborted();
    this.issued++;
    return `token-${this.issued}.${Date.now() + LIFETIME}`;
  },
  isValid: (token) => Number(token.split(".")[1]) > Date.now(),
};

const SUCCESS = 0x00;
const NOT_AUTHORIZED = 0x87;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// 1. As the password of CONNECT.
{
  const broker = new TestBroker({
    authenticate: ({ password }) => (authority.isValid(decoder.decode(password)) ? SUCCESS : NOT_AUTHORIZED),
  });
  const listener = await listen(broker);
  const client = new Client({
    broker: listener.url,
    reconnectBackoff: constantBackoff(10),
    credentials: async (attempt, signal) => {
      const token = await authority.token(signal);
      console.log(`  attempt ${attempt}: ${token.split(".")[0]}`);
      return { username: "device-7", password: token };
    },
  });
  console.log("a token for each attempt");
  await client.connect();
  await new Promise((resolve) => setTimeout(resolve, LIFETIME + 50)); // the first token is worthless by now
  broker.drop();
  await nextConnection(client, 2);
  console.log(`  connected ${client.stats().connects} times`);
  await client.disconnect();
  await broker.close();
  await listener.close();
}

// 2. In an AUTH dialogue, which can be repeated while the connection is in use (section 4.12.1 of the standard).
{
  const bearer = {
    method: "OAUTHBEARER",
    async begin(signal) {
      const token = await authority.token(signal);
      return {
        initial: encoder.encode(`n,,\u0001auth=Bearer ${token}\u0001\u0001`), // RFC 7628
        respond: () => new Uint8Array([1]), // the broker refuses, and wants to hear that we have understood
      };
    },
  };
  const broker = new TestBroker({
    authenticationMethods: {
      *OAUTHBEARER(data) {
        const token = decoder.decode(data).split("\u0001")[1]?.replace("auth=Bearer ", "");
        if (authority.isValid(token)) return { reasonCode: SUCCESS };
        yield encoder.encode('{"status":"invalid_token"}');
        return { reasonCode: NOT_AUTHORIZED };
      },
    },
  });
  const listener = await listen(broker);
  const client = new Client({
    broker: listener.url,
    authenticator: bearer,
    onReauthenticated: () => console.log("  the broker has taken the new token"),
  });
  console.log("renewed on the open connection");
  await client.connect();
  let renewals = 0;
  let published = 0;
  for (const until = Date.now() + 2 * LIFETIME; Date.now() < until; published++) {
    if (published % 10 === 9 && ++renewals <= 3) await client.reauthenticate({ timeout: 5000 });
    await client.publish("example/oauth", `${published}`, { qos: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  console.log(`  ${published} messages published, connected once: ${client.stats().connects === 1}`);
  await client.disconnect();
  await broker.close();
  await listener.close();
}
console.log(`${authority.issued} tokens were issued`);

async function nextConnection(client, number) {
  const states = client.states();
  if (client.stats().connects >= number && client.state.status === "connected") return;
  for await (const { status } of states) if (status === "connected" && client.stats().connects >= number) return;
}
