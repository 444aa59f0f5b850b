// SPDX-License-Identifier: Apache-2.0

import type { Clock, Timer } from "../clock.js";

/** Watches that a client sends something within one and a half times its keep-alive. [MQTT-3.1.2-22] Lives as long as a connection. */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #onTimeout: () => void;
  #last: number;
  #timer: Timer | undefined;

  /** 0 seconds: no watch. */
  constructor(clock: Clock, seconds: number, onTimeout: () => void) {
    this.#clock = clock;
    this.#limit = seconds * 1500;
    this.#onTimeout = onTimeout;
    this.#last = clock.now();
    if (seconds > 0) this.#wait(this.#limit);
  }

  /** A packet arrived. */
  touch(): void {
    this.#last = this.#clock.now();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #wait(delay: number): void {
    this.#timer = this.#clock.schedule(delay, () => {
      const left = this.#last + this.#limit - this.#clock.now();
      if (left > 0) this.#wait(left);
      else this.#onTimeout();
    });
  }
}
