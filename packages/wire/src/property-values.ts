// SPDX-License-Identifier: Apache-2.0

/** A User Property: any two texts. Names may repeat, and their order has meaning. Section 3.1.2.11.8. */
export type UserProperty = readonly [name: string, value: string];

/** The names of a packet's properties in this package, each with the type of its value. */
export interface PropertyValues {
  /** 0: the payload is bytes (the default); 1: it is UTF-8 text. */
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  /** Seconds the message may wait for delivery; absent: for ever. */
  readonly messageExpiryInterval?: number | undefined;
  /** The content type of the payload, by convention a MIME type. */
  readonly contentType?: string | undefined;
  /** The topic an answer is expected on; without wildcards, not empty. */
  readonly responseTopic?: string | undefined;
  /** What the answer has to carry unchanged. */
  readonly correlationData?: Uint8Array | undefined;
  /** SUBSCRIBE only: 1 to 268,435,455. */
  readonly subscriptionIdentifier?: number | undefined;
  /** PUBLISH to a client only: the identifiers of the subscriptions that matched. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
  /** Seconds the session outlives the connection; 0xFFFFFFFF: for ever. */
  readonly sessionExpiryInterval?: number | undefined;
  /** The client identifier the server chose. */
  readonly assignedClientIdentifier?: string | undefined;
  /** Seconds; replaces the client's own Keep Alive. */
  readonly serverKeepAlive?: number | undefined;
  readonly authenticationMethod?: string | undefined;
  /** Only together with `authenticationMethod`. */
  readonly authenticationData?: Uint8Array | undefined;
  /** false: no Reason String nor User Properties wanted on failures; absent means true. */
  readonly requestProblemInformation?: boolean | undefined;
  /** Seconds between the end of the connection and the Will Message. */
  readonly willDelayInterval?: number | undefined;
  /** true: please send Response Information; absent means false. */
  readonly requestResponseInformation?: boolean | undefined;
  readonly responseInformation?: string | undefined;
  /** Other servers to use, separated by spaces. */
  readonly serverReference?: string | undefined;
  /** Text for a human who diagnoses a problem. */
  readonly reasonString?: string | undefined;
  /** How many QoS 1 and 2 publishes may be unacknowledged at once: 1 to 65,535, the default. */
  readonly receiveMaximum?: number | undefined;
  /** The highest topic alias this side accepts; absent means 0, none. */
  readonly topicAliasMaximum?: number | undefined;
  /** 1 to 65,535; stands for the topic, or is set to it. */
  readonly topicAlias?: number | undefined;
  /** The highest QoS the server takes in a PUBLISH; absent means 2. */
  readonly maximumQoS?: 0 | 1 | undefined;
  readonly retainAvailable?: boolean | undefined;
  /** Pairs of texts in their order; repeated names are kept. */
  readonly userProperties?: readonly UserProperty[] | undefined;
  /** Bytes of a whole packet, at least 1; absent: as large as the protocol allows. */
  readonly maximumPacketSize?: number | undefined;
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  readonly subscriptionIdentifierAvailable?: boolean | undefined;
  readonly sharedSubscriptionAvailable?: boolean | undefined;
}

type Of<Name extends keyof PropertyValues> = Pick<PropertyValues, Name>;

/** What CONNECT may carry. Section 3.1.2.11. */
export type ConnectProperties = Of<
  | "sessionExpiryInterval"
  | "authenticationMethod"
  | "authenticationData"
  | "requestProblemInformation"
  | "requestResponseInformation"
  | "receiveMaximum"
  | "topicAliasMaximum"
  | "userProperties"
  | "maximumPacketSize"
>;
/** What a Will may carry. Section 3.1.3.2. */
export type WillProperties = Of<
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "willDelayInterval"
  | "userProperties"
>;
/** What CONNACK may carry. Section 3.2.2.3. */
export type ConnackProperties = Of<
  | "sessionExpiryInterval"
  | "assignedClientIdentifier"
  | "serverKeepAlive"
  | "authenticationMethod"
  | "authenticationData"
  | "responseInformation"
  | "serverReference"
  | "reasonString"
  | "receiveMaximum"
  | "topicAliasMaximum"
  | "maximumQoS"
  | "retainAvailable"
  | "userProperties"
  | "maximumPacketSize"
  | "wildcardSubscriptionAvailable"
  | "subscriptionIdentifierAvailable"
  | "sharedSubscriptionAvailable"
>;
/** What PUBLISH may carry; `subscriptionIdentifiers` only from a server. Section 3.3.2.3. */
export type PublishProperties = Of<
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "subscriptionIdentifiers"
  | "topicAlias"
  | "userProperties"
>;
/** What PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK may carry. Section 3.4.2.2. */
export type AckProperties = Of<"reasonString" | "userProperties">;
/** What SUBSCRIBE may carry. Section 3.8.2.1. */
export type SubscribeProperties = Of<"subscriptionIdentifier" | "userProperties">;
/** What UNSUBSCRIBE may carry. Section 3.10.2.1. */
export type UnsubscribeProperties = Of<"userProperties">;
/** What DISCONNECT may carry: `sessionExpiryInterval` from a client only, `serverReference` from a server only. Section 3.14.2.2. */
export type DisconnectProperties = Of<"sessionExpiryInterval" | "reasonString" | "userProperties" | "serverReference">;
/** What AUTH carries; the method is mandatory. Section 3.15.2.2. */
export type AuthProperties = Of<"authenticationMethod" | "authenticationData" | "reasonString" | "userProperties">;
