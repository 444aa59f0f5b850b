// SPDX-License-Identifier: Apache-2.0
import {
  parseSharedFilter,
  type QoS,
  type RetainHandling,
  type SubscribeFilter,
  topicFilterProblem,
} from "@mqttv5/wire";
import { flag, invalid, qos, text } from "../check.js";
import { InvalidArgumentError } from "../errors.js";

/** How the broker is to deliver what matches a filter (section 3.8.3.1). */
export interface DeliveryOptions {
  /** The highest QoS to deliver at. Default 0. */
  readonly qos?: QoS | undefined;
  /** Not what this client published itself. Default false. */
  readonly noLocal?: boolean | undefined;
  /** Keep the RETAIN flag as it was published. Default false: it then means "kept from before the subscription". */
  readonly retainAsPublished?: boolean | undefined;
  /** Retained messages: 0 at each subscribe (default), 1 only if the subscription is new, 2 never. */
  readonly retainHandling?: RetainHandling | undefined;
}

/** A Topic Filter with options of its own. */
export interface TopicFilter extends DeliveryOptions {
  readonly topic: string;
}

/** What `subscribe` takes: one filter or several, in one SUBSCRIBE. */
export type Filters = string | TopicFilter | readonly (string | TopicFilter)[];

/** Checks filters and fills in what they leave to `defaults`. */
export function resolveFilters(filters: Filters, defaults: DeliveryOptions): SubscribeFilter[] {
  const list = Array.isArray(filters)
    ? (filters as readonly (string | TopicFilter)[])
    : [filters as string | TopicFilter];
  if (list.length === 0) {
    throw new InvalidArgumentError("EMPTY_FILTER_LIST", "filters", filters, "needs at least one Topic Filter"); // [MQTT-3.8.3-2]
  }
  const seen = new Set<string>();
  return list.map((item, index) => {
    const resolved = resolveFilter(item, defaults, list.length === 1 ? "filter" : `filters[${index}]`);
    if (seen.has(resolved.filter))
      throw invalid(`filters[${index}]`, resolved.filter, "must not repeat a filter of the same call");
    seen.add(resolved.filter);
    return resolved;
  });
}

function resolveFilter(item: string | TopicFilter, defaults: DeliveryOptions, field: string): SubscribeFilter {
  const own: DeliveryOptions = typeof item === "string" ? {} : item;
  if (typeof own !== "object" || own === null) throw invalid(field, item, "must be a string or a TopicFilter");
  const filter = text(field, typeof item === "string" ? item : item.topic);
  const problem = topicFilterProblem(filter);
  if (problem !== undefined) throw new InvalidArgumentError("INVALID_TOPIC", field, filter, problem);
  const noLocal = flag("noLocal", own.noLocal ?? defaults.noLocal) ?? false;
  if (noLocal && parseSharedFilter(filter) !== undefined) {
    throw invalid("noLocal", true, `must be false for the shared filter ${JSON.stringify(filter)}`); // [MQTT-3.8.3-4]
  }
  return {
    filter,
    qos: qos("qos", own.qos ?? defaults.qos ?? 0),
    noLocal,
    retainAsPublished: flag("retainAsPublished", own.retainAsPublished ?? defaults.retainAsPublished) ?? false,
    retainHandling: retainHandling(own.retainHandling ?? defaults.retainHandling ?? 0),
  };
}

function retainHandling(value: unknown): RetainHandling {
  if (value !== 0 && value !== 1 && value !== 2) throw invalid("retainHandling", value, "must be 0, 1 or 2");
  return value;
}
