// SPDX-License-Identifier: Apache-2.0
import type { Clock } from "./clock.js";
import type { Logger } from "./logger.js";
import { Ring } from "./ring.js";

/** Runs the application's lifecycle callbacks one at a time, in order, off the message path. Lives as long as the client. */
export class Callbacks {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #queue = new Ring<() => void>();
  #running = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Queues a callback; resolves with what it returned, or undefined if there is none, it threw, or it returned a promise:
   * nobody waits for that, it may never resolve. Never rejects.
   */
  post<Args extends unknown[], Result>(
    callback: ((...args: Args) => Result) | undefined,
    ...args: Args
  ): Promise<Result | undefined> {
    if (callback === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#queue.push(() => {
        let result: Result | undefined;
        try {
          result = callback(...args);
        } catch (error) {
          this.#failed(error);
        }
        if (isPromise(result)) {
          result.then(undefined, (error: unknown) => this.#failed(error));
          result = undefined;
        }
        resolve(result);
      });
      this.#schedule();
    });
  }

  /** Resolves when every callback posted so far has run. */
  flushed(): Promise<void> {
    return this.#running ? this.post(() => {}) : Promise.resolve();
  }

  #failed(error: unknown): void {
    this.#logger.error?.("A callback threw", error);
  }

  #schedule(): void {
    if (this.#running) return;
    this.#running = true;
    this.#clock.afterTurn(() => {
      this.#running = false;
      this.#queue.shift()?.();
      if (this.#queue.size > 0) this.#schedule();
    });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
