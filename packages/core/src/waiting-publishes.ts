// SPDX-License-Identifier: Apache-2.0
import type { PublishPacket } from "@mqttv5/wire";
import { Chain, type Link } from "./chain.js";
import type { Clock } from "./clock.js";
import type { MqttError } from "./errors.js";
import { pendingCost } from "./pending-bytes.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import { bounded, deadline } from "./signal.js";

/** A publish that was not accepted yet: there is no connection, or what was accepted fills its memory. */
export interface WaitingPublish {
  readonly packet: PublishPacket;
  readonly options: PublishOptions;
  /** When it was asked for, and when its Message Expiry Interval has run out, on the client's clock. */
  readonly since: number;
  readonly expiresAt: number;
  /** It may wait for a connection, not only for room. */
  readonly offline: boolean;
  resolve(result: PublishResult | Promise<PublishResult>): void;
  reject(error: unknown): void;
}

interface Entry extends WaitingPublish, Link<Entry> {
  readonly cost: number;
  callOff: (() => void) | undefined;
}

/** The publishes that wait to be accepted, in the order of the calls. Lives as long as the client. */
export class WaitingPublishes {
  readonly #clock: Clock;
  readonly #entries = new Chain<Entry>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What they occupy. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Queues a publish of `packetSize` bytes. Its signal and timeout withdraw it: it was certainly not sent. */
  add(packet: PublishPacket, packetSize: number, options: PublishOptions, offline: boolean): Promise<PublishResult> {
    const since = this.#clock.now();
    const interval = packet.properties?.messageExpiryInterval;
    const expiresAt = interval === undefined ? Infinity : since + interval * 1000;
    const cost = pendingCost(packetSize);
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        packet,
        options,
        since,
        expiresAt,
        offline,
        cost,
        resolve,
        reject,
        callOff: undefined,
        previous: undefined,
        next: undefined,
      };
      this.#entries.add(entry);
      this.#bytes += cost;
      if (!bounded(options)) return;
      entry.callOff = deadline(this.#clock, options, (stopped) => {
        this.#remove(entry);
        reject(stopped("not-sent"));
      });
    });
  }

  /** Takes the oldest. */
  shift(): WaitingPublish | undefined {
    const { first } = this.#entries;
    if (first !== undefined) this.#remove(first);
    return first;
  }

  /** Ends the waiting of those that `which` picks. */
  fail(error: MqttError, which: (publish: WaitingPublish) => boolean): void {
    for (const entry of this.#entries) {
      if (!which(entry)) continue;
      this.#remove(entry);
      entry.reject(error);
    }
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry);
    this.#bytes -= entry.cost;
    entry.callOff?.();
  }
}
