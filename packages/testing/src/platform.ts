// SPDX-License-Identifier: Apache-2.0
// The only file of the main entry that touches the platform: real time, randomness, and the hop to the next macrotask.

import type { Clock, Timer } from "./clock.js";

interface Platform {
  readonly performance: { now(): number };
  readonly crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timer: unknown): void;
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly MessageChannel?: new () => MessageChannelLike;
}

interface MessageChannelLike {
  readonly port1: { onmessage: (() => void) | null; close(): void };
  readonly port2: { postMessage(message: null): void };
}

const platform = globalThis as unknown as Platform;

/** `setTimeout` fires at once for anything longer. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** The longest request `getRandomValues` answers. */
const LONGEST_RANDOM = 65536;

/** Calls `callback` in the next macrotask: when every microtask that is due, however deep, has run. */
export function nextTurn(callback: () => void): void {
  if (platform.setImmediate) {
    platform.setImmediate(callback);
  } else if (platform.MessageChannel) {
    const { port1, port2 } = new platform.MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback();
    };
    port2.postMessage(null);
  } else {
    platform.setTimeout(callback, 0);
  }
}

/** Real time and randomness: what a broker that listens on a socket runs on. */
export const systemClock: Clock = {
  now: () => platform.performance.now(),
  wallTime: () => Date.now(),
  schedule: (delay, callback) => new SystemTimer(delay, callback),
  afterTurn: nextTurn,
  random: () => Math.random(),
  randomBytes(length) {
    const bytes = new Uint8Array(length);
    for (let start = 0; start < length; start += LONGEST_RANDOM) {
      platform.crypto.getRandomValues(bytes.subarray(start, start + LONGEST_RANDOM));
    }
    return bytes;
  },
};

/** One call of `setTimeout`, or several in a row for a delay longer than the platform can count. */
class SystemTimer implements Timer {
  #handle: unknown;

  constructor(delay: number, callback: () => void) {
    const due = platform.performance.now() + delay;
    const wait = (): void => {
      const left = due - platform.performance.now();
      this.#handle =
        left > LONGEST_TIMEOUT
          ? platform.setTimeout(wait, LONGEST_TIMEOUT)
          : platform.setTimeout(callback, Math.max(0, left));
    };
    wait();
  }

  cancel(): void {
    platform.clearTimeout(this.#handle);
  }
}
