// SPDX-License-Identifier: Apache-2.0

import { Ring } from "./ring.js";

/** Time and randomness, as an argument: the only file that reads the platform's. */

/** A timer that was set and can be taken back. */
export interface Timer {
  /** Idempotent, and harmless after the timer ran. */
  cancel(): void;
  /** Lets the process end before the timer runs, where the platform can tell the difference. */
  unref?(): void;
}

/** Where the client takes time and randomness from. Tests pass a virtual one. */
export interface Clock {
  /** Milliseconds that only ever grow; only differences mean anything. */
  now(): number;
  /** Milliseconds since 1970. */
  wallTime(): number;
  /** Runs `callback` once, `delay` milliseconds from now. */
  schedule(delay: number, callback: () => void): Timer;
  /** Runs `callback` after the current turn and its microtasks, in the order given. */
  afterTurn(callback: () => void): void;
  /** At least 0, below 1. */
  random(): number;
  /** Unpredictable bytes. */
  randomBytes(length: number): Uint8Array;
  /** Milliseconds that a timer may be late through no fault of anybody's: hidden pages get one wake-up a minute. Default 0. */
  readonly timerLateness?: number | undefined;
}

interface Platform {
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(handle: unknown): void;
  setImmediate?: (callback: () => void) => unknown;
  MessageChannel?: new () => { port1: ChannelPort; port2: ChannelPort };
  performance: { now(): number };
  crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
}

interface Unreferable {
  unref?(): unknown;
}

const platform = globalThis as unknown as Platform;

interface ChannelPort {
  onmessage: (() => void) | null;
  postMessage(value: null): void;
}

/** The longest delay that platforms' timers take without wrapping. */
const LONGEST = 0x7fffffff;

/** The platform's clock. */
export function systemClock(): Clock {
  return { now, wallTime, schedule, afterTurn: macrotask(), random, randomBytes };
}

function now(): number {
  return platform.performance.now();
}

function wallTime(): number {
  return Date.now();
}

function schedule(delay: number, callback: () => void): Timer {
  return delay > LONGEST ? longTimer(delay, callback) : new PlatformTimer(Math.max(0, delay), callback);
}

function random(): number {
  return Math.random();
}

function randomBytes(length: number): Uint8Array {
  return platform.crypto.getRandomValues(new Uint8Array(length));
}

class PlatformTimer implements Timer {
  readonly #handle: unknown;

  constructor(delay: number, callback: () => void) {
    this.#handle = platform.setTimeout(callback, delay);
  }

  cancel(): void {
    platform.clearTimeout(this.#handle);
  }

  unref(): void {
    (this.#handle as Unreferable).unref?.();
  }
}

/** A timer that takes several of the platform's, one after the other. */
function longTimer(delay: number, callback: () => void): Timer {
  let left = delay;
  let referenced = true;
  let handle: unknown;
  const wait = (): void => {
    const step = Math.min(left, LONGEST);
    left -= step;
    handle = platform.setTimeout(left > 0 ? wait : callback, step);
    if (!referenced) (handle as Unreferable).unref?.();
  };
  wait();
  return {
    cancel: () => platform.clearTimeout(handle),
    unref: () => {
      referenced = false;
      (handle as Unreferable).unref?.();
    },
  };
}

/** `setImmediate` where there is one; elsewhere a message channel, because browsers slow nested timers to 4 ms. */
function macrotask(): (callback: () => void) => void {
  const immediate = platform.setImmediate;
  if (immediate !== undefined) return (callback) => void immediate(callback);
  const Channel = platform.MessageChannel;
  if (Channel === undefined) return (callback) => void platform.setTimeout(callback, 0);
  const queue = new Ring<() => void>();
  const { port1, port2 } = new Channel();
  port1.onmessage = () => {
    // Each post stands for one callback; posts arrive in order, so the head is the one to run.
    queue.shift()?.();
  };
  return (callback) => {
    queue.push(callback);
    port2.postMessage(null);
  };
}
