// SPDX-License-Identifier: Apache-2.0
import type { Stats } from "@mqttv5/core";
import type { Member } from "./member.js";

/** Counters of a group and of its members. */
export interface GroupStats {
  /** Publishes in turn that another member took, because the one whose turn it was certainly had not sent them. */
  readonly publishesMoved: number;
  /** Publishes that rejected. */
  readonly publishesFailed: number;
  /** Gauge: members that have a connection. */
  readonly membersConnected: number;
  /** The sum of the members' counters and gauges; `ackHeadAge` is that of the oldest. */
  readonly total: Readonly<Stats>;
  /** Each member's own, by name. */
  readonly members: ReadonlyMap<string, Readonly<Stats>>;
}

/** The counters at this moment. */
export function groupStats(
  list: readonly Member[],
  { moved, failed }: { readonly moved: number; readonly failed: number },
): GroupStats {
  const members = new Map(list.map(({ name, client }) => [name, client.stats()]));
  return {
    publishesMoved: moved,
    publishesFailed: failed,
    membersConnected: list.filter(({ connected }) => connected).length,
    total: [...members.values()].reduce(added),
    members,
  };
}

function added(sum: Readonly<Stats>, stats: Readonly<Stats>): Stats {
  const total = { ...sum };
  for (const key of Object.keys(stats) as (keyof Stats)[]) total[key] += stats[key];
  total.ackHeadAge = Math.max(sum.ackHeadAge, stats.ackHeadAge);
  return total;
}
