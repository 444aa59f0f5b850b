// SPDX-License-Identifier: Apache-2.0
import { encode, PacketType, parseSharedFilter, type SubscribeFilter } from "@mqttv5/wire";
import { type Delivery, InvalidArgumentError } from "../errors.js";
import type { ServerInfo } from "../server-info.js";
import { innerFilter } from "./broker-filters.js";

/** What a broker said it does not offer is not asked of it, whether for the first time or again (section 3.2.2.3). */

/** The highest Subscription Identifier there is (section 3.8.2.1.2). */
export const HIGHEST_IDENTIFIER = 268_435_455;

/** Why this broker must not be sent a SUBSCRIBE for these filters. `delivery`: what is known of it already. */
export function subscribeProblem(
  filters: readonly SubscribeFilter[],
  info: ServerInfo | undefined,
  delivery: Delivery = "not-sent",
): InvalidArgumentError | undefined {
  if (info === undefined) return undefined;
  for (const { filter } of filters) {
    if (!info.sharedSubscriptionAvailable && parseSharedFilter(filter) !== undefined) {
      const limit = "the broker has no shared subscriptions";
      return new InvalidArgumentError("SHARED_SUBS_UNSUPPORTED", "filter", filter, limit, undefined, delivery);
    }
    if (!info.wildcardSubscriptionAvailable && /[+#]/.test(innerFilter(filter))) {
      const limit = "the broker has no wildcard subscriptions";
      return new InvalidArgumentError("WILDCARD_SUBS_UNSUPPORTED", "filter", filter, limit, undefined, delivery);
    }
  }
  if (info.maximumPacketSize === Infinity) return undefined;
  const { length } = encode({
    type: PacketType.Subscribe,
    packetId: 1,
    subscriptions: filters,
    properties: { subscriptionIdentifier: info.subscriptionIdentifierAvailable ? HIGHEST_IDENTIFIER : undefined },
  });
  return tooLarge(length, info, delivery);
}

/** The same for an UNSUBSCRIBE. */
export function unsubscribeProblem(
  filters: readonly string[],
  info: ServerInfo | undefined,
  delivery: Delivery = "not-sent",
): InvalidArgumentError | undefined {
  if (info === undefined || info.maximumPacketSize === Infinity) return undefined;
  return tooLarge(encode({ type: PacketType.Unsubscribe, packetId: 1, filters }).length, info, delivery);
}

/** The broker's Maximum Packet Size counts the whole packet [MQTT-3.2.2-15]. */
function tooLarge(size: number, info: ServerInfo, delivery: Delivery): InvalidArgumentError | undefined {
  if (size <= info.maximumPacketSize) return undefined;
  const limit = `the broker takes at most ${info.maximumPacketSize} bytes`;
  return new InvalidArgumentError("PACKET_TOO_LARGE", "filters", `${size} bytes`, limit, undefined, delivery);
}
