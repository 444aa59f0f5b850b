// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "@mqttv5/core";
import type { StandardIssue } from "./standard-schema.js";

/** What a schema objects to, with the way to the offending value: `["readings", 0, "temp"]`. */
export interface JsonIssue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

/**
 * A value that is not JSON, or a payload that is not what it should be.
 *
 * `code` is `ENCODE_FAILED` (nothing was sent) or `DECODE_FAILED`; `issues` is what the schema objects to, empty when
 * the payload failed before it got there; `cause` is the error underneath, when there is one.
 */
export class JsonCodecError extends MqttError {
  declare readonly code: "ENCODE_FAILED" | "DECODE_FAILED";
  readonly issues: readonly JsonIssue[];

  constructor(code: JsonCodecError["code"], message: string, details: JsonErrorDetails) {
    super(code, message, details);
    this.issues = details.issues ?? [];
  }
}

interface JsonErrorDetails {
  readonly cause?: unknown;
  readonly issues?: readonly JsonIssue[];
}

const NAMED_ISSUES = 3;

/** The error for a schema's objections: how many and the first few are in the message, all are in `issues`. */
export function schemaError(
  code: JsonCodecError["code"],
  what: string,
  found: ReadonlyArray<StandardIssue>,
): JsonCodecError {
  const issues = found.map(
    ({ message, path }): JsonIssue => ({
      message,
      path: path?.map((segment) => (typeof segment === "object" ? segment.key : segment)) ?? [],
    }),
  );
  const named = issues.slice(0, NAMED_ISSUES).map(({ message, path }) => {
    return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
  });
  return new JsonCodecError(code, `${what} does not match the schema (${issues.length}): ${named.join("; ")}`, {
    issues,
  });
}

/** Throws a `TypeError` for what is not right: about an argument, or as the cause of an error of ours. */
export function check(right: boolean, problem: string): void {
  if (!right) throw new TypeError(problem);
}
