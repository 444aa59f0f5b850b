// SPDX-License-Identifier: Apache-2.0
import { InvalidArgumentError } from "@mqttv5/core";

/** How many members have to succeed for a call to succeed: every one, one, or so many. */
export type GroupSuccess = "all" | "any" | { readonly quorum: number };

/** The number that it stands for, in a group of so many members. */
export function needed(field: string, success: GroupSuccess, members: number): number {
  if (success === "all") return members;
  if (success === "any") return 1;
  if (typeof success !== "object" || success === null) {
    throw new InvalidArgumentError("INVALID_FIELD", field, success, "must be all, any or { quorum: number }");
  }
  const { quorum } = success;
  if (Number.isInteger(quorum) && quorum >= 1 && quorum <= members) return quorum;
  const limit = `must be an integer from 1 to ${members}, the number of members`;
  throw new InvalidArgumentError("INVALID_FIELD", `${field}.quorum`, quorum, limit);
}
