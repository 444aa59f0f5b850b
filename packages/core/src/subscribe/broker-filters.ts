// SPDX-License-Identifier: Apache-2.0
import { type Publish, parseSharedFilter } from "@mqttv5/wire";
import { InvalidArgumentError } from "../errors.js";
import { LazyMap } from "../lazy-map.js";
import { Message } from "../message.js";
import type { InboundMessage } from "../session/inbound-message.js";
import type { LocalSubscription } from "./local-subscription.js";
import { Router } from "./router.js";
import type { ResolvedFilter } from "./topic-filter.js";

/** One subscription at the broker: an exact filter string, shared by every local subscription on it. */
export class BrokerFilter {
  readonly filter: string;
  options: ResolvedFilter;
  /** Oldest first. */
  readonly holders: LocalSubscription[] = [];
  /** The SUBSCRIBE packets whose Subscription Identifier the broker may use: the latest granted, and those since. */
  readonly #sent: { readonly identifier: number; readonly by: LocalSubscription | undefined }[] = [];
  /** The broker may hold it. */
  asked = false;
  /** The broker has granted it in a session it still holds. */
  confirmed = false;
  /** Who brought about the latest SUBSCRIBE: retained messages it brings are meant for it alone. */
  newest: LocalSubscription | undefined;

  constructor(options: ResolvedFilter) {
    this.filter = options.filter;
    this.options = options;
  }

  /** A SUBSCRIBE leaves, with a Subscription Identifier or 0 for none; `by` brought it about, if one holder did. */
  sent(identifier: number, by: LocalSubscription | undefined): void {
    this.asked = true;
    this.newest = by;
    if (identifier === 0) return;
    if (this.#sent.length === MOST_IDENTIFIERS) this.#sent.shift();
    this.#sent.push({ identifier, by });
  }

  /** Its answer: what the broker uses from a grant on is this identifier, or a later one; what it refused it never uses. */
  answered(identifier: number, granted: boolean): void {
    if (granted) this.confirmed = true;
    const index = this.#sent.findIndex((packet) => packet.identifier === identifier);
    if (index === -1) return;
    if (granted) this.#sent.splice(0, index);
    else this.#sent.splice(index, 1);
  }

  /** Whether one of these Subscription Identifiers stands for it. */
  goesBy(identifiers: readonly number[]): boolean {
    for (const { identifier } of this.#sent) if (identifiers.includes(identifier)) return true;
    return false;
  }

  /** The one holder that a retained message is for, because its SUBSCRIBE brought it; undefined if it is for all. */
  broughtBy(identifiers: readonly number[]): LocalSubscription | undefined {
    for (const { identifier, by } of this.#sent) if (identifiers.includes(identifier)) return by;
    return this.newest;
  }

  /** The broker has lost it. */
  lost(): void {
    this.confirmed = false;
    this.#sent.length = 0;
  }
}

/** A broker that never answers SUBSCRIBE, over any number of connections, must not fill our memory. */
const MOST_IDENTIFIERS = 8;

/** Topics whose receivers are known without a search, and how long such a topic may be. */
const RECENT = 1024;
const LONGEST_RECENT = 256;
/** Searches until the recent topics give way to others: where there are more than are kept, to keep each in turn is in vain. */
const PATIENCE = 16 * RECENT;

/** Which local subscriptions share which subscription at the broker, and so who gets a message. Lives as long as the client. */
export class BrokerFilters {
  /** By exact filter string. */
  readonly #filters = new LazyMap<string, BrokerFilter>();
  /** By the filter that topics are matched with: shared filters of several groups route under the same one. */
  readonly #routes = new LazyMap<string, BrokerFilter[]>();
  /** Those with wildcards; all others are found by the topic itself. */
  readonly #router = new Router<BrokerFilter[]>();
  #wildcards = 0;
  #deliveries = 0;
  /** What topics that came recently are for. Emptied when a route comes or goes. */
  readonly #recent = new LazyMap<string, BrokerFilter[]>();
  /** And what the latest is for: messages in a row often have the same topic. */
  #lastTopic = "";
  #lastRoutes: BrokerFilter[] | undefined;
  /** Searches since as many are known as are kept. */
  #searches = 0;

  get(filter: string): BrokerFilter | undefined {
    return this.#filters.get(filter);
  }

  /** The broker has lost the session and with it every subscription. */
  unconfirm(): void {
    for (const filter of this.#filters.values()) filter.lost();
  }

  /** Whether the subscription still counts on this filter and the broker has not granted it. */
  lacks(local: LocalSubscription, filter: string): boolean {
    const known = this.#filters.get(filter);
    return known !== undefined && !known.confirmed && known.holders.includes(local);
  }

  /** Throws `SUBSCRIPTION_CONFLICT` for options that can't be shared with those of another subscription on the filter. */
  checkConflict(options: ResolvedFilter): void {
    const known = this.#filters.get(options.filter)?.options;
    if (known === undefined) return;
    for (const field of ["noLocal", "retainAsPublished"] as const) {
      if (known[field] === options[field]) continue;
      const limit = `another subscription of this client to ${JSON.stringify(options.filter)} has ${known[field]}`;
      throw new InvalidArgumentError("SUBSCRIPTION_CONFLICT", field, options[field], limit);
    }
  }

  /** Puts a local subscription on a filter. */
  hold(local: LocalSubscription, options: ResolvedFilter): void {
    let known = this.#filters.get(options.filter);
    if (known === undefined) {
      known = new BrokerFilter(options);
      this.#filters.set(options.filter, known);
      this.#route(known);
    } else {
      // The highest QoS that any holder asked for.
      known.options = { ...options, qos: options.qos > known.options.qos ? options.qos : known.options.qos };
    }
    known.holders.push(local);
  }

  /** Takes a local subscription off a filter. True if the broker may hold a subscription that nobody wants any more. */
  release(local: LocalSubscription, filter: string): boolean {
    const known = this.#filters.get(filter);
    const index = known?.holders.indexOf(local) ?? -1;
    if (known === undefined || index === -1) return false;
    known.holders.splice(index, 1);
    if (known.newest === local) known.newest = undefined;
    if (known.holders.length > 0) return false;
    this.#filters.delete(filter);
    this.#unroute(known);
    return known.asked;
  }

  /** A message for whoever subscribed to it; answered at once, and false, if nobody did. */
  deliver(publish: Publish, topic: string, inbound: InboundMessage | undefined): boolean {
    let routes = this.#lastRoutes;
    if (routes === undefined || topic !== this.#lastTopic) {
      routes = this.#recent.get(topic) ?? this.#routesOf(topic);
      this.#lastTopic = topic;
      this.#lastRoutes = routes;
    }
    const first = routes[0];
    if (first === undefined) {
      inbound?.settle(0); // nobody has the message [MQTT-4.5.0-2]
      return false;
    }
    const holder = first.holders[0];
    if (routes.length === 1 && first.holders.length === 1 && !publish.retain && holder !== undefined) {
      if (!holder.sink.borrows()) publish.own(true);
      hand(holder, publish, topic, inbound);
      inbound?.settle(0); // our own hold
      return true;
    }
    const receivers = this.#receivers(routes, publish);
    if (!receivers.every(borrows)) publish.own(true);
    for (const local of receivers) hand(local, publish, topic, inbound);
    inbound?.settle(0);
    return receivers.length > 0;
  }

  // Inside

  #routesOf(topic: string): BrokerFilter[] {
    const exact = this.#routes.get(topic);
    if (this.#wildcards === 0) return exact ?? [];
    const matched = exact === undefined ? [] : [exact];
    this.#router.match(topic, matched);
    const routes = matched.flat();
    if (this.#recent.size >= RECENT) {
      if (++this.#searches < PATIENCE) return routes;
      this.#searches = 0;
      this.#recent.clear();
    }
    if (topic.length <= LONGEST_RECENT) this.#recent.set(topic, routes);
    return routes;
  }

  /** All are known before the first is told: its handler may end subscriptions, its own or others. */
  #receivers(routes: readonly BrokerFilter[], publish: Publish): LocalSubscription[] {
    const identifiers = publish.subscriptionIdentifiers;
    const narrowed = identifiers.length > 0 && routes.some((filter) => filter.goesBy(identifiers));
    const delivery = ++this.#deliveries;
    const receivers: LocalSubscription[] = [];
    for (const filter of routes) {
      if (narrowed && !filter.goesBy(identifiers)) continue;
      // A kept message that a SUBSCRIBE brought; with Retain As Published the flag says nothing of the kind.
      const only = publish.retain && !filter.options.retainAsPublished ? filter.broughtBy(identifiers) : undefined;
      for (const local of filter.holders) {
        if (local.lastDelivery === delivery || (only !== undefined && only !== local)) continue;
        local.lastDelivery = delivery;
        receivers.push(local);
      }
    }
    return receivers;
  }

  #route(known: BrokerFilter): void {
    const inner = innerFilter(known.filter);
    this.#recent.clear();
    this.#lastRoutes = undefined;
    const routed = this.#routes.get(inner);
    if (routed !== undefined) {
      routed.push(known);
      return;
    }
    const list = [known];
    this.#routes.set(inner, list);
    if (!hasWildcard(inner)) return;
    this.#router.set(inner, list);
    this.#wildcards++;
  }

  #unroute(known: BrokerFilter): void {
    const inner = innerFilter(known.filter);
    this.#recent.clear();
    this.#lastRoutes = undefined;
    const routed = this.#routes.get(inner);
    if (routed === undefined) return;
    routed.splice(routed.indexOf(known), 1);
    if (routed.length > 0) return;
    this.#routes.delete(inner);
    if (!hasWildcard(inner)) return;
    this.#router.delete(inner);
    this.#wildcards--;
  }
}

function hand(local: LocalSubscription, publish: Publish, topic: string, inbound: InboundMessage | undefined): void {
  if (local.ended) return;
  inbound?.hold(topic, local.filters);
  local.sink.offer(new Message(publish, topic, inbound, local.filters));
}

function borrows({ sink }: LocalSubscription): boolean {
  return sink.borrows();
}

/** The filter that topics are matched with: what is inside `$share/name/` (section 4.8.2). */
export function innerFilter(filter: string): string {
  return parseSharedFilter(filter)?.filter ?? filter;
}

/** A valid filter holds these characters for no other reason. */
function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}
