// SPDX-License-Identifier: Apache-2.0

import { parseSharedFilter, ReasonCode, type SubscribeFilter, type SubscribePacket } from "@mqttv5/wire";
import type { Exchange } from "./exchange.js";
import type { Verdict } from "./hooks.js";
import type { Settings } from "./options.js";
import type { Session } from "./session.js";
import { lowerQoS, type Subscription } from "./subscription.js";

/** The reason code to close with if a SUBSCRIBE uses what the CONNACK said is not available. Section 3.2.2.3.11 to 13. */
export function unavailableFeature(packet: SubscribePacket, settings: Settings): number | undefined {
  const filters = packet.subscriptions.map(({ filter }) => filter);
  if (!settings.subscriptionIdentifierAvailable && packet.properties?.subscriptionIdentifier !== undefined) {
    return ReasonCode.SubscriptionIdentifiersNotSupported;
  }
  if (!settings.sharedSubscriptionAvailable && filters.some(parseSharedFilter)) {
    return ReasonCode.SharedSubscriptionsNotSupported;
  }
  if (!settings.wildcardSubscriptionAvailable && filters.some((filter) => /[+#]/.test(filter))) {
    return ReasonCode.WildcardSubscriptionsNotSupported;
  }
  return undefined;
}

/** One filter of a SUBSCRIBE, carried out. */
export interface Subscribed {
  readonly reasonCode: number;
  /** The subscription that is to have retained messages, if it is. */
  readonly wantsRetained: Subscription | undefined;
}

/** Adds a subscription or replaces the one to the same filter. [MQTT-3.8.4-3] */
export function subscribe(
  session: Session,
  exchange: Exchange,
  asked: SubscribeFilter,
  identifier: number | undefined,
  verdict: Verdict,
): Subscribed {
  if (verdict.reasonCode >= 0x80) return { reasonCode: verdict.reasonCode, wantsRetained: undefined };
  const { filter, noLocal, retainAsPublished, retainHandling } = asked;
  const qos = lowerQoS(asked.qos, verdict.reasonCode as SubscribeFilter["qos"]);
  const subscription = { subscriber: session, filter, qos, noLocal, retainAsPublished, identifier };
  const isNew = !session.subscriptions.has(filter);
  session.subscriptions.set(filter, subscription);
  exchange.router.add(subscription);
  const wantsRetained =
    parseSharedFilter(filter) === undefined && (retainHandling === 0 || (retainHandling === 1 && isNew)); // [MQTT-3.3.1-10]
  return { reasonCode: qos, wantsRetained: wantsRetained ? subscription : undefined };
}

/** Removes the subscription to exactly this filter, and gives the reason code for UNSUBACK. [MQTT-3.10.4-1] */
export function unsubscribe(session: Session, exchange: Exchange, filter: string): number {
  if (!session.subscriptions.delete(filter)) return ReasonCode.NoSubscriptionExisted;
  exchange.router.remove(session, filter);
  return ReasonCode.Success;
}
