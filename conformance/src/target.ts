// SPDX-License-Identifier: Apache-2.0
import type { TlsOptions } from "@mqttv5/core";

/** What a test may need of a broker beyond what every MQTT 5 broker must do. */
export type Feature =
  | "client's Receive Maximum"
  | "credentials"
  | "DISCONNECT when taken over"
  | "DUP on redelivery"
  | "empty levels for +"
  | "exactly once with many in flight"
  | "no kept messages for shared subscriptions"
  | "order of resent messages"
  | "order of user properties"
  | "overlapping subscriptions"
  | "SCRAM"
  | "server's Receive Maximum"
  | "sessions without subscriptions"
  | "shared subscriptions"
  | "topics that begin with $"
  | "will delay";

/** A broker that runs. */
export interface RunningBroker {
  readonly url: string;
  /** What a client needs to trust it. */
  readonly tls: TlsOptions;
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
  start(): Promise<RunningBroker>;
}

/** The one user that brokers with credentials know; a client without credentials is welcome too. */
export const KNOWN_USER = { username: "known", password: "correct horse" } as const;
