// SPDX-License-Identifier: Apache-2.0
import type { ConnectPacket } from "@mqttv5/wire";
import { asText, having, invalid } from "../check.js";
import type { Clock } from "../clock.js";
import { type Delivery, InvalidArgumentError, MqttError } from "../errors.js";
import { within } from "../signal.js";
import type { AuthenticationExchange, Authenticator } from "./authenticator.js";

/** An exchange that has begun, and what the client says first: all checked. */
export interface BegunExchange {
  readonly exchange: AuthenticationExchange;
  readonly initial: Uint8Array | undefined;
}

/** A client's authenticator, checked; its method is the one of this moment. */
export function pinned(authenticator: Authenticator | undefined): Authenticator | undefined {
  if (authenticator === undefined) return undefined;
  having("authenticator", authenticator, "begin");
  const method = asText("authenticator.method", authenticator.method);
  if (method === "") throw invalid("authenticator.method", method, "must not be empty");
  return { method, begin: (signal) => authenticator.begin(signal) };
}

/**
 * Begins an exchange. Rejects with `AUTHENTICATION_FAILED`, whose cause says what the authenticator threw or what is wrong with
 * its answer, and with the reason of `signal` when that aborts, whatever the authenticator does.
 */
export async function beginExchange(
  authenticator: Authenticator,
  clock: Clock,
  signal: AbortSignal,
): Promise<BegunExchange> {
  try {
    const beginning = (async () => authenticator.begin(signal))();
    const exchange = await within(clock, { signal }, beginning);
    if (exchange === undefined) throw invalid("exchange", exchange, "must be an object");
    having("exchange", exchange, "respond");
    if (exchange.verify !== undefined) having("exchange", exchange, "verify");
    return { exchange, initial: authenticationData("exchange.initial", exchange.initial) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw authenticationFailure(error, "not-sent");
  }
}

/** A CONNECT with what the exchange says first. */
export function withExchange(packet: ConnectPacket, begun: BegunExchange | undefined): ConnectPacket {
  if (begun === undefined) return packet;
  return { ...packet, properties: { ...packet.properties, authenticationData: begun.initial } };
}

/** The authenticator's bytes, checked. An error never shows them. */
export function authenticationData(field: string, data: unknown): Uint8Array | undefined {
  if (data === undefined) return undefined;
  if (!(data instanceof Uint8Array)) throw invalid(field, "(hidden)", "must be a Uint8Array");
  if (data.length <= LONGEST_DATA) return data;
  throw new InvalidArgumentError("FIELD_TOO_LONG", field, data, `must have at most ${LONGEST_DATA} bytes`);
}

/** What an authenticator threw, as the error of this package. */
export function authenticationFailure(error: unknown, delivery?: Delivery): MqttError {
  if (MqttError.is(error) && error.code === "AUTHENTICATION_FAILED" && error.delivery === delivery) return error;
  const said = error instanceof Error ? error.message : typeof error === "string" ? error : "it threw no error";
  return new MqttError("AUTHENTICATION_FAILED", `The authenticator failed: ${said}`, { cause: error, delivery });
}

/** Binary Data has a length of two bytes (section 1.5.6). */
const LONGEST_DATA = 65_535;
