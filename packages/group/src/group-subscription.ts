// SPDX-License-Identifier: Apache-2.0
import type { AnyParameters, SubscriptionEnd, WaitOptions } from "@mqttv5/core";
import { checkWait } from "./deadline.js";
import type { MemberResult } from "./group-error.js";
import type { GroupMessage } from "./group-message.js";
import type { Merge } from "./merge.js";
import type { MemberSubscription, Part, Parts } from "./parts.js";

/** What every kind of merged subscription has. */
abstract class GroupConsumer {
  readonly #parts: Parts<Part>;

  constructor(parts: Parts<Part>) {
    this.#parts = parts;
  }

  /** The members' own subscriptions, by name: what was granted, and `unsubscribe` for one of them. A member that comes later is added. */
  get members(): ReadonlyMap<string, MemberSubscription> {
    return this.#parts.held;
  }

  /** What became of the call at each member, as it stood when it resolved; of interest with a `success` other than `all`. */
  get results(): readonly MemberResult<MemberSubscription>[] {
    return this.#parts.results;
  }

  /** Resolves when the subscriptions of all members have ended, with why each did. Never rejects. */
  get closed(): Promise<ReadonlyMap<string, SubscriptionEnd>> {
    return this.#parts.closed;
  }

  /**
   * Ends the subscription at every member, here at once; resolves when all brokers have confirmed. A member without a connection is waited for,
   * unless `signal` or `timeout` ends that; its broker is told all the same. Rejects with a `GroupError`.
   */
  unsubscribe(options?: WaitOptions): Promise<void> {
    return this.#parts.unsubscribe(options);
  }

  /** Ends the subscription without waiting for the brokers. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#parts.leave();
    return Promise.resolve();
  }
}

/**
 * The messages of all members as one async iterable, each member in its turn. `break` unsubscribes everywhere without waiting. The loop goes on while
 * any member's subscription does; it ends when all have, and throws a `GroupError` only if every one was refused or failed.
 */
export class GroupSubscription<Params = AnyParameters>
  extends GroupConsumer
  implements AsyncIterable<GroupMessage<Params>>
{
  readonly #merge: Merge<Params>;
  readonly #leave: () => void;

  /** Made by {@link ClientGroup.subscribe}. */
  constructor(parts: Parts<Part>, merge: Merge<Params>) {
    super(parts);
    this.#merge = merge;
    this.#leave = () => parts.leave();
  }

  /** Messages received and not yet handed out. */
  get pending(): number {
    return this.#merge.size;
  }

  [Symbol.asyncIterator](): AsyncIterator<GroupMessage<Params>, undefined> {
    return {
      next: async () => {
        const value = await this.#merge.next();
        return value === undefined ? END : { done: false, value };
      },
      return: () => {
        this.#leave();
        return Promise.resolve(END);
      },
    };
  }
}

const END = { done: true, value: undefined } as const;

/** The messages of all members, to be pulled one at a time. What waits can still be taken after a disconnect. */
export class GroupMessageQueue<Params = AnyParameters> extends GroupConsumer {
  readonly #merge: Merge<Params>;

  /** Made by {@link ClientGroup.subscribeQueue}. */
  constructor(parts: Parts<Part>, merge: Merge<Params>) {
    super(parts);
    this.#merge = merge;
  }

  /** Messages waiting. */
  get size(): number {
    return this.#merge.size;
  }

  /** The next message, as soon as there is one; undefined once all members have ended and nothing waits. Rejects with `ABORTED` or `TIMEOUT`, and then takes none. */
  async dequeue(options?: WaitOptions): Promise<GroupMessage<Params> | undefined> {
    if (options !== undefined) checkWait(options);
    return this.#merge.next(options);
  }

  /** The next message if there is one now. */
  tryDequeue(): GroupMessage<Params> | undefined {
    return this.#merge.take();
  }
}

/** A subscription at every member whose messages go to one handler. */
export class GroupCallbackSubscription extends GroupConsumer {}
