// SPDX-License-Identifier: Apache-2.0
import type { FilterResult, MqttError } from "../errors.js";
import type { Message } from "../message.js";
import { waiting } from "../check.js";
import type { Clock } from "../clock.js";
import { identifiersExhausted, onAbort, type WaitOptions, within } from "../signal.js";
import type { ResolvedFilter } from "./topic-filter.js";
import type { SubscriptionEnd, SubscriptionHandle } from "./subscription.js";

/** Where the messages of a subscription go. */
export interface MessageSink {
  /** Whether it would be done with the bytes of the next message when `offer` returns. */
  borrows(): boolean;
  offer(message: Message): void;
  /** No more messages; with an error if the consumer is to be told. */
  close(error?: MqttError): void;
  /** Ack and report what waits. */
  discard(): void;
}

/** What a subscription asks of those who talk to the broker. */
export interface SubscriptionHome {
  readonly clock: Clock;
  /** Ends a subscription and tells the broker, once it can be told. */
  unsubscribe(subscription: LocalSubscription): Promise<void>;
  /** The same, waiting for nothing, because its signal aborted. */
  abort(subscription: LocalSubscription): void;
  /** Whether its UNSUBSCRIBE waits for a Packet Identifier, all of which are in use. */
  starved(subscription: LocalSubscription): boolean;
}

/** One subscription as the application sees it, over one or several filters. Ends once, and says why. */
export class LocalSubscription implements SubscriptionHandle {
  readonly filters: readonly ResolvedFilter[];
  readonly sink: MessageSink;
  readonly closed: Promise<SubscriptionEnd>;
  /** The delivery that reached it last, so that overlapping filters deliver a message once. */
  lastDelivery = 0;
  /** Filters the broker has not refused. */
  active: number;
  ended = false;
  /** All of its filters, or none. */
  readonly strict: boolean;
  #granted: FilterResult[] = [];
  readonly #home: SubscriptionHome;
  #resolveClosed!: (end: SubscriptionEnd) => void;
  #unsubscribing: Promise<void> | undefined;
  #unlink: (() => void) | undefined;

  constructor(filters: readonly ResolvedFilter[], sink: MessageSink, home: SubscriptionHome, strict: boolean) {
    this.filters = filters;
    this.sink = sink;
    this.active = filters.length;
    this.#home = home;
    this.strict = strict;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get granted(): readonly FilterResult[] {
    return this.#granted;
  }

  get refused(): readonly FilterResult[] {
    return this.#granted.filter((result) => result.reasonCode >= 0x80);
  }

  /** The broker's answer for some of the filters, replacing earlier ones. */
  answered(results: readonly FilterResult[]): void {
    const known = new Map(this.#granted.map((result) => [result.filter, result]));
    for (const result of results) known.set(result.filter, result);
    this.#granted = this.filters.flatMap(({ filter }) => known.get(filter) ?? []);
  }

  /** Ends the subscription. Only the first call counts. */
  end(end: SubscriptionEnd, discard: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.#unlink?.();
    this.sink.close(end.reason === "refused" || end.reason === "failed" ? end.error : undefined);
    if (discard) this.sink.discard();
    this.#resolveClosed(end);
  }

  async unsubscribe(options: WaitOptions = {}): Promise<void> {
    waiting(options);
    this.#unsubscribing ??= this.#home.unsubscribe(this);
    // Only the waiting of this call stops; the broker is told all the same.
    await within(this.#home.clock, options, this.#unsubscribing, (stopped) => {
      const error = stopped("unknown");
      return this.#home.starved(this) ? identifiersExhausted(error) : error;
    });
  }

  /** From here on the signal ends it. */
  endWith(signal: AbortSignal): void {
    if (!this.ended) this.#unlink = onAbort(signal, () => this.#home.abort(this));
  }

  leave(): void {
    // The outcome is in `closed`; a refusal of what nobody waits for is not an error of anybody's.
    this.unsubscribe().catch(() => {});
  }
}
