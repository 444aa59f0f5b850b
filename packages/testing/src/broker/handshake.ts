// SPDX-License-Identifier: Apache-2.0

import { type ConnackProperties, type DecodedConnect, ReasonCode } from "@mqttv5/wire";
import type { Settings } from "./options.js";

/** What a connection keeps of an accepted CONNECT. */
export interface Terms {
  readonly clientId: string;
  /** Whether the broker chose the Client Identifier. */
  readonly assigned: boolean;
  readonly sessionExpiryInterval: number;
  /** Seconds; 0: none. */
  readonly keepAlive: number;
}

/** The reason code to refuse a CONNECT with, for what the broker doesn't do; undefined if there is none. */
export function refusalOf(connect: DecodedConnect, settings: Settings): number | undefined {
  const { will, properties } = connect;
  if (will && will.qos > settings.maximumQoS) return ReasonCode.QoSNotSupported; // [MQTT-3.2.2-12]
  if (will?.retain && !settings.retainAvailable) return ReasonCode.RetainNotSupported; // [MQTT-3.2.2-13]
  const method = properties.authenticationMethod;
  if (method !== undefined && !settings.authenticationMethods.has(method)) return ReasonCode.BadAuthenticationMethod; // [MQTT-4.12.0-1]
  if (connect.clientId === "" && !settings.assignClientIdentifiers) return ReasonCode.ClientIdentifierNotValid; // [MQTT-3.1.3-8]
  return undefined;
}

export function termsOf(connect: DecodedConnect, settings: Settings, newClientId: () => string): Terms {
  const assigned = connect.clientId === "";
  const wanted = connect.properties.sessionExpiryInterval ?? 0;
  return {
    clientId: assigned ? newClientId() : connect.clientId, // [MQTT-3.1.3-6]
    assigned,
    sessionExpiryInterval: Math.min(wanted, settings.maximumSessionExpiryInterval),
    keepAlive: settings.serverKeepAlive ?? connect.keepAlive, // [MQTT-3.2.2-22]
  };
}

/** The properties of the CONNACK that accepts. A default of the standard is left out. Section 3.2.2.3. */
export function connackProperties(connect: DecodedConnect, terms: Terms, settings: Settings): ConnackProperties {
  const { properties } = connect;
  const { receiveMaximum, maximumQoS, topicAliasMaximum } = settings;
  const wanted = properties.sessionExpiryInterval ?? 0;
  return {
    sessionExpiryInterval: terms.sessionExpiryInterval === wanted ? undefined : terms.sessionExpiryInterval,
    receiveMaximum: receiveMaximum === 65535 ? undefined : receiveMaximum,
    maximumQoS: maximumQoS === 2 ? undefined : maximumQoS, // [MQTT-3.2.2-9]
    retainAvailable: unlessTrue(settings.retainAvailable),
    maximumPacketSize: settings.maximumPacketSize,
    assignedClientIdentifier: terms.assigned ? terms.clientId : undefined, // [MQTT-3.2.2-16]
    topicAliasMaximum: topicAliasMaximum === 0 ? undefined : topicAliasMaximum,
    userProperties: settings.userProperties,
    wildcardSubscriptionAvailable: unlessTrue(settings.wildcardSubscriptionAvailable),
    subscriptionIdentifierAvailable: unlessTrue(settings.subscriptionIdentifierAvailable),
    sharedSubscriptionAvailable: unlessTrue(settings.sharedSubscriptionAvailable),
    serverKeepAlive: settings.serverKeepAlive,
    responseInformation: properties.requestResponseInformation ? settings.responseInformation : undefined, // [MQTT-3.1.2-28]
    authenticationMethod: properties.authenticationMethod, // [MQTT-4.12.0-5]
  };
}

function unlessTrue(available: boolean): false | undefined {
  return available ? undefined : false;
}

/**
 * The session expiry interval after a DISCONNECT that names one; undefined if it may not: what was 0 stays 0.
 * Section 3.14.2.2.2.
 */
export function changedExpiryInterval(current: number, wanted: number, settings: Settings): number | undefined {
  if (current === 0 && wanted !== 0) return undefined;
  return Math.min(wanted, settings.maximumSessionExpiryInterval);
}
