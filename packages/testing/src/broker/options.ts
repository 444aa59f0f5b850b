// SPDX-License-Identifier: Apache-2.0

import type { QoS, UserProperty } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import type { AuthenticationScript, BrokerHooks } from "./hooks.js";

/** What a {@link TestBroker} can do and does. Everything may be left out; what is announced to clients is also enforced. */
export interface TestBrokerOptions extends BrokerHooks {
  /** Time of everything the broker does. Default: real time; give a `VirtualClock` in tests. */
  readonly clock?: Clock | undefined;

  // Announced in CONNACK if it is not the standard's default. Section 3.2.2.3.
  /** QoS 1 and 2 publishes a client may have unanswered: one more ends in 0x93. Default 65535. */
  readonly receiveMaximum?: number | undefined;
  /** Bytes of the largest packet accepted: a larger one ends in 0x95. Default: no limit. */
  readonly maximumPacketSize?: number | undefined;
  /** Topic aliases a client may use: a higher one ends in 0x94. Default 16. */
  readonly topicAliasMaximum?: number | undefined;
  /** The highest QoS a client may publish with: a higher one ends in 0x9B. Default 2. */
  readonly maximumQoS?: QoS | undefined;
  /** Whether clients may publish with RETAIN 1; if not, it ends in 0x9A. Default true. */
  readonly retainAvailable?: boolean | undefined;
  /** Whether filters may have wildcards; if not, one ends in 0xA2. Default true. */
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  /** Whether SUBSCRIBE may have an identifier; if not, one ends in 0xA1. Default true. */
  readonly subscriptionIdentifierAvailable?: boolean | undefined;
  /** Whether filters may begin with `$share/`; if not, one ends in 0x9E. Default true. */
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  /** Seconds of keep-alive that replace the client's. Default: the client's. */
  readonly serverKeepAlive?: number | undefined;
  /** Seconds: longer session expiry intervals are lowered to it. Default: no limit. */
  readonly maximumSessionExpiryInterval?: number | undefined;
  /** Given to clients that set Request Response Information. Default: nothing. */
  readonly responseInformation?: string | undefined;
  /** User Properties of every CONNACK. Default: none. */
  readonly userProperties?: readonly UserProperty[] | undefined;

  // Behaviour.
  /** Whether an empty Client Identifier gets one assigned; if not, it is refused with 0x85. Default true. */
  readonly assignClientIdentifiers?: boolean | undefined;
  /** Topic aliases the broker itself uses at most, within the client's Topic Alias Maximum. Default 0: none. */
  readonly outgoingTopicAliases?: number | undefined;
  /** Whether QoS 0 messages are kept for a session without connection. Default false. */
  readonly queueQoS0?: boolean | undefined;
  /** Messages that may wait for one session; what comes then is dropped for it. Default 100000. */
  readonly maximumQueuedMessages?: number | undefined;
  /**
   * Bytes that may wait for one session; what comes then is dropped for it. A connection whose link holds more than that
   * is broken. Default 64 MiB.
   */
  readonly maximumQueuedBytes?: number | undefined;
  /** Milliseconds a new connection has to send its CONNECT. Default 10000. */
  readonly connectTimeout?: number | undefined;
  /** Enhanced authentication: the methods the broker knows, by name. Another ends in 0x8C. Default: none. */
  readonly authenticationMethods?: Readonly<Record<string, AuthenticationScript>> | undefined;
}

/** The options with their defaults: what the broker's code reads. */
export interface Settings extends BrokerHooks {
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifierAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  readonly serverKeepAlive: number | undefined;
  readonly maximumSessionExpiryInterval: number;
  readonly responseInformation: string | undefined;
  readonly userProperties: readonly UserProperty[];
  readonly assignClientIdentifiers: boolean;
  readonly outgoingTopicAliases: number;
  readonly queueQoS0: boolean;
  readonly maximumQueuedMessages: number;
  readonly maximumQueuedBytes: number;
  readonly connectTimeout: number;
  readonly authenticationMethods: ReadonlyMap<string, AuthenticationScript>;
}

const NEVER_EXPIRES = 0xffffffff;

/** Checks the options and fills in the defaults. Throws a RangeError that names the option. */
export function settingsOf(options: TestBrokerOptions): Settings {
  return {
    receiveMaximum: integer(options, "receiveMaximum", 1, 65535) ?? 65535,
    maximumPacketSize: integer(options, "maximumPacketSize", 1, 0xffffffff),
    topicAliasMaximum: integer(options, "topicAliasMaximum", 0, 65535) ?? 16,
    maximumQoS: (integer(options, "maximumQoS", 0, 2) as QoS | undefined) ?? 2,
    retainAvailable: options.retainAvailable ?? true,
    wildcardSubscriptionAvailable: options.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifierAvailable: options.subscriptionIdentifierAvailable ?? true,
    sharedSubscriptionAvailable: options.sharedSubscriptionAvailable ?? true,
    serverKeepAlive: integer(options, "serverKeepAlive", 0, 65535),
    maximumSessionExpiryInterval: integer(options, "maximumSessionExpiryInterval", 0, NEVER_EXPIRES) ?? NEVER_EXPIRES,
    responseInformation: options.responseInformation,
    userProperties: options.userProperties ?? [],
    assignClientIdentifiers: options.assignClientIdentifiers ?? true,
    outgoingTopicAliases: integer(options, "outgoingTopicAliases", 0, 65535) ?? 0,
    queueQoS0: options.queueQoS0 ?? false,
    maximumQueuedMessages: integer(options, "maximumQueuedMessages", 0, Infinity) ?? 100_000,
    maximumQueuedBytes: integer(options, "maximumQueuedBytes", 0, Infinity) ?? 64 * 1024 * 1024,
    connectTimeout: integer(options, "connectTimeout", 0, Infinity) ?? 10_000,
    authenticationMethods: new Map(Object.entries(options.authenticationMethods ?? {})),
    authenticate: options.authenticate,
    authorizePublish: options.authorizePublish,
    authorizeSubscribe: options.authorizeSubscribe,
    onPacket: options.onPacket,
  };
}

type NumericOption = {
  [Name in keyof TestBrokerOptions]-?: TestBrokerOptions[Name] extends number | undefined ? Name : never;
}[keyof TestBrokerOptions];

function integer(options: TestBrokerOptions, name: NumericOption, least: number, most: number): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const whole = Number.isInteger(value) || value === Infinity;
  if (!whole || value < least || value > most) {
    throw new RangeError(`TestBroker: ${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
  return value;
}
