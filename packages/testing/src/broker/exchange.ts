// SPDX-License-Identifier: Apache-2.0

import type { QoS } from "@mqttv5/wire";
import type { Message } from "./message.js";
import { RetainedStore } from "./retained-store.js";
import { Router } from "./router.js";
import { type Delivery, identifiersOf, lowerQoS, type Subscriber, type Subscription } from "./subscription.js";

/** Takes messages in and hands them to all who subscribed. Lives as long as the broker. */
export class Exchange {
  readonly router: Router = new Router();
  readonly retained: RetainedStore = new RetainedStore();

  /** Says whether anybody is to have the message. */
  publish(message: Message): boolean {
    if (message.retain) this.retained.store(message);
    const { direct, groups } = this.router.match(message.topic);
    let receivers = groups.length;
    for (const [subscriber, subscriptions] of direct) {
      const wanted = subscriptions.filter((subscription) => !isOwn(message, subscription));
      if (wanted.length === 0) continue;
      receivers += 1;
      subscriber.deliver(deliveryOf(message, wanted));
    }
    for (const group of groups) group.deliver(message);
    return receivers > 0;
  }

  /** Sends what is retained to a subscription just made. RETAIN is 1, whatever Retain As Published says. */
  sendRetained(subscription: Subscription, now: number): void {
    for (const message of this.retained.matching(subscription.filter, now)) {
      if (isOwn(message, subscription)) continue;
      subscription.subscriber.deliver({ ...deliveryOf(message, [subscription]), retain: true });
    }
  }

  removeAll(subscriber: Subscriber, filters: Iterable<string>): void {
    for (const filter of filters) this.router.remove(subscriber, filter);
  }
}

/** [MQTT-3.8.3-3] */
function isOwn(message: Message, subscription: Subscription): boolean {
  return subscription.noLocal && message.publisher === subscription.subscriber.clientId;
}

/** One copy for all matching subscriptions of a subscriber. */
function deliveryOf(message: Message, subscriptions: readonly Subscription[]): Delivery {
  const granted = Math.max(...subscriptions.map(({ qos }) => qos)) as QoS; // [MQTT-3.3.4-2]
  return {
    message,
    qos: lowerQoS(message.qos, granted),
    retain: message.retain && subscriptions.some(({ retainAsPublished }) => retainAsPublished), // [MQTT-3.3.1-12]
    identifiers: identifiersOf(subscriptions),
    share: undefined,
  };
}
