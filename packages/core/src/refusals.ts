// SPDX-License-Identifier: Apache-2.0
import { type ErrorCode, type MqttError, ReasonCodeError } from "./errors.js";
import type { Logger } from "./logger.js";

/**
 * What to do about a refusal: `fatal` ends the client with it; `retry` goes on as after any failure; `slow` at the longest
 * delay, where asking again soon would change nothing; `double` at twice the last delay, however long the connection
 * lasted. Each further attempt asks `credentials` anew.
 */
export type RefusalVerdict = "fatal" | "retry" | "slow" | "double";

/** What a {@link RefusalPolicy} is told besides the Reason Code. */
export interface RefusalContext {
  /** There has been a connection since `connect` was called. */
  readonly everConnected: boolean;
  /** What carried the Reason Code: the answer to CONNECT, or the end of a connection. */
  readonly packet: "CONNACK" | "DISCONNECT";
}

/** The application's own judgement of a Reason Code of 0x80 or above; `undefined` leaves it to the table. */
export type RefusalPolicy = (reasonCode: number, context: RefusalContext) => RefusalVerdict | undefined;

/** `[before the first connection, after it]`, for CONNACK; what is not listed is retried. */
export const CONNACK_VERDICTS: ReadonlyMap<number, readonly [RefusalVerdict, RefusalVerdict]> = new Map([
  [0x80, ["retry", "retry"]], // Unspecified error
  [0x81, ["fatal", "retry"]], // Malformed Packet
  [0x82, ["fatal", "retry"]], // Protocol Error
  [0x83, ["retry", "retry"]], // Implementation specific error
  [0x84, ["fatal", "slow"]], // Unsupported Protocol Version
  [0x85, ["fatal", "slow"]], // Client Identifier not valid
  [0x86, ["fatal", "slow"]], // Bad User Name or Password
  [0x87, ["fatal", "slow"]], // Not authorized
  [0x88, ["retry", "retry"]], // Server unavailable
  [0x89, ["retry", "retry"]], // Server busy
  [0x8a, ["fatal", "slow"]], // Banned
  [0x8c, ["fatal", "slow"]], // Bad authentication method
  [0x90, ["retry", "retry"]], // Topic Name invalid
  [0x95, ["retry", "retry"]], // Packet too large
  [0x97, ["retry", "retry"]], // Quota exceeded
  [0x99, ["retry", "retry"]], // Payload format invalid
  [0x9a, ["retry", "retry"]], // Retain not supported
  [0x9b, ["retry", "retry"]], // QoS not supported
  [0x9c, ["retry", "retry"]], // Use another server
  [0x9d, ["retry", "retry"]], // Server moved
  [0x9f, ["retry", "retry"]], // Connection rate exceeded
]);

/** For DISCONNECT; what is not listed is retried. */
export const DISCONNECT_VERDICTS: ReadonlyMap<number, RefusalVerdict> = new Map([
  [0x8e, "double"], // Session taken over: two clients with one identifier would throw each other out for ever
]);

/**
 * `[before the first connection, after it]`, for attempts that failed on our side; what is not listed is retried. An authenticator
 * that could not even begin is not meant: what it needs may come back, as with `credentials`.
 */
export const FAILURE_VERDICTS: ReadonlyMap<ErrorCode, readonly [RefusalVerdict, RefusalVerdict]> = new Map([
  ["AUTHENTICATION_FAILED", ["fatal", "slow"]], // the broker could not prove who it is, or could not be answered
]);

const VERDICTS: readonly unknown[] = ["fatal", "retry", "slow", "double"];

/** How an attempt is to be taken that failed without a connection. */
export function judgeAttempt(
  cause: MqttError,
  everConnected: boolean,
  policy: RefusalPolicy | undefined,
  logger: Logger,
): RefusalVerdict {
  const verdicts = cause.delivery === "not-sent" ? undefined : FAILURE_VERDICTS.get(cause.code);
  return verdicts?.[everConnected ? 1 : 0] ?? judge(cause, everConnected, policy, logger);
}

/** How a lost connection is to be taken, or a refusal. A policy that throws or answers nonsense is logged and passed over. */
export function judge(
  cause: MqttError,
  everConnected: boolean,
  policy: RefusalPolicy | undefined,
  logger: Logger,
): RefusalVerdict {
  if (!(cause instanceof ReasonCodeError) || cause.reasonCode < 0x80) return "retry";
  const { packet, reasonCode } = cause;
  if (packet !== "CONNACK" && packet !== "DISCONNECT") return "retry";
  try {
    const verdict = policy?.(reasonCode, { everConnected, packet });
    if (VERDICTS.includes(verdict)) return verdict as RefusalVerdict;
    if (verdict !== undefined) logger.error?.(`refusals returned ${verdict}`);
  } catch (error) {
    logger.error?.("refusals threw", error);
  }
  if (packet === "DISCONNECT") return DISCONNECT_VERDICTS.get(reasonCode) ?? "retry";
  return CONNACK_VERDICTS.get(reasonCode)?.[everConnected ? 1 : 0] ?? "retry";
}
