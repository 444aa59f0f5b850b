// SPDX-License-Identifier: Apache-2.0

import type { DecodedWill } from "@mqttv5/wire";
import type { Clock, Timer } from "../clock.js";
import { Outbound, type OutboundLimits, type Outlet } from "./outbound.js";
import type { Delivery, Subscriber, Subscription } from "./subscription.js";

/** A session expiry interval that says never. */
export const NEVER_EXPIRES = 0xffffffff;

/** The connection a session has at the moment. */
export interface SessionConnection extends Outlet {
  /** Another connection takes the session: says so to the client, then gives the session back at once. */
  takenOver(): void;
}

/** What a session needs of the broker. */
export interface SessionHost {
  readonly clock: Clock;
  limits(): OutboundLimits;
  publishWill(will: DecodedWill, clientId: string): void;
  /** The session is over: its subscriptions have to go. */
  ended(session: Session): void;
}

/** A session as the broker's owner sees it: the state of this moment. */
export interface BrokerSession {
  readonly clientId: string;
  readonly connected: boolean;
  /** Seconds the session outlives its connection. */
  readonly expiryInterval: number;
  /** The filters it is subscribed to. */
  readonly filters: readonly string[];
  /** Messages that wait. */
  readonly queued: number;
  /** QoS 1 and 2 messages sent and not yet fully acknowledged. */
  readonly inFlight: number;
  /** Messages dropped because too many waited, or because one was larger than the client accepts. */
  readonly dropped: number;
}

/**
 * What MQTT remembers of one client. Section 4.1.
 *
 * Lives until its client starts clean, or its expiry interval has passed without a connection.
 */
export class Session implements Subscriber, BrokerSession {
  readonly clientId: string;
  readonly subscriptions: Map<string, Subscription> = new Map();
  readonly outbound: Outbound;
  /** Identifiers of QoS 2 messages received and not yet released. */
  readonly incoming: Set<number> = new Set();
  readonly #host: SessionHost;
  #connection: SessionConnection | undefined;
  #expiryInterval = 0;
  #will: DecodedWill | undefined;
  #willTimer: Timer | undefined;
  #expiryTimer: Timer | undefined;

  constructor(clientId: string, host: SessionHost) {
    this.clientId = clientId;
    this.#host = host;
    this.outbound = new Outbound(host.clock, () => host.limits());
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  get expiryInterval(): number {
    return this.#expiryInterval;
  }

  get filters(): readonly string[] {
    return [...this.subscriptions.keys()];
  }

  get queued(): number {
    return this.outbound.queued;
  }

  get inFlight(): number {
    return this.outbound.inFlight;
  }

  get dropped(): number {
    return this.outbound.dropped;
  }

  deliver(delivery: Delivery): void {
    this.outbound.deliver(delivery);
  }

  /** A connection has it. A Will still waiting for its delay is forgotten. [MQTT-3.1.3-9] */
  attach(connection: SessionConnection, expiryInterval: number, will: DecodedWill | undefined): void {
    this.#willTimer?.cancel();
    this.#expiryTimer?.cancel();
    this.#connection = connection;
    this.#expiryInterval = expiryInterval;
    this.#will = will; // [MQTT-3.1.2-7]
  }

  /** The client changed its mind with DISCONNECT. Section 3.14.2.2.2. */
  changeExpiryInterval(seconds: number): void {
    this.#expiryInterval = seconds;
  }

  /** DISCONNECT 0x00. [MQTT-3.14.4-3] */
  forgetWill(): void {
    this.#will = undefined;
  }

  /** Ends the connection it has, if any. */
  takeOver(): void {
    this.#connection?.takenOver();
  }

  /** The connection is gone. The Will is due after its delay, or when the session ends if that is earlier. [MQTT-3.1.2-8] */
  detach(): void {
    this.#connection = undefined;
    this.outbound.detach();
    if (this.#expiryInterval === 0) {
      this.end(); // [MQTT-4.1.0-2]
      return;
    }
    if (this.#expiryInterval !== NEVER_EXPIRES) {
      this.#expiryTimer = this.#host.clock.schedule(this.#expiryInterval * 1000, () => this.end());
    }
    const delay = this.#will?.properties.willDelayInterval ?? 0;
    if (delay === 0) this.#publishWill();
    else this.#willTimer = this.#host.clock.schedule(delay * 1000, () => this.#publishWill());
  }

  /** The session is over: nothing of it stays, and a Will that waits is published. */
  end(): void {
    this.discard();
    this.#host.ended(this);
    this.#publishWill();
    for (const { share, message } of this.outbound.takeShared()) share?.deliver(message);
  }

  /** Stops the timers, for a session that vanishes with its broker. */
  discard(): void {
    this.#willTimer?.cancel();
    this.#expiryTimer?.cancel();
  }

  #publishWill(): void {
    const will = this.#will;
    this.#will = undefined; // [MQTT-3.1.2-10]
    if (will) this.#host.publishWill(will, this.clientId);
  }
}
