// SPDX-License-Identifier: Apache-2.0

import type { Clock } from "../clock.js";
import { VirtualClock } from "../virtual-clock.js";

/** Lets scripts wait for something to become true. A virtual clock is moved by the wait itself, only as far as needed. */
export class Signal {
  readonly #clock: Clock;
  readonly #checks: Set<() => void> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something changed: whoever waits should look. */
  changed(): void {
    for (const check of this.#checks) check();
  }

  /** Waits until `condition` holds, at most `limit` milliseconds of the clock. Says whether it held. */
  until(condition: () => boolean, limit: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    if (this.#clock instanceof VirtualClock) return this.#clock.until(condition, limit);
    return new Promise((resolve) => {
      const finish = (met: boolean): void => {
        timer.cancel();
        this.#checks.delete(check);
        resolve(met);
      };
      const check = (): void => {
        if (condition()) finish(true);
      };
      const timer = this.#clock.schedule(limit, () => finish(condition()));
      this.#checks.add(check);
    });
  }
}
