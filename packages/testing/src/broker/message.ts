// SPDX-License-Identifier: Apache-2.0

import type { DecodedWill, Publish, PublishProperties, QoS } from "@mqttv5/wire";

/** What of a message travels on unchanged. The rest depends on who receives it, and when. */
export type MessageProperties = Omit<
  PublishProperties,
  "messageExpiryInterval" | "subscriptionIdentifiers" | "topicAlias"
>;

/** An application message the broker owns. Immutable: one object serves all who receive it. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /** RETAIN as it was received. */
  readonly retain: boolean;
  readonly properties: MessageProperties;
  /** When it expires, on the broker's clock. */
  readonly expiresAt: number | undefined;
  /** The Client Identifier of its publisher; undefined if the broker's owner published it. */
  readonly publisher: string | undefined;
}

/** The message in a received PUBLISH, on bytes of its own. `topic` is given because an alias may stand for it. */
export function messageOf(packet: Publish, topic: string, publisher: string, now: number): Message {
  const publish = packet.own();
  const { messageExpiryInterval, topicAlias: _alias, ...properties } = publish.properties.toObject();
  return {
    topic,
    payload: publish.payload,
    qos: publish.qos,
    retain: publish.retain,
    properties,
    expiresAt: expiryOf(messageExpiryInterval, now),
    publisher,
  };
}

/** The message in a Will. Its Message Expiry Interval counts from `now`, the time of publication. Section 3.1.3.2.4. */
export function messageOfWill(will: DecodedWill, publisher: string, now: number): Message {
  const { messageExpiryInterval, willDelayInterval: _delay, ...properties } = will.properties.toObject();
  return {
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties,
    expiresAt: expiryOf(messageExpiryInterval, now),
    publisher,
  };
}

/** When an interval in seconds that starts `now` is over. */
export function expiryOf(interval: number | undefined, now: number): number | undefined {
  return interval === undefined ? undefined : now + interval * 1000;
}

export function isExpired(message: Message, now: number): boolean {
  return message.expiresAt !== undefined && message.expiresAt <= now;
}

/** The properties a receiver gets: an interval shorter by the time the message waited. [MQTT-3.3.2-6] */
export function forwardedProperties(
  message: Message,
  subscriptionIdentifiers: readonly number[],
  now: number,
): PublishProperties {
  const remaining =
    message.expiresAt === undefined ? undefined : Math.max(0, Math.ceil((message.expiresAt - now) / 1000));
  return { ...message.properties, messageExpiryInterval: remaining, subscriptionIdentifiers };
}
