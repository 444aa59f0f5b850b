// SPDX-License-Identifier: Apache-2.0
import { InvalidArgumentError } from "./errors.js";

/** How long to wait before a reconnect: `attempt` counts failures from 0, `random` gives a number in [0, 1). Milliseconds. */
export type Backoff = (attempt: number, random: () => number) => number;

/** Doubling past this many attempts only overflows. */
const HIGHEST_EXPONENT = 30;

/**
 * `minimum`, doubled with each failure up to `maximum`, plus or minus up to `jitter` so that a thousand clients don't
 * come back in the same instant. All in milliseconds. Default: 1 s, 30 s, 200 ms. Throws `INVALID_FIELD` for what is no such number.
 */
export function exponentialBackoff(minimum = 1_000, maximum = 30_000, jitter = 200): Backoff {
  checkDelay("minimum", minimum);
  checkDelay("maximum", maximum);
  checkDelay("jitter", jitter);
  const low = minimum > 0 ? minimum : 1_000;
  const high = Math.max(low, maximum);
  return (attempt, random) => {
    const delay = Math.min(high, low * 2 ** Math.min(Math.max(0, attempt), HIGHEST_EXPONENT));
    return Math.max(0, delay + (random() * 2 - 1) * jitter);
  };
}

/** The same delay every time. Milliseconds. Throws `INVALID_FIELD` for what is no such number. */
export function constantBackoff(delay: number): Backoff {
  checkDelay("delay", delay);
  return () => delay;
}

function checkDelay(field: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError(
      "INVALID_FIELD",
      field,
      value,
      "must be a finite number of milliseconds, at least 0",
    );
  }
}
