// SPDX-License-Identifier: Apache-2.0

/**
 * Time and randomness as an argument. The same shape as the clock of `@mqttv5/core`: give one {@link VirtualClock} to a
 * client, its broker and the links between them, and a whole exchange runs without real time passing.
 */
export interface Clock {
  /** Milliseconds from some fixed point; never goes back. */
  now(): number;
  /** Milliseconds since 1970. */
  wallTime(): number;
  /** Calls `callback` once, `delay` milliseconds from now. */
  schedule(delay: number, callback: () => void): Timer;
  /** Calls `callback` after the current turn and all its microtasks, in the order of the calls. */
  afterTurn(callback: () => void): void;
  /** A number in [0, 1). */
  random(): number;
  /** Random bytes. */
  randomBytes(length: number): Uint8Array;
  /** Milliseconds that a timer may be late, where the platform slows timers down. Default 0. */
  readonly timerLateness?: number | undefined;
}

/** A callback that waits for its time. */
export interface Timer {
  /** The callback will not be called any more. Idempotent. */
  cancel(): void;
  /** Nothing shall wait for this timer alone: real time does not keep the process, a virtual clock does not count it as pending. */
  unref?(): void;
}
