// SPDX-License-Identifier: Apache-2.0
import {
  parseSharedFilter,
  type QoS,
  type RetainHandling,
  type SubscribeFilter,
  topicFilterProblem,
} from "@mqttv5/wire";
import { asText, flag, invalid, qos } from "../check.js";
import { InvalidArgumentError } from "../errors.js";
import { type AnyParameters, type TopicParameters, type TopicPattern, topicPattern } from "../topic-parameters.js";

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
  /** The filter itself (section 4.7.1), `$share/…` included. */
  readonly topic: string;
  /** Whether a `{name}` level is a parameter. Default true; false takes such a level literally. */
  readonly params?: boolean | undefined;
}

/** What `subscribe` takes: one filter or several, in one SUBSCRIBE. */
export type Filters = string | TopicFilter | readonly (string | TopicFilter)[];

/** The parameters of what was subscribed to; of several filters a union. See {@link Message.params}. */
export type ParametersOf<F extends Filters> = F extends readonly (infer Item)[] ? Of<Item> : Of<F>;

type Of<Item> = Item extends string
  ? TopicParameters<Item>
  : Item extends { readonly params: false }
    ? // oxlint-disable-next-line typescript/no-generated-empty-object-type -- no parameters
      Record<never, never>
    : Item extends { readonly params: boolean | undefined; readonly topic: string }
      ? true extends Item["params"]
        ? false extends Item["params"]
          ? AnyParameters
          : TopicParameters<Item["topic"]>
        : TopicParameters<Item["topic"]>
      : Item extends { readonly topic: infer Topic extends string }
        ? TopicParameters<Topic>
        : never;

/** A filter as it is asked of the broker, with what the client keeps for itself. */
export interface ResolvedFilter extends SubscribeFilter, TopicPattern {
  /** The application asked for this Retain Handling, so that nothing else is sent. */
  readonly retainHandlingSet: boolean;
}

/** Checks filters and fills in what they leave to `defaults`. */
export function resolveFilters(filters: Filters, defaults: DeliveryOptions): ResolvedFilter[] {
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

function resolveFilter(item: string | TopicFilter, defaults: DeliveryOptions, field: string): ResolvedFilter {
  const own: DeliveryOptions = typeof item === "string" ? {} : item;
  if (typeof own !== "object" || own === null) throw invalid(field, item, "must be a string or a TopicFilter");
  const written = asText(field, typeof item === "string" ? item : item.topic);
  const fail = (problem: string): never => {
    throw new InvalidArgumentError("INVALID_TOPIC", field, written, problem);
  };
  const literal = typeof item !== "string" && flag("params", item.params) === false;
  const { filter, parameters } = literal ? { filter: written, parameters: [] } : topicPattern(written, fail);
  const problem = topicFilterProblem(filter);
  if (problem !== undefined) fail(problem);
  const noLocal = flag("noLocal", own.noLocal ?? defaults.noLocal) ?? false;
  if (noLocal && parseSharedFilter(filter) !== undefined) {
    throw invalid("noLocal", true, `must be false for the shared filter ${JSON.stringify(filter)}`); // [MQTT-3.8.3-4]
  }
  const handling = own.retainHandling ?? defaults.retainHandling;
  return {
    filter,
    parameters,
    qos: qos("qos", own.qos ?? defaults.qos ?? 0),
    noLocal,
    retainAsPublished: flag("retainAsPublished", own.retainAsPublished ?? defaults.retainAsPublished) ?? false,
    retainHandling: retainHandling(handling ?? 0),
    retainHandlingSet: handling !== undefined,
  };
}

function retainHandling(value: unknown): RetainHandling {
  if (value !== 0 && value !== 1 && value !== 2) throw invalid("retainHandling", value, "must be 0, 1 or 2");
  return value;
}
