// SPDX-License-Identifier: Apache-2.0
import type { QoS, ReasonCode, TlsOptions } from "@mqttv5/core";

/** What a test may need of a broker beyond what every MQTT 5 broker must do. */
export type Feature =
  | "broker's topic aliases"
  | "client's Maximum Packet Size"
  | "client's Receive Maximum"
  | "credentials"
  | "DISCONNECT when taken over"
  | "DUP on redelivery"
  | "empty levels for +"
  | "exactly once with many in flight"
  | "limit on shared subscriptions"
  | "limits on publishing"
  | "limits on subscribing"
  | "Maximum Packet Size"
  | "no kept messages for shared subscriptions"
  | "messages of a MiB"
  | "order of resent messages"
  | "order of user properties"
  | "overlapping subscriptions"
  | "redirects"
  | "Server Keep Alive of a second"
  | "SCRAM"
  | "server's Receive Maximum"
  | "sessions without subscriptions"
  | "shared subscriptions"
  | "topics that begin with $"
  | "will delay";

/** What carries the bytes. */
export type Carrier = "TCP" | "TLS" | "WebSocket";

/** What a broker allows, as it says in CONNACK (section 3.2.2.3). */
export interface Limits {
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  readonly topicAliasMaximum?: number;
  readonly maximumQoS?: QoS;
  readonly retainAvailable?: boolean;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifierAvailable?: boolean;
  readonly serverKeepAlive?: number;
}

/** What a broker says to everybody (section 4.11). */
export interface Redirect {
  /** The DISCONNECT comes right after a good CONNACK. */
  readonly packet: "CONNACK" | "DISCONNECT";
  readonly reasonCode: typeof ReasonCode.UseAnotherServer | typeof ReasonCode.ServerMoved;
  readonly serverReference: string;
}

/** A broker that runs. */
export interface RunningBroker {
  readonly url: string;
  /** What a client needs to trust it. */
  readonly tls: TlsOptions;
  /** Starts another one of the kind, which allows less. What a broker has no setting for is among what it `lacks`. */
  limited(limits: Limits): Promise<RunningBroker>;
  /** Starts another one of the kind, which sends everybody elsewhere; undefined where the broker `lacks` that. */
  readonly redirecting?: (redirect: Redirect) => Promise<RunningBroker>;
  stop(): Promise<void>;
}

/** A broker the suite is run against. */
export interface Target {
  /** `TestBroker over TLS`. */
  readonly name: string;
  /** Why it can't run here at all; its whole suite is then skipped. */
  readonly absent?: string | undefined;
  /** What it does not have, and how that is known. The tests that need it are skipped. */
  readonly lacks: Readonly<Partial<Record<Feature, string>>>;
  /** The parts of the suite that are worth the time. Default: all. */
  readonly parts?: readonly string[] | undefined;
  start(): Promise<RunningBroker>;
}

/** The one user that brokers with credentials know; a client without credentials is welcome too. */
export const KNOWN_USER = { username: "known", password: "correct horse" } as const;

/** For this user a broker with SCRAM plays the impostor: it takes every proof, and has none of its own. */
export const DECEIVED_USER = "deceived";
