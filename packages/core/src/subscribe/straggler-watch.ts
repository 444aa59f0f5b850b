// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from "../clock.js";

/** Milliseconds. */
const PATIENCE = 5_000;

/**
 * Warns once of handlers that go on after their subscription ended: nothing waits for them, but what they hold stays, and
 * their message is acked to nobody. Ends when the last of them does.
 */
export class StragglerWatch {
  readonly #clock: Clock;
  readonly #warn: () => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, warn: () => void) {
    this.#clock = clock;
    this.#warn = warn;
  }

  start(): void {
    this.#timer ??= this.#clock.schedule(PATIENCE, this.#warn);
    this.#timer.unref?.(); // a warning is no reason for the process to stay
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
