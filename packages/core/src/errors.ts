// SPDX-License-Identifier: Apache-2.0
import type { UserProperty } from "@mqttv5/wire";

/**
 * Every error this package makes: one base with a stable `code`, and a subclass only where a caller would branch.
 */

/** What is known about a message or operation that failed. `not-sent` is a guarantee: no connection was ever handed it. */
export type Delivery = "not-sent" | "unknown" | "refused";

/** The stable names of everything that can go wrong. Match these, never the message text. */
export type ErrorCode =
  | "ABORTED"
  | "ALREADY_CONNECTED"
  | "AUTHENTICATION_FAILED"
  | "CLOSED"
  | "CONNECTION_LOST"
  | "CONNECT_FAILED"
  | "CONNECT_REFUSED"
  | "CONNECT_TIMEOUT"
  | "CREDENTIALS_FAILED"
  | "DECODE_FAILED"
  | "EMPTY_FILTER_LIST"
  | "ENCODE_FAILED"
  | "FIELD_TOO_LONG"
  | "GROUP_FAILED"
  | "INVALID_BROKER_URL"
  | "INVALID_FIELD"
  | "INVALID_QOS"
  | "INVALID_SESSION_EXPIRY"
  | "INVALID_TOPIC"
  | "KEEP_ALIVE_TIMEOUT"
  | "MESSAGE_EXPIRED"
  | "MISSING_BROKER"
  | "NO_AUTHENTICATOR"
  | "NOT_AUTHORIZED"
  | "NOT_CONNECTED"
  | "NO_MATCHING_SUBSCRIBERS"
  | "PACKET_IDS_EXHAUSTED"
  | "PACKET_ID_REQUIRED"
  | "PACKET_TOO_LARGE"
  | "PAYLOAD_FORMAT_INVALID"
  | "PROTOCOL_ERROR"
  | "QOS_NOT_SUPPORTED"
  | "QUOTA_EXCEEDED"
  | "REAUTH_IN_PROGRESS"
  | "REAUTH_REJECTED"
  | "REFUSED"
  | "REJECTED_BY_DISCONNECT"
  | "RETAIN_NOT_SUPPORTED"
  | "SERVER_DISCONNECTED"
  | "SESSION_LOST"
  | "SHARED_SUBS_UNSUPPORTED"
  | "STORE_FAILED"
  | "SUBSCRIBE_REFUSED"
  | "SUBSCRIPTION_CONFLICT"
  | "TIMEOUT"
  | "TOPIC_ALIAS_INVALID"
  | "TOPIC_NAME_INVALID"
  | "UNSUBSCRIBE_REFUSED"
  | "WILDCARD_SUBS_UNSUPPORTED"
  | "WRITE_QUEUE_FULL";

/** What an {@link MqttError} may carry besides its code and message. */
export interface MqttErrorDetails {
  readonly cause?: unknown;
  readonly delivery?: Delivery | undefined;
}

/** Registered, so that errors of two copies of this package recognise each other. */
const BRAND: unique symbol = Symbol.for("@mqttv5/core.MqttError") as never;

/** The base of every error this package makes. */
export class MqttError extends Error {
  /** Stable name of what went wrong. */
  readonly code: ErrorCode;
  /** On operations: what is known about the message. */
  readonly delivery: Delivery | undefined;

  constructor(code: ErrorCode, message: string, details: MqttErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = code === "ABORTED" ? "AbortError" : code === "TIMEOUT" ? "TimeoutError" : new.target.name;
    this.code = code;
    this.delivery = details.delivery;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Whether `error` is an error of this package, of this copy or another one. */
  static is(error: unknown): error is MqttError {
    return typeof error === "object" && error !== null && BRAND in error;
  }
}

/** An argument or option that can't be used. Nothing was sent, unless `delivery` says that an earlier broker was sent it. */
export class InvalidArgumentError extends MqttError {
  /** The option, argument or packet field that is wrong. */
  readonly field: string;
  /** What was given. */
  readonly value: unknown;
  /** What would have been accepted. */
  readonly limit: string;

  constructor(
    code: ErrorCode,
    field: string,
    value: unknown,
    limit: string,
    cause?: unknown,
    delivery: Delivery = "not-sent",
  ) {
    super(code, `${field} is ${show(value)}: ${limit}`, { cause, delivery });
    this.field = field;
    this.value = value;
    this.limit = limit;
  }
}

/** The other side answered with a Reason Code of 0x80 or above (section 2.4). */
export class ReasonCodeError extends MqttError {
  /** The packet that carried the code: `CONNACK`, `PUBACK`, `PUBREC`, `DISCONNECT`, … */
  readonly packet: string;
  /** 0x80 or above. */
  readonly reasonCode: number;
  /** The broker's own words, if it had any. */
  readonly reasonString: string | undefined;
  /** Name and value pairs that came with the code. */
  readonly userProperties: readonly UserProperty[];
  /** Where else to go, on CONNACK and DISCONNECT (section 4.11). */
  readonly serverReference: string | undefined;

  constructor(code: ErrorCode, message: string, reason: Reason, details?: MqttErrorDetails) {
    super(code, reason.reasonString === undefined ? message : `${message}: ${reason.reasonString}`, details);
    this.packet = reason.packet;
    this.reasonCode = reason.reasonCode;
    this.reasonString = reason.reasonString;
    this.userProperties = reason.userProperties ?? [];
    this.serverReference = reason.serverReference;
  }
}

/** A Reason Code and what came with it. */
export interface Reason {
  readonly packet: string;
  readonly reasonCode: number;
  readonly reasonString?: string | undefined;
  readonly userProperties?: readonly UserProperty[] | undefined;
  readonly serverReference?: string | undefined;
}

/** The other side broke the protocol; the connection was closed with `reasonCode` (section 4.13). */
export class ProtocolError extends MqttError {
  /** What the DISCONNECT said that closed the connection. */
  readonly reasonCode: number;

  constructor(reasonCode: number, message: string, details?: MqttErrorDetails) {
    super("PROTOCOL_ERROR", message, details);
    this.reasonCode = reasonCode;
  }
}

/** What the broker answered for one Topic Filter. */
export interface FilterResult {
  /** As the broker was asked for it: `+` where the caller wrote a parameter. */
  readonly filter: string;
  /** The granted QoS, or 0x80 and above where it was refused. */
  readonly reasonCode: number;
}

/** The broker refused a SUBSCRIBE or UNSUBSCRIBE, wholly or for some of its filters. */
export class SubscribeError extends MqttError {
  /** One entry a filter, in the order asked for. */
  readonly results: readonly FilterResult[];
  /** The broker's own words, if it had any. */
  readonly reasonString: string | undefined;

  constructor(code: ErrorCode, message: string, results: readonly FilterResult[], reasonString?: string) {
    super(code, reasonString === undefined ? message : `${message}: ${reasonString}`, { delivery: "refused" });
    this.results = results;
    this.reasonString = reasonString;
  }
}

/** A value for an error message: short, one line, never a secret's whole length. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
