// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from "@mqttv5/wire";
import type { Inbox } from "./inbox.js";
import type { MessageSink } from "./local-subscription.js";
import type { Message } from "../message.js";
import type { StragglerWatch } from "./straggler-watch.js";
import type { AnyParameters } from "../topic-parameters.js";

/** Runs on arrival. The message is acked when it returns, or when the promise it returns resolves. */
export type MessageHandler<Params = AnyParameters> = (message: Message<Params>) => void | PromiseLike<void>;

/**
 * Feeds an inbox to a handler: at once while fewer than `concurrency` calls are unfinished, else when one finishes. A
 * handler that throws or rejects has its message refused with 0x80 (Unspecified error), and is reported. Ends with its
 * subscription.
 */
export class HandlerRunner implements MessageSink {
  readonly #handler: MessageHandler;
  readonly #inbox: Inbox;
  readonly #concurrency: number;
  readonly #zeroCopy: boolean;
  readonly #failed: (error: unknown) => void;
  readonly #stragglers: StragglerWatch;
  #running = 0;

  constructor(
    handler: MessageHandler,
    inbox: Inbox,
    concurrency: number,
    zeroCopy: boolean,
    stragglers: StragglerWatch,
    failed: (error: unknown) => void,
  ) {
    this.#handler = handler;
    this.#inbox = inbox;
    this.#concurrency = concurrency;
    this.#zeroCopy = zeroCopy;
    this.#stragglers = stragglers;
    this.#failed = failed;
  }

  /** Whether the handler would run at once and gets a view of what was received; one that has to wait needs a copy. */
  borrows(): boolean {
    return this.#zeroCopy && this.#running < this.#concurrency && this.#inbox.size === 0;
  }

  /** A message arrived. */
  offer(message: Message): void {
    // Ahead of those that wait only if none does.
    if (this.#running < this.#concurrency && this.#inbox.size === 0) this.#run(message);
    else this.#inbox.offer(message);
  }

  /** The subscription has ended: no more messages. */
  close(): void {
    this.#inbox.close();
    if (this.#running > 0) this.#stragglers.start();
  }

  /** What waits is not handled any more. */
  discard(): void {
    this.#inbox.discard();
  }

  #run(message: Message): void {
    let result: void | PromiseLike<void>;
    try {
      result = this.#handler(message);
    } catch (error) {
      this.#refuse(message, error);
      return;
    }
    if (typeof result?.then !== "function") {
      message.ack();
      return;
    }
    void this.#finish(message, result);
  }

  async #finish(message: Message, result: PromiseLike<void>): Promise<void> {
    this.#running++;
    try {
      await result;
      message.ack();
    } catch (error) {
      this.#refuse(message, error);
    }
    this.#next();
  }

  /** A call has finished: the place is free for what waits. */
  #next(): void {
    if (--this.#running === 0) this.#stragglers.stop();
    while (this.#running < this.#concurrency) {
      const message = this.#inbox.take();
      if (message === undefined) return;
      this.#run(message);
    }
  }

  #refuse(message: Message, error: unknown): void {
    message.reject(ReasonCode.UnspecifiedError);
    this.#failed(error);
  }
}
