// SPDX-License-Identifier: Apache-2.0
import type { FilterResult } from "../errors.js";
import type { Message } from "../message.js";
import type { WaitOptions } from "../signal.js";
import { readableOf } from "../subscribe/readable.js";
import type { MessageQueue, Subscription, SubscriptionEnd, SubscriptionState } from "../subscribe/subscription.js";
import type { AnyParameters } from "../topic-parameters.js";
import type { Decoder } from "./decoder.js";
import type { TypedMessage } from "./typed-message.js";

abstract class TypedConsumer implements SubscriptionState {
  readonly #inner: SubscriptionState & {
    unsubscribe(options?: WaitOptions): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
  };

  constructor(inner: Subscription<unknown> | MessageQueue<unknown>) {
    this.#inner = inner;
  }

  get granted(): readonly FilterResult[] {
    return this.#inner.granted;
  }

  get refused(): readonly FilterResult[] {
    return this.#inner.refused;
  }

  get closed(): Promise<SubscriptionEnd> {
    return this.#inner.closed;
  }

  /** See {@link Subscription.unsubscribe}. */
  unsubscribe(options?: WaitOptions): Promise<void> {
    return this.#inner.unsubscribe(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}

/** A {@link Subscription} over values. */
export class TypedSubscription<T, Params = AnyParameters>
  extends TypedConsumer
  implements AsyncIterable<TypedMessage<T, Params>>
{
  readonly #messages: Subscription<Params>;
  #readable: ReadableStream<TypedMessage<T, Params>> | undefined;
  readonly #decoder: Decoder<T>;

  /** Made by {@link Typed.subscribe}. */
  constructor(messages: Subscription<Params>, decoder: Decoder<T>) {
    super(messages);
    this.#messages = messages;
    this.#decoder = decoder;
  }

  /** Messages received and not yet handed out. */
  get pending(): number {
    return this.#messages.pending;
  }

  /** See {@link Subscription.readable}. */
  get readable(): ReadableStream<TypedMessage<T, Params>> {
    if (this.#readable === undefined) {
      const messages = this[Symbol.asyncIterator]();
      const next = async (): Promise<TypedMessage<T, Params> | undefined> => (await messages.next()).value;
      this.#readable = readableOf(next, () => void messages.return?.());
    }
    return this.#readable;
  }

  [Symbol.asyncIterator](): AsyncIterator<TypedMessage<T, Params>, undefined> {
    const messages = this.#messages[Symbol.asyncIterator]();
    const decoder = this.#decoder;
    return {
      async next() {
        for (;;) {
          const { done, value } = await messages.next();
          if (done === true) return { done: true, value: undefined };
          const typed = await decoder.decode(value);
          if (typed !== undefined) return { done: false, value: typed };
        }
      },
      // Not a generator: its `return` would wait for a `next` under way, which may never come.
      async return() {
        await messages.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}

/** A {@link MessageQueue} over values. */
export class TypedQueue<T, Params = AnyParameters> extends TypedConsumer {
  readonly #messages: MessageQueue<Params>;
  readonly #decoder: Decoder<T>;
  /** Taken, and found not to be decoded at once: the next to be handed out. */
  #first: Message<Params> | undefined;

  /** Made by {@link Typed.subscribeQueue}. */
  constructor(messages: MessageQueue<Params>, decoder: Decoder<T>) {
    super(messages);
    this.#messages = messages;
    this.#decoder = decoder;
  }

  get size(): number {
    return this.#messages.size + (this.#first === undefined ? 0 : 1);
  }

  /** See {@link MessageQueue.dequeue}. */
  async dequeue(options?: WaitOptions): Promise<TypedMessage<T, Params> | undefined> {
    for (;;) {
      const message = this.#takeFirst() ?? (await this.#messages.dequeue(options));
      if (message === undefined) return undefined;
      const typed = await this.#decoder.decode(message);
      if (typed !== undefined) return typed;
    }
  }

  /** See {@link MessageQueue.tryDequeue}. Throws `DECODE_FAILED`, and takes nothing, if the codec decodes asynchronously. */
  tryDequeue(): TypedMessage<T, Params> | undefined {
    for (;;) {
      this.#first ??= this.#messages.tryDequeue();
      if (this.#first === undefined) return undefined;
      const typed = this.#decoder.decodeNow(this.#first);
      this.#first = undefined;
      if (typed !== undefined) return typed;
    }
  }

  #takeFirst(): Message<Params> | undefined {
    const first = this.#first;
    this.#first = undefined;
    return first;
  }
}
