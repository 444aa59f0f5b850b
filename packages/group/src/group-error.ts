// SPDX-License-Identifier: Apache-2.0
import { type Delivery, type ErrorCode, InvalidArgumentError, MqttError } from "@mqttv5/core";

/** A member did its part. */
export interface MemberSuccess<T> {
  /** The member's name. */
  readonly member: string;
  readonly status: "fulfilled";
  /** What its client resolved with. */
  readonly value: T;
}

/** A member did not. */
export interface MemberFailure {
  readonly member: string;
  readonly status: "rejected";
  /** What its client rejected with; on a publish its `delivery` says what is known of this member's copy. */
  readonly error: MqttError;
}

/**
 * The call was decided without this member, which has lost its connection, or has none yet. Its client goes on by itself: a publish at
 * QoS 1 or 2 that it was handed is delivered once it is connected again.
 */
export interface MemberPending<T> {
  readonly member: string;
  readonly status: "pending";
  /** What comes of it. Never rejects. */
  readonly outcome: Promise<MemberSuccess<T> | MemberFailure>;
}

/** What became of a call at one member. */
export type MemberResult<T> = MemberSuccess<T> | MemberFailure | MemberPending<T>;

/** The calls of a group that several members take part in. */
export type GroupOperation = "connect" | "publish" | "subscribe" | "unsubscribe" | "disconnect";

/**
 * Fewer members did their part than were needed. `code` is `ABORTED` or `TIMEOUT` if that ended the call; else the one code that
 * all failed members have, such as `NOT_CONNECTED` or `CLOSED`; else `GROUP_FAILED`. `delivery` of a publish is `not-sent` only if no member was handed the
 * message, `refused` only if no broker took it, and otherwise `unknown`. `cause` is the member's error, or an `AggregateError` of several.
 */
export class GroupError extends MqttError {
  readonly operation: GroupOperation;
  /** How many members had to succeed. */
  readonly needed: number;
  /** One entry for each member that was asked, in the order of the members, or in that of the attempts where they were asked in turn. */
  readonly results: readonly MemberResult<unknown>[];

  /** Made by {@link ClientGroup}. */
  constructor(operation: GroupOperation, needed: number, results: readonly MemberResult<unknown>[]) {
    const errors = errorsOf(results);
    super(codeOf(errors), textOf(operation, needed, results), {
      cause: errors.length > 1 ? new AggregateError(errors, `${errors.length} members failed`) : errors[0],
      delivery: operation === "publish" || operation === "subscribe" ? deliveryOf(results, errors) : undefined,
    });
    this.operation = operation;
    this.needed = needed;
    this.results = results;
  }
}

/** What was asked for can't be done anywhere: the caller's own mistake, to be told as a client tells it. */
const OF_THE_CALLER: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "EMPTY_FILTER_LIST",
  "FIELD_TOO_LONG",
  "INVALID_FIELD",
  "INVALID_QOS",
  "INVALID_SESSION_EXPIRY",
  "INVALID_TOPIC",
]);

/** Whether a wrong argument is to blame, which no other member would take either. */
export function isWrongArgument(error: MqttError): boolean {
  return error instanceof InvalidArgumentError && OF_THE_CALLER.has(error.code);
}

/** The error of a call that failed: that of a wrong argument as it is, anything else with every member's part. */
export function failure(
  operation: GroupOperation,
  needed: number,
  results: readonly MemberResult<unknown>[],
): MqttError {
  const errors = errorsOf(results);
  const [first] = errors;
  if (first !== undefined && errors.length === results.length && errors.every(isWrongArgument)) return first;
  return new GroupError(operation, needed, results);
}

/** How many members did their part. */
export function successes(results: readonly MemberResult<unknown>[]): number {
  return results.filter(({ status }) => status === "fulfilled").length;
}

function errorsOf(results: readonly MemberResult<unknown>[]): MqttError[] {
  return results.flatMap((result) => (result.status === "rejected" ? [result.error] : []));
}

function codeOf(errors: readonly MqttError[]): ErrorCode {
  for (const code of ["ABORTED", "TIMEOUT"] as const) {
    if (errors.some((error) => error.code === code)) return code;
  }
  const [first] = errors;
  return first !== undefined && errors.every(({ code }) => code === first.code) ? first.code : "GROUP_FAILED";
}

/** The least that is certain of all copies together. */
function deliveryOf(results: readonly MemberResult<unknown>[], errors: readonly MqttError[]): Delivery {
  if (errors.length < results.length) return "unknown";
  if (errors.every(({ delivery }) => delivery === "not-sent")) return "not-sent";
  return errors.every(({ delivery }) => delivery === "not-sent" || delivery === "refused") ? "refused" : "unknown";
}

function textOf(operation: GroupOperation, needed: number, results: readonly MemberResult<unknown>[]): string {
  const parts = results.flatMap((result) => {
    if (result.status === "fulfilled") return [];
    return `${result.member}: ${result.status === "rejected" ? result.error.message : "has no connection yet"}`;
  });
  const count = `${successes(results)} of ${results.length} members succeeded, ${needed} needed`;
  return `${operation}: ${count}; ${parts.join("; ")}`;
}
