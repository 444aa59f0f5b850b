// SPDX-License-Identifier: Apache-2.0
import type { ConnackPacket, QoS, UserProperty } from "@mqttv5/wire";

/** What the broker granted in CONNACK; what it left out has the standard's default (section 3.2.2.3). */
export interface ServerInfo {
  /** The broker still had our session. */
  readonly sessionPresent: boolean;
  /** The client identifier in effect: ours, or the one the broker assigned. */
  readonly clientId: string;
  /** Seconds the broker keeps the session after the connection closes; the value in effect. */
  readonly sessionExpiryInterval: number;
  /** Seconds; the value in effect, 0 is off. */
  readonly keepAlive: number;
  /** QoS 1/2 publishes the broker takes before the first is acked. */
  readonly receiveMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  /** Largest packet the broker takes, in bytes; Infinity if it set none. */
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifierAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  readonly responseInformation: string | undefined;
  readonly serverReference: string | undefined;
  readonly reasonString: string | undefined;
  readonly userProperties: readonly UserProperty[];
  readonly authenticationMethod: string | undefined;
  readonly authenticationData: Uint8Array | undefined;
}

/** What the client asked for, where the broker's silence means "as asked". */
export interface Asked {
  readonly clientId: string;
  readonly keepAlive: number;
  readonly sessionExpiryInterval: number;
}

/** Reads a CONNACK, filling in the standard's defaults. */
export function serverInfo(connack: ConnackPacket, asked: Asked): ServerInfo {
  const p = connack.properties ?? {};
  return {
    sessionPresent: connack.sessionPresent,
    clientId: p.assignedClientIdentifier ?? asked.clientId,
    sessionExpiryInterval: p.sessionExpiryInterval ?? asked.sessionExpiryInterval,
    keepAlive: p.serverKeepAlive ?? asked.keepAlive, // [MQTT-3.1.2-21]
    receiveMaximum: p.receiveMaximum ?? 65_535,
    maximumQoS: p.maximumQoS ?? 2,
    retainAvailable: p.retainAvailable ?? true,
    maximumPacketSize: p.maximumPacketSize ?? Infinity,
    topicAliasMaximum: p.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: p.wildcardSubscriptionAvailable ?? true,
    subscriptionIdentifierAvailable: p.subscriptionIdentifierAvailable ?? true,
    sharedSubscriptionAvailable: p.sharedSubscriptionAvailable ?? true,
    responseInformation: p.responseInformation,
    serverReference: p.serverReference,
    reasonString: p.reasonString,
    userProperties: p.userProperties ?? [],
    authenticationMethod: p.authenticationMethod,
    authenticationData: p.authenticationData,
  };
}
