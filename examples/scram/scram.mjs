// SPDX-License-Identifier: Apache-2.0
// SCRAM-SHA-256 (RFC 7677): client and broker prove to each other that they know the password, which neither sends. A wrong
// password is refused by the broker; a broker that only pretends to know it is found out by the client.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { Client, scramSha256 } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { ReasonCode } from "@mqttv5/wire";

const ITERATIONS = 4096;
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

/** What a broker keeps of a password: enough to check a proof, not enough to make one. */
function verifierOf(password) {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
  return { salt, storedKey, serverKey: hmac(salted, "Server Key") };
}

/** The broker's side, as a script of TestBroker: each `yield` is a challenge, and gives the client's answer. */
function scramServer({ salt, storedKey, serverKey }) {
  return function* (first) {
    const [, bare, clientNonce] = /^n,,(n=[^,]+,r=(.+))$/.exec(Buffer.from(first).toString()) ?? [];
    const nonce = clientNonce + randomBytes(12).toString("base64");
    const challenge = `r=${nonce},s=${salt.toString("base64")},i=${ITERATIONS}`;
    const answer = Buffer.from(yield Buffer.from(challenge)).toString();
    const [, withoutProof, said, proof] = /^(c=biws,r=(.+)),p=(.+)$/.exec(answer) ?? [];
    const message = `${bare},${challenge},${withoutProof}`;
    const clientKey = hmac(storedKey, message).map((byte, index) => byte ^ Buffer.from(proof, "base64")[index]);
    const known = said === nonce && createHash("sha256").update(clientKey).digest().equals(storedKey);
    if (!known) return { reasonCode: ReasonCode.NotAuthorized };
    return { data: Buffer.from(`v=${hmac(serverKey, message).toString("base64")}`) };
  };
}

const verifier = verifierOf("correct horse");
const honest = await brokerWith(verifier);
// It has stolen what lets it check a proof, but can't make the one that a broker owes.
const stolen = { ...verifier, serverKey: randomBytes(32) };
const impostor = await brokerWith(stolen);

async function brokerWith(known) {
  const broker = new TestBroker({ authenticationMethods: { "SCRAM-SHA-256": scramServer(known) } });
  const listener = await listen(broker);
  return { url: listener.url, close: () => Promise.all([broker.close(), listener.close()]) };
}

async function login(what, { url }, password) {
  const client = new Client({ broker: url, authenticator: scramSha256({ username: "sensor", password }) });
  try {
    await client.connect();
    await client.reauthenticate(); // may be repeated on the open connection
    console.log(`${what}: connected, and authenticated again`);
    return true;
  } catch (error) {
    console.log(`${what}: ${error.code}, ${error.message}`);
    return false;
  } finally {
    await client.disconnect();
  }
}

const accepted = await login("the right password", honest, "correct horse");
const refused = await login("a wrong password  ", honest, "battery staple");
const deceived = await login("an impostor       ", impostor, "correct horse");
await honest.close();
await impostor.close();
process.exitCode = accepted && !refused && !deceived ? 0 : 1;
