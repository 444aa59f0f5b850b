// SPDX-License-Identifier: Apache-2.0
import { readU16, readVarint, viewOf } from "./bytes.js";
import { bitOf, Kind, kindOf, Property, propertyRules } from "./property.js";
import type { PropertyValues, UserProperty } from "./property-values.js";
import { readText } from "./utf8.js";

const none: readonly never[] = /* @__PURE__ */ Object.freeze([]);

/** What is known of the properties of a packet, and so of others with the same bytes. @internal */
export class PropertyFacts {
  /** One bit for each property that is present, as `bitOf` gives them. */
  readonly present: number;
  /** Other packets have the same bytes. */
  shared: boolean;
  /** The User Properties, once they were read of a packet that is not the only one. */
  pairs: readonly UserProperty[] | undefined;

  constructor(present: number) {
    this.present = present;
    this.shared = false;
    this.pairs = undefined;
  }
}

/**
 * The properties of a received packet: a view of its bytes, validated when the packet was decoded and read only when asked.
 * A getter gives `undefined` for a property that is absent, `[]` for the two that are lists. Binary values are views of
 * the packet's bytes. May be handed to {@link encode} wherever properties are accepted: those the packet may carry are copied.
 *
 * The getters are on the prototype, so that spreading gives nothing: use {@link toObject}.
 */
export class Properties implements PropertyValues {
  /** The bytes this is a view of. */
  declare readonly buffer: Uint8Array;
  /** Where in `buffer` the first property begins. */
  declare readonly start: number;
  /** Bytes, without the length in front of them. */
  declare readonly length: number;
  /** The packet type these were received in, as one bit. @internal */
  declare readonly where: number;
  /** One bit for each property that is present, as `bitOf` gives them. @internal */
  declare readonly present: number;
  declare private readonly facts: PropertyFacts;
  declare private pairs: readonly UserProperty[] | undefined;

  /** @internal Only the decoder makes these: the bytes must have been validated. */
  constructor(buffer: Uint8Array, start: number, length: number, where: number, facts: PropertyFacts) {
    this.buffer = buffer;
    this.start = start;
    this.length = length;
    this.where = where;
    this.present = facts.present;
    this.facts = facts;
    this.pairs = undefined;
  }

  get payloadFormatIndicator(): 0 | 1 | undefined {
    return this.byte(Property.PayloadFormatIndicator) as 0 | 1 | undefined;
  }
  get messageExpiryInterval(): number | undefined {
    return this.u32(Property.MessageExpiryInterval);
  }
  get contentType(): string | undefined {
    return this.text(Property.ContentType);
  }
  get responseTopic(): string | undefined {
    return this.text(Property.ResponseTopic);
  }
  get correlationData(): Uint8Array | undefined {
    return this.binary(Property.CorrelationData);
  }
  /** The first Subscription Identifier. */
  get subscriptionIdentifier(): number | undefined {
    return this.subscriptionIdentifiers[0];
  }
  get subscriptionIdentifiers(): readonly number[] {
    return this.has(Property.SubscriptionIdentifier) ? this.readIdentifiers() : none;
  }
  get sessionExpiryInterval(): number | undefined {
    return this.u32(Property.SessionExpiryInterval);
  }
  get assignedClientIdentifier(): string | undefined {
    return this.text(Property.AssignedClientIdentifier);
  }
  get serverKeepAlive(): number | undefined {
    return this.u16(Property.ServerKeepAlive);
  }
  get authenticationMethod(): string | undefined {
    return this.text(Property.AuthenticationMethod);
  }
  get authenticationData(): Uint8Array | undefined {
    return this.binary(Property.AuthenticationData);
  }
  get requestProblemInformation(): boolean | undefined {
    return this.flag(Property.RequestProblemInformation);
  }
  get willDelayInterval(): number | undefined {
    return this.u32(Property.WillDelayInterval);
  }
  get requestResponseInformation(): boolean | undefined {
    return this.flag(Property.RequestResponseInformation);
  }
  get responseInformation(): string | undefined {
    return this.text(Property.ResponseInformation);
  }
  get serverReference(): string | undefined {
    return this.text(Property.ServerReference);
  }
  get reasonString(): string | undefined {
    return this.text(Property.ReasonString);
  }
  get receiveMaximum(): number | undefined {
    return this.u16(Property.ReceiveMaximum);
  }
  get topicAliasMaximum(): number | undefined {
    return this.u16(Property.TopicAliasMaximum);
  }
  get topicAlias(): number | undefined {
    return this.u16(Property.TopicAlias);
  }
  get maximumQoS(): 0 | 1 | undefined {
    return this.byte(Property.MaximumQoS) as 0 | 1 | undefined;
  }
  get retainAvailable(): boolean | undefined {
    return this.flag(Property.RetainAvailable);
  }
  get userProperties(): readonly UserProperty[] {
    return (this.pairs ??= this.has(Property.UserProperty) ? this.ownPairs() : none);
  }
  get maximumPacketSize(): number | undefined {
    return this.u32(Property.MaximumPacketSize);
  }
  get wildcardSubscriptionAvailable(): boolean | undefined {
    return this.flag(Property.WildcardSubscriptionAvailable);
  }
  get subscriptionIdentifierAvailable(): boolean | undefined {
    return this.flag(Property.SubscriptionIdentifierAvailable);
  }
  get sharedSubscriptionAvailable(): boolean | undefined {
    return this.flag(Property.SharedSubscriptionAvailable);
  }

  /** The value of the first User Property with this name; `undefined` if there is none. */
  userProperty(name: string): string | undefined {
    return this.userProperties.find((pair) => pair[0] === name)?.[1];
  }

  /** Whether the property is present. */
  has(id: Property): boolean {
    return (this.present & (bitOf[id] as number)) !== 0;
  }

  /**
   * A plain object of exactly what is present, to change something or to spread; without properties an empty one.
   * Binary values are still views of the packet's bytes.
   */
  toObject(): PropertyValues {
    const values: Record<string, unknown> = {};
    for (const { id, name, where } of propertyRules) {
      if (this.has(id) && (where & this.where) !== 0) values[name] = this[name];
    }
    return values;
  }

  /** Where in `buffer` the value of a property begins; -1 if it is absent. @internal */
  offsetOf(id: Property): number {
    if (!this.has(id)) return -1;
    let p = this.start;
    while (this.buffer[p] !== id) p = afterProperty(this.buffer, p);
    return p + 1;
  }

  private byte(id: Property): number | undefined {
    const p = this.offsetOf(id);
    return p < 0 ? undefined : this.buffer[p];
  }

  private flag(id: Property): boolean | undefined {
    const p = this.offsetOf(id);
    return p < 0 ? undefined : this.buffer[p] === 1;
  }

  private u16(id: Property): number | undefined {
    const p = this.offsetOf(id);
    return p < 0 ? undefined : readU16(this.buffer, p);
  }

  private u32(id: Property): number | undefined {
    const p = this.offsetOf(id);
    return p < 0 ? undefined : readU16(this.buffer, p) * 0x10000 + readU16(this.buffer, p + 2);
  }

  private text(id: Property): string | undefined {
    const p = this.offsetOf(id);
    return p < 0 ? undefined : readText(this.buffer, p + 2, p + 2 + readU16(this.buffer, p));
  }

  private binary(id: Property): Uint8Array | undefined {
    const p = this.offsetOf(id);
    return p < 0 ? undefined : viewOf(this.buffer, p + 2, readU16(this.buffer, p));
  }

  /** A list of the packet's own, of texts that are made once for all packets with the same bytes. */
  private ownPairs(): readonly UserProperty[] {
    const { facts } = this;
    if (!facts.shared) return this.readPairs();
    facts.pairs ??= this.readPairs();
    return facts.pairs.map(([name, value]) => [name, value]);
  }

  private readPairs(): readonly UserProperty[] {
    const { buffer } = this;
    const end = this.start + this.length;
    const pairs: UserProperty[] = [];
    for (let p = this.start; p < end; ) {
      if (buffer[p] !== Property.UserProperty) {
        p = afterProperty(buffer, p);
        continue;
      }
      const name = p + 3;
      const nameEnd = name + readU16(buffer, p + 1);
      const value = nameEnd + 2;
      p = value + readU16(buffer, nameEnd);
      pairs.push([readText(buffer, name, nameEnd), readText(buffer, value, p)]);
    }
    return pairs;
  }

  private readIdentifiers(): readonly number[] {
    const end = this.start + this.length;
    const identifiers: number[] = [];
    for (let p = this.start; p < end; p = afterProperty(this.buffer, p)) {
      if (this.buffer[p] === Property.SubscriptionIdentifier) identifiers.push(readVarint(this.buffer, p + 1));
    }
    return identifiers;
  }
}

/** Where the property after the one at `p` begins. */
export function afterProperty(bytes: Uint8Array, p: number): number {
  switch (kindOf[bytes[p] as number]) {
    case Kind.Bit:
    case Kind.Flag:
      return p + 2;
    case Kind.U16:
      return p + 3;
    case Kind.U32:
      return p + 5;
    case Kind.Varint:
      while ((bytes[++p] as number) > 0x7f);
      return p + 1;
    case Kind.Pair:
      p += 2 + readU16(bytes, p + 1); // falls on the value's length as a text's would
      return p + 3 + readU16(bytes, p + 1);
    default:
      return p + 3 + readU16(bytes, p + 1);
  }
}
