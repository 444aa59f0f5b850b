// SPDX-License-Identifier: Apache-2.0

import type { QoS } from "@mqttv5/wire";
import type { Message } from "./message.js";

/** Where messages go: a session, or a callback of the broker's owner. */
export interface Subscriber {
  readonly clientId: string;
  /** Whether a message would leave at once. */
  readonly connected: boolean;
  deliver(delivery: Delivery): void;
}

/** What a subscriber asked for. Lasts until it is replaced, removed, or its session ends. */
export interface Subscription {
  readonly subscriber: Subscriber;
  /** The Topic Filter as it was subscribed, `$share/…` included. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number | undefined;
}

/** A message on its way to one subscriber. */
export interface Delivery {
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  /** Who finds another receiver if this one is lost before it has started: the group of a shared subscription. */
  readonly share: Share | undefined;
}

export interface Share {
  deliver(message: Message): void;
}

/** The identifiers of these subscriptions. [MQTT-3.3.4-4] */
export function identifiersOf(subscriptions: readonly Subscription[]): readonly number[] {
  return subscriptions.flatMap(({ identifier }) => (identifier === undefined ? [] : [identifier]));
}

/** [MQTT-3.8.4-8] */
export function lowerQoS(one: QoS, other: QoS): QoS {
  return one < other ? one : other;
}
