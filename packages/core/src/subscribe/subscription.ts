// SPDX-License-Identifier: Apache-2.0
import type { FilterResult, MqttError } from "../errors.js";
import type { Inbox } from "./inbox.js";
import { waiting } from "../check.js";
import type { Message } from "../message.js";
import type { WaitOptions } from "../signal.js";
import type { AnyParameters } from "../topic-parameters.js";
import { readableOf } from "./readable.js";

/** Why a subscription ended. */
export interface SubscriptionEnd {
  /** `refused`: by the broker; `failed`: the client did. */
  readonly reason: "unsubscribed" | "aborted" | "disconnected" | "refused" | "failed";
  readonly error?: MqttError | undefined;
}

/** What every kind of subscription shows, whatever delivers its messages. */
export interface SubscriptionState {
  /** The broker's answer for every filter, in the order asked: the granted QoS, or a code of 0x80 or above (section 3.9.3). */
  readonly granted: readonly FilterResult[];
  /** Those of them that were refused. */
  readonly refused: readonly FilterResult[];
  /** Resolves with why the subscription ended. Never rejects. */
  readonly closed: Promise<SubscriptionEnd>;
}

/** The part of a subscription that talks to the broker. */
export interface SubscriptionHandle extends SubscriptionState {
  /** Ends the subscription; resolves when the broker has confirmed. A second call waits on the same operation. */
  unsubscribe(options?: WaitOptions): Promise<void>;
  /** Ends it and waits for nothing. */
  leave(): void;
}

/** What {@link Subscription}, {@link MessageQueue} and {@link CallbackSubscription} have in common. */
abstract class Consumer implements SubscriptionState {
  readonly #handle: SubscriptionHandle;

  constructor(handle: SubscriptionHandle) {
    this.#handle = handle;
  }

  get granted(): readonly FilterResult[] {
    return this.#handle.granted;
  }

  get refused(): readonly FilterResult[] {
    return this.#handle.refused;
  }

  get closed(): Promise<SubscriptionEnd> {
    return this.#handle.closed;
  }

  /**
   * Ends the subscription (section 3.10): UNSUBSCRIBE is sent for filters that no other subscription of this client holds.
   * Messages that wait unread are acked and reported to `onDrop`. Resolves at UNSUBACK; while not connected it waits. A
   * signal or timeout stops the waiting; the broker is told all the same.
   */
  unsubscribe(options?: WaitOptions): Promise<void> {
    return this.#handle.unsubscribe(options);
  }

  /** Ends the subscription without waiting for the broker. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#handle.leave();
    return Promise.resolve();
  }
}

/**
 * Messages as an async iterable. `break` unsubscribes without waiting. The loop ends normally after unsubscribe, abort or
 * disconnect, and throws if the subscription was refused or the client failed.
 */
export class Subscription<Params = AnyParameters> extends Consumer implements AsyncIterable<Message<Params>> {
  readonly #inbox: Inbox;
  readonly #leave: () => void;
  #readable: ReadableStream<Message<Params>> | undefined;

  /** Made by {@link Client.subscribe}. */
  constructor(handle: SubscriptionHandle, inbox: Inbox) {
    super(handle);
    this.#inbox = inbox;
    this.#leave = () => handle.leave();
  }

  /** Messages received and not yet handed out. */
  get pending(): number {
    return this.#inbox.size;
  }

  /**
   * The same messages as a web `ReadableStream`; they go to whoever asks first, a stream or a loop. A message leaves `pending` only
   * when the stream's reader asks for it. Cancelling unsubscribes without waiting; the stream closes and fails as a loop does.
   */
  get readable(): ReadableStream<Message<Params>> {
    const inbox = this.#inbox;
    this.#readable ??= readableOf(() => inbox.next() as Promise<Message<Params> | undefined>, this.#leave);
    return this.#readable;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message<Params>, undefined> {
    const inbox = this.#inbox;
    const leave = this.#leave;
    return {
      next: () => {
        const message = inbox.take(); // what waits costs one promise, not that of the inbox too
        return message === undefined ? inbox.next().then(toResult<Params>) : Promise.resolve(toResult<Params>(message));
      },
      return: () => {
        leave();
        return Promise.resolve(END);
      },
    };
  }
}

const END = { done: true, value: undefined } as const;

/** The inbox does not know what its filters are called; the caller of `subscribe` does. */
function toResult<Params>(message: Message | undefined): IteratorResult<Message<Params>, undefined> {
  return message === undefined ? END : { done: false, value: message as Message<Params> };
}

/** Messages to be pulled one at a time. What waits can still be taken after the subscription ended. */
export class MessageQueue<Params = AnyParameters> extends Consumer {
  readonly #inbox: Inbox;

  /** Made by {@link Client.subscribeQueue}. */
  constructor(handle: SubscriptionHandle, inbox: Inbox) {
    super(handle);
    this.#inbox = inbox;
  }

  /** Messages waiting. */
  get size(): number {
    return this.#inbox.size;
  }

  /** The oldest message, as soon as there is one; undefined once the queue is closed and empty. Rejects with `ABORTED` or `TIMEOUT`, and then takes none. */
  dequeue(options?: WaitOptions): Promise<Message<Params> | undefined> {
    if (options !== undefined) return this.#dequeueWithin(options);
    return this.#inbox.next() as Promise<Message<Params> | undefined>; // `async` would make three promises of this one
  }

  /** The oldest message if there is one now. */
  tryDequeue(): Message<Params> | undefined {
    return this.#inbox.take() as Message<Params> | undefined;
  }

  async #dequeueWithin(options: WaitOptions): Promise<Message<Params> | undefined> {
    return this.#inbox.next(waiting(options)) as Promise<Message<Params> | undefined>;
  }
}

/** A subscription whose messages go to a handler. */
export class CallbackSubscription extends Consumer {}
