// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "./packet-type.js";
import type { PropertyValues } from "./property-values.js";

/** The identifiers of the 27 properties of MQTT 5. Section 2.2.2.2. */
export const Property = {
  PayloadFormatIndicator: 1,
  MessageExpiryInterval: 2,
  ContentType: 3,
  ResponseTopic: 8,
  CorrelationData: 9,
  SubscriptionIdentifier: 11,
  SessionExpiryInterval: 17,
  AssignedClientIdentifier: 18,
  ServerKeepAlive: 19,
  AuthenticationMethod: 21,
  AuthenticationData: 22,
  RequestProblemInformation: 23,
  WillDelayInterval: 24,
  RequestResponseInformation: 25,
  ResponseInformation: 26,
  ServerReference: 28,
  ReasonString: 31,
  ReceiveMaximum: 33,
  TopicAliasMaximum: 34,
  TopicAlias: 35,
  MaximumQoS: 36,
  RetainAvailable: 37,
  UserProperty: 38,
  MaximumPacketSize: 39,
  WildcardSubscriptionAvailable: 40,
  SubscriptionIdentifierAvailable: 41,
  SharedSubscriptionAvailable: 42,
} as const;

/** The identifier of a property. */
export type Property = (typeof Property)[keyof typeof Property];

/** How the value of a property is written. `Bit` and `Flag` are both one byte of 0 or 1, read as a number or a boolean. */
export const Kind = { Bit: 1, Flag: 2, U16: 3, U32: 4, Varint: 5, Text: 6, Topic: 7, Binary: 8, Pair: 9 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** One line of the property table. */
export interface PropertyRule {
  readonly id: Property;
  readonly name: keyof PropertyValues;
  readonly kind: Kind;
  /** One bit for each packet type that may carry it; bit 0 stands for the properties of a Will. */
  readonly where: number;
  /** May stand in one packet many times; its value is a list. */
  readonly many: boolean;
  /** 0 is not allowed. */
  readonly positive: boolean;
}

/** The place of Will Properties among the packet types: the standard gives them rules of their own. Section 3.1.3.2. */
export const WillContext = 0;

const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback } =
  PacketType;
const { Disconnect, Auth } = PacketType;
const message = [Publish, WillContext];
const explained = [Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth];
const everywhere = [...explained, ...message, Connect, Subscribe, Unsubscribe];
const authentication = [Connect, Connack, Auth];

const many = { many: true };
const positive = { positive: true };

// Table 2-4 of the standard with the value ranges of each property's own section.
export const propertyRules: readonly PropertyRule[] = [
  rule(Property.PayloadFormatIndicator, "payloadFormatIndicator", Kind.Bit, message),
  rule(Property.MessageExpiryInterval, "messageExpiryInterval", Kind.U32, message),
  rule(Property.ContentType, "contentType", Kind.Text, message),
  rule(Property.ResponseTopic, "responseTopic", Kind.Topic, message),
  rule(Property.CorrelationData, "correlationData", Kind.Binary, message),
  rule(Property.SubscriptionIdentifier, "subscriptionIdentifier", Kind.Varint, [Subscribe], positive),
  rule(Property.SubscriptionIdentifier, "subscriptionIdentifiers", Kind.Varint, [Publish], { ...many, ...positive }),
  rule(Property.SessionExpiryInterval, "sessionExpiryInterval", Kind.U32, [Connect, Connack, Disconnect]),
  rule(Property.AssignedClientIdentifier, "assignedClientIdentifier", Kind.Text, [Connack]),
  rule(Property.ServerKeepAlive, "serverKeepAlive", Kind.U16, [Connack]),
  rule(Property.AuthenticationMethod, "authenticationMethod", Kind.Text, authentication),
  rule(Property.AuthenticationData, "authenticationData", Kind.Binary, authentication),
  rule(Property.RequestProblemInformation, "requestProblemInformation", Kind.Flag, [Connect]),
  rule(Property.WillDelayInterval, "willDelayInterval", Kind.U32, [WillContext]),
  rule(Property.RequestResponseInformation, "requestResponseInformation", Kind.Flag, [Connect]),
  rule(Property.ResponseInformation, "responseInformation", Kind.Text, [Connack]),
  rule(Property.ServerReference, "serverReference", Kind.Text, [Connack, Disconnect]),
  rule(Property.ReasonString, "reasonString", Kind.Text, explained),
  rule(Property.ReceiveMaximum, "receiveMaximum", Kind.U16, [Connect, Connack], positive),
  rule(Property.TopicAliasMaximum, "topicAliasMaximum", Kind.U16, [Connect, Connack]),
  rule(Property.TopicAlias, "topicAlias", Kind.U16, [Publish], positive),
  rule(Property.MaximumQoS, "maximumQoS", Kind.Bit, [Connack]),
  rule(Property.RetainAvailable, "retainAvailable", Kind.Flag, [Connack]),
  rule(Property.UserProperty, "userProperties", Kind.Pair, everywhere, many),
  rule(Property.MaximumPacketSize, "maximumPacketSize", Kind.U32, [Connect, Connack], positive),
  rule(Property.WildcardSubscriptionAvailable, "wildcardSubscriptionAvailable", Kind.Flag, [Connack]),
  rule(Property.SubscriptionIdentifierAvailable, "subscriptionIdentifierAvailable", Kind.Flag, [Connack]),
  rule(Property.SharedSubscriptionAvailable, "sharedSubscriptionAvailable", Kind.Flag, [Connack]),
];

function rule(
  id: Property,
  name: keyof PropertyValues,
  kind: Kind,
  packets: readonly number[],
  rest: { many?: boolean; positive?: boolean } = {},
): PropertyRule {
  const where = packets.reduce((mask, type) => mask | (1 << type), 0);
  return { id, name, kind, where, many: rest.many ?? false, positive: rest.positive ?? false };
}

/** The tables below are indexed by identifier; what is no property has zeros. */
const identifiers = 256;

/** What each property is called in this package. */
export const nameOf: string[] = [];
/** The kind of each property. */
export const kindOf: Uint8Array = new Uint8Array(identifiers);
/** Per property one bit for each packet type that may carry it. */
export const allowedIn: Uint16Array = new Uint16Array(identifiers);
/** Per property one bit for each packet type in which it may repeat. */
export const repeatableIn: Uint16Array = new Uint16Array(identifiers);
/** One bit for each property, so that a set of properties is a number. */
export const bitOf: Int32Array = new Int32Array(identifiers);
/** 1 for a property that must not be 0. */
export const positiveOf: Uint8Array = new Uint8Array(identifiers);

propertyRules.forEach(({ id, name, kind, where, many, positive }, index) => {
  nameOf[id] = name;
  kindOf[id] = kind;
  allowedIn[id] = (allowedIn[id] as number) | where;
  if (many) repeatableIn[id] = where;
  if (positive) positiveOf[id] = 1;
  bitOf[id] = 1 << index;
});
