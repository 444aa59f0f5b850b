// SPDX-License-Identifier: Apache-2.0

import type { Clock } from "../clock.js";

/** A time during which a broker refuses connections. Lives until it ends, or until another begins. */
export class Outage {
  #end: () => void = () => {};

  /** Resolves after so many milliseconds, or when it is ended before. */
  last(clock: Clock, duration: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.schedule(duration, resolve);
      this.#end = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  end(): void {
    this.#end();
  }
}
