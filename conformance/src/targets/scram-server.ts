// SPDX-License-Identifier: Apache-2.0
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { AuthenticationRounds } from "@mqttv5/testing";
import { ReasonCode } from "@mqttv5/wire";
import { DECEIVED_USER, KNOWN_USER } from "../target.js";

const ITERATIONS = 4096;
const hmac = (key: Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();

/** The broker's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), for the known user; an impostor for the deceived one. */
export function* scramServer(first: Uint8Array | undefined): AuthenticationRounds {
  const refused = { reasonCode: ReasonCode.NotAuthorized };
  const [, name, clientNonce] = /^n,,n=([^,]+),r=(.+)$/.exec(Buffer.from(first ?? []).toString()) ?? [];
  const impostor = name === DECEIVED_USER;
  if ((name !== KNOWN_USER.username && !impostor) || clientNonce === undefined) return refused;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(KNOWN_USER.password, salt, ITERATIONS, 32, "sha256");
  const nonce = clientNonce + randomBytes(12).toString("base64");
  const challenge = `r=${nonce},s=${salt.toString("base64")},i=${ITERATIONS}`;
  const answer = Buffer.from((yield Buffer.from(challenge)) ?? []).toString();
  const [, withoutProof = "", said, proof64 = ""] = /^(c=biws,r=(.+)),p=(.+)$/.exec(answer) ?? [];
  const message = `n=${name},r=${clientNonce},${challenge},${withoutProof}`;
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
  const proof = Buffer.from(proof64, "base64");
  const clientKey = hmac(storedKey, message).map((byte, index) => byte ^ (proof[index] ?? 0));
  const known = createHash("sha256").update(clientKey).digest().equals(storedKey);
  if (impostor) return { data: Buffer.from(`v=${randomBytes(32).toString("base64")}`) };
  if (said !== nonce || !known) return refused;
  return { data: Buffer.from(`v=${hmac(hmac(salted, "Server Key"), message).toString("base64")}`) };
}
