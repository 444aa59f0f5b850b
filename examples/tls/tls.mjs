// SPDX-License-Identifier: Apache-2.0
// TLS: a broker whose certificate no system knows is refused, unless the client is told whom to trust; with `cert` and `key` the
// client shows a certificate too. The certificates are made anew in each run, and kept nowhere.
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { generate } from "selfsigned";

const name = (commonName) => [{ name: "commonName", value: commonName }];
const extensions = [
  {
    name: "subjectAltName",
    altNames: [
      { type: 2, value: "localhost" },
      { type: 7, ip: "127.0.0.1" },
    ],
  },
];
const server = await generate(name("localhost"), { extensions, algorithm: "sha256" });
const device = await generate(name("device-7"), { algorithm: "sha256" });

const testBroker = new TestBroker();
const listener = await listen(testBroker, {
  tls: {
    key: server.private,
    cert: server.cert,
    ca: device.cert, // whom the broker trusts
    requestCert: true,
    rejectUnauthorized: true,
  },
});
const broker = `mqtts://localhost:${listener.port}`;

/** What became of connecting with these settings. */
async function attempt(what, tls) {
  const client = new Client({ broker, tls });
  try {
    await client.connect();
    await client.publish("example/tls", "over TLS", { qos: 1 });
    console.log(`${what}: connected, and published`);
    return true;
  } catch (error) {
    console.log(`${what}: ${error.code}, ${error.cause?.code ?? error.message}`);
    return false;
  } finally {
    await client.disconnect();
  }
}

const refused = [
  await attempt("trusting the system's roots   ", {}),
  await attempt("expecting another host        ", { ca: server.cert, servername: "example.org" }),
  await attempt("without a client's certificate", { ca: server.cert }),
];
const accepted = await attempt("with both certificates        ", {
  ca: server.cert,
  cert: device.cert,
  key: device.private,
});
await testBroker.close();
await listener.close();
process.exitCode = accepted && !refused.includes(true) ? 0 : 1;
