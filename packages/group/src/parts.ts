// SPDX-License-Identifier: Apache-2.0
import type { Logger, SubscriptionEnd, SubscriptionState, WaitOptions } from "@mqttv5/core";
import { checkWait } from "./deadline.js";
import { gather } from "./gather.js";
import { failure, type MemberResult } from "./group-error.js";
import type { Member } from "./member.js";

/** The subscription of one member: what the broker granted, why it ended, and a way to end it alone. */
export interface MemberSubscription extends SubscriptionState {
  /** Ends it at this member only. See {@link Subscription.unsubscribe}. */
  unsubscribe(options?: WaitOptions): Promise<void>;
}

/** What a member's client resolved with. */
export interface Part extends MemberSubscription {
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the parts of a subscription are read by. */
export interface PartsReader<P extends Part> {
  joined?(member: string, part: P): void;
  /** No other part will come. */
  complete?(): void;
  /** The application has left. */
  left?(): void;
}

/** The subscriptions of the members for one call of the application. Ends when all of them have. */
export class Parts<P extends Part> {
  readonly results: readonly MemberResult<P>[];
  readonly held: Map<string, P> = new Map();
  readonly closed: Promise<ReadonlyMap<string, SubscriptionEnd>>;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #logger: Logger;
  readonly #reader: PartsReader<P>;
  readonly #ends = new Map<string, SubscriptionEnd>();
  #resolveClosed!: (ends: ReadonlyMap<string, SubscriptionEnd>) => void;
  /** Members that have not answered yet. */
  #expected = 0;
  #left = false;

  constructor(
    results: readonly MemberResult<P>[],
    members: readonly Member[],
    logger: Logger,
    reader: PartsReader<P> = {},
  ) {
    this.results = results;
    this.#members = new Map(members.map((member) => [member.name, member]));
    this.#logger = logger;
    this.#reader = reader;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    for (const result of results) {
      if (result.status === "fulfilled") this.#join(result.member, result.value);
      else if (result.status === "rejected") this.#missing(result.member, result.error);
      else this.#expect(result.outcome);
    }
    if (this.#expected === 0) this.#reader.complete?.();
  }

  /** Ends all, without waiting. */
  leave(): void {
    this.#leave();
    for (const part of this.held.values()) void part[Symbol.asyncDispose]();
  }

  /** Ends all; resolves when every broker has confirmed. */
  async unsubscribe(options: WaitOptions = {}): Promise<void> {
    checkWait(options); // before anything ends
    const members = [...this.held.keys()].map((name) => this.#members.get(name) as Member);
    const unsubscribing = gather<void>({
      members,
      needed: members.length,
      waitsFor: () => true,
      run: ({ name }) => (this.held.get(name) as P).unsubscribe(options),
    });
    this.#leave();
    const results = await unsubscribing;
    if (results.some(({ status }) => status === "rejected")) throw failure("unsubscribe", members.length, results);
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#reader.left?.();
    this.#review();
  }

  /** It is under way at a member that was not there when the call was decided. */
  #expect(outcome: Extract<MemberResult<P>, { status: "pending" }>["outcome"]): void {
    this.#expected++;
    void outcome.then((result) => {
      this.#expected--;
      if (result.status === "rejected") this.#missing(result.member, result.error);
      else if (this.#left) void result.value[Symbol.asyncDispose]();
      else this.#join(result.member, result.value);
      if (this.#expected === 0 && !this.#left) this.#reader.complete?.();
      this.#review();
    });
  }

  #join(member: string, part: P): void {
    this.held.set(member, part);
    this.#reader.joined?.(member, part);
    void part.closed.then((end) => {
      this.#ends.set(member, end);
      if (end.error !== undefined)
        this.#logger.warn?.(`${member}: its subscription has ended: ${end.reason}`, end.error);
      this.#review();
    });
  }

  #missing(member: string, error: unknown): void {
    if (!this.#left) this.#logger.warn?.(`${member}: takes no part in a subscription of the group`, error);
  }

  #review(): void {
    if (this.#ends.size === this.held.size && (this.#expected === 0 || this.#left)) this.#resolveClosed(this.#ends);
  }
}
