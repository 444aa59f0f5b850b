// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, encodeUtf8, ReasonCode } from "@mqttv5/wire";
import type { AsyncAuthenticationRounds, AuthenticationScript } from "@mqttv5/testing";
import { fromBase64, hmacSha256, pbkdf2Sha256, sha256, toBase64 } from "../src/webcrypto.js";

/** What a server of SCRAM-SHA-256 keeps of a user: not the password (RFC 5802, section 3). */
interface Stored {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

async function store(password: string): Promise<Stored> {
  const salt = encodeUtf8("some salt");
  const iterations = 4096;
  const salted = await pbkdf2Sha256(encodeUtf8(password), salt, iterations);
  const storedKey = await sha256(await hmacSha256(salted, encodeUtf8("Client Key")));
  return { salt, iterations, storedKey, serverKey: await hmacSha256(salted, encodeUtf8("Server Key")) };
}

/** The broker's side of SCRAM-SHA-256, which knows one user. An impostor has no key of theirs. */
export function scramServer(username: string, password: string, impostor = false): AuthenticationScript {
  let exchanges = 0;
  return async function* (first): AsyncAuthenticationRounds {
    const refused = { reasonCode: ReasonCode.NotAuthorized };
    const [, name, clientNonce] = /^n,,n=([^,]+),r=(.+)$/.exec(decodeUtf8(first ?? new Uint8Array())) ?? [];
    if (name !== username || clientNonce === undefined) return refused;
    const user = await store(password);
    const nonce = `${clientNonce}server${++exchanges}`;
    const challenge = `r=${nonce},s=${toBase64(user.salt)},i=${user.iterations}`;
    const answer = decodeUtf8((yield encodeUtf8(challenge)) ?? new Uint8Array());
    const [, withoutProof = "", said, proof64 = ""] = /^(c=biws,r=(.+)),p=(.+)$/.exec(answer) ?? [];
    const message = encodeUtf8(`n=${name},r=${clientNonce},${challenge},${withoutProof}`);
    const signature = await hmacSha256(user.storedKey, message);
    const proof = fromBase64(proof64) ?? new Uint8Array(32);
    const clientKey = signature.map((byte, index) => byte ^ (proof[index] as number));
    const known = toBase64(await sha256(clientKey)) === toBase64(user.storedKey);
    if (!impostor && (said !== nonce || !known)) return refused;
    const key = impostor ? new Uint8Array(32) : user.serverKey;
    return { data: encodeUtf8(`v=${toBase64(await hmacSha256(key, message))}`) };
  };
}
