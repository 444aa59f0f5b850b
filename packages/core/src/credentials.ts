// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, encode, type UserProperty } from "@mqttv5/wire";
import { asText, fromEncodeError, having, invalid, secret } from "./check.js";
import { MqttError } from "./errors.js";
import { unlessAborted } from "./signal.js";

/** What one attempt proves its identity with. What is left out stays as the client's options have it. */
export interface Credentials {
  /** Default: the option `username`. */
  readonly username?: string | undefined;
  /** Default: the option `password`. */
  readonly password?: Uint8Array | string | undefined;
  /** Sent after those of the client's options. */
  readonly userProperties?: readonly UserProperty[] | undefined;
  /** Request headers, for transports that start with an HTTP request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Asked before each attempt; `attempt` counts from 1 since the last stable connection. `signal` aborts when the attempt
 * is over its `connectTimeout` or the client ends: nothing is waited for any longer.
 */
export type CredentialsProvider = (attempt: number, signal: AbortSignal) => Credentials | PromiseLike<Credentials>;

/** Credentials, checked against the CONNECT they go into. */
export interface CheckedCredentials {
  readonly connect: Pick<ConnectPacket, "username" | "password" | "properties">;
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/**
 * Asks for the credentials of an attempt. Rejects with `CREDENTIALS_FAILED`, whose cause says what the provider threw or
 * what is wrong with its answer, and with the reason of `signal` when that aborts.
 */
export async function askCredentials(
  provider: CredentialsProvider,
  attempt: number,
  signal: AbortSignal,
  base: ConnectPacket,
): Promise<CheckedCredentials> {
  try {
    const asked = (async () => provider(attempt, signal))();
    return check(await unlessAborted(asked, signal), base);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const text = error instanceof Error ? error.message : String(error);
    throw new MqttError("CREDENTIALS_FAILED", `No credentials for the attempt: ${text}`, { cause: error });
  }
}

function check(credentials: Credentials, base: ConnectPacket): CheckedCredentials {
  if (credentials === undefined) throw invalid("credentials", credentials, "must be an object");
  having("credentials", credentials);
  const { username, password, userProperties, headers } = credentials;
  const connect = {
    username: username === undefined ? base.username : asText("credentials.username", username),
    password: password === undefined ? base.password : secret("credentials.password", password),
    properties:
      userProperties === undefined
        ? base.properties
        : { ...base.properties, userProperties: [...(base.properties?.userProperties ?? []), ...userProperties] },
  };
  try {
    encode({ ...base, ...connect });
  } catch (error) {
    throw fromEncodeError(error);
  }
  for (const [name, value] of Object.entries(having("credentials.headers", headers) ?? {})) {
    if (typeof value !== "string") throw invalid(`credentials.headers.${name}`, value, "must be a string");
  }
  return { connect, headers };
}
