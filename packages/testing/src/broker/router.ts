// SPDX-License-Identifier: Apache-2.0

import { parseSharedFilter } from "@mqttv5/wire";
import { SharedGroup } from "./shared-group.js";
import type { Subscriber, Subscription } from "./subscription.js";

/** One level of a filter, and what is subscribed to the filter that ends here. */
interface Level {
  readonly children: Map<string, Level>;
  readonly subscriptions: Map<Subscriber, Subscription>;
  readonly groups: Map<string, SharedGroup>;
}

/** Who is to have a message. */
export interface Matches {
  /** All matching subscriptions of each subscriber that share nothing. */
  readonly direct: ReadonlyMap<Subscriber, readonly Subscription[]>;
  readonly groups: readonly SharedGroup[];
}

/**
 * All subscriptions as a tree of topic levels, so that finding the receivers of a message takes as long as its topic is
 * deep, not as there are sessions. Lives as long as the broker.
 */
export class Router {
  readonly #root: Level = newLevel();

  /** Adds a subscription, or replaces the one its subscriber has to the same filter. */
  add(subscription: Subscription): void {
    const { shareName, levels } = parse(subscription.filter);
    let level = this.#root;
    for (const name of levels) level = childOf(level, name);
    if (shareName === undefined) level.subscriptions.set(subscription.subscriber, subscription);
    else groupOf(level, shareName).add(subscription);
  }

  remove(subscriber: Subscriber, filter: string): void {
    const { shareName, levels } = parse(filter);
    const path: Level[] = [this.#root];
    for (const name of levels) {
      const child = path.at(-1)?.children.get(name);
      if (!child) return;
      path.push(child);
    }
    const level = path.at(-1);
    if (shareName === undefined) {
      level?.subscriptions.delete(subscriber);
    } else {
      const group = level?.groups.get(shareName);
      group?.remove(subscriber);
      if (group?.empty) level?.groups.delete(shareName);
    }
    for (let depth = levels.length; depth > 0; depth--) {
      if (path[depth] && !isEmpty(path[depth] as Level)) break;
      path[depth - 1]?.children.delete(levels[depth - 1] as string);
    }
  }

  /** Whether nothing is subscribed. */
  get empty(): boolean {
    return isEmpty(this.#root);
  }

  match(topic: string): Matches {
    const direct = new Map<Subscriber, Subscription[]>();
    const groups: SharedGroup[] = [];
    const take = (level: Level | undefined): void => {
      if (!level) return;
      for (const [subscriber, subscription] of level.subscriptions) {
        const found = direct.get(subscriber);
        if (found) found.push(subscription);
        else direct.set(subscriber, [subscription]);
      }
      groups.push(...level.groups.values());
    };
    const names = topic.split("/");
    const visit = (level: Level, depth: number): void => {
      const wildcards = depth > 0 || !topic.startsWith("$"); // [MQTT-4.7.2-1]
      if (wildcards) take(level.children.get("#"));
      const name = names[depth];
      if (name === undefined) {
        take(level);
        return;
      }
      const exact = level.children.get(name);
      if (exact) visit(exact, depth + 1);
      const any = wildcards ? level.children.get("+") : undefined;
      if (any) visit(any, depth + 1);
    };
    visit(this.#root, 0);
    return { direct, groups };
  }
}

function parse(filter: string): { shareName: string | undefined; levels: string[] } {
  const shared = parseSharedFilter(filter);
  return { shareName: shared?.shareName, levels: (shared?.filter ?? filter).split("/") };
}

function newLevel(): Level {
  return { children: new Map(), subscriptions: new Map(), groups: new Map() };
}

function isEmpty(level: Level): boolean {
  return level.children.size === 0 && level.subscriptions.size === 0 && level.groups.size === 0;
}

function childOf(level: Level, name: string): Level {
  const child = level.children.get(name) ?? newLevel();
  level.children.set(name, child);
  return child;
}

function groupOf(level: Level, shareName: string): SharedGroup {
  const group = level.groups.get(shareName) ?? new SharedGroup();
  level.groups.set(shareName, group);
  return group;
}
