// SPDX-License-Identifier: Apache-2.0
import { packetSet, PacketType } from "./packet-type.js";
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

/** Table 2-4 of the standard with the value ranges of each property's own section. */
export const propertyRules: readonly PropertyRule[] = /* @__PURE__ */ rules();

function rules(): readonly PropertyRule[] {
  const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback } =
    PacketType;
  const { Disconnect, Auth } = PacketType;
  const message = [Publish, WillContext];
  const explained = [Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth];
  const everywhere = [...explained, ...message, Connect, Subscribe, Unsubscribe];
  const authentication = [Connect, Connack, Auth];

  const many = { many: true };
  const positive = { positive: true };

  return [
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
}

function rule(
  id: Property,
  name: keyof PropertyValues,
  kind: Kind,
  packets: readonly number[],
  rest: { many?: boolean; positive?: boolean } = {},
): PropertyRule {
  return { id, name, kind, where: packetSet(packets), many: rest.many ?? false, positive: rest.positive ?? false };
}

/** What each property is called in this package. */
export const nameOf: readonly string[] = /* @__PURE__ */ names();
/** The kind of each property. */
export const kindOf: Int32Array = /* @__PURE__ */ table(({ kind }) => kind);
/** Per property one bit for each packet type that may carry it. */
export const allowedIn: Int32Array = /* @__PURE__ */ table(({ where }, _, before) => before | where);
/** Per property one bit for each packet type in which it may repeat. */
export const repeatableIn: Int32Array = /* @__PURE__ */ table(({ many, where }) => (many ? where : 0));
/** One bit for each property, so that a set of properties is a number. */
export const bitOf: Int32Array = /* @__PURE__ */ table((_, index) => 1 << index);
/** 1 for a property that must not be 0. */
export const positiveOf: Int32Array = /* @__PURE__ */ table(({ positive }) => (positive ? 1 : 0));

/** The bit of one property in such a set. */
export function bit(name: keyof typeof Property): number {
  return bitOf[Property[name]] as number;
}

/** A table indexed by identifier; what is no property has 0. A property with two rules has the second's value. */
function table(value: (rule: PropertyRule, index: number, before: number) => number): Int32Array {
  const values = new Int32Array(256);
  propertyRules.forEach((rule, index) => {
    values[rule.id] = value(rule, index, values[rule.id] as number);
  });
  return values;
}

function names(): string[] {
  const list: string[] = [];
  for (const { id, name } of propertyRules) list[id] = name;
  return list;
}
