// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from "@mqttv5/wire";

/** Reason Codes of DISCONNECT by which a broker says that something it was sent is at fault (section 3.14.2.1). */
export const BLAMING: ReadonlySet<number> = new Set<number>([
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.TopicFilterInvalid,
  ReasonCode.TopicNameInvalid,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.QuotaExceeded,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.SharedSubscriptionsNotSupported,
  ReasonCode.SubscriptionIdentifiersNotSupported,
  ReasonCode.WildcardSubscriptionsNotSupported,
]);

/** So often an operation may be unanswered when the broker blames us; then it is given up, or it would come back for ever. */
export const STRIKES = 3;
