// SPDX-License-Identifier: Apache-2.0

import type { Clock, Timer } from "./clock.js";
import { Fifo } from "./fifo.js";
import { nextTurn } from "./platform.js";
import { RandomSource } from "./random-source.js";
import { TimerHeap } from "./timer-heap.js";

/** Turns that may run at one instant before {@link VirtualClock} calls it a livelock. */
const TURN_LIMIT = 100_000;

/** 2026-01-01T00:00:00Z */
const DEFAULT_WALL_TIME = 1_767_225_600_000;

/** Options of {@link VirtualClock}. */
export interface VirtualClockOptions {
  /** What {@link VirtualClock.now} says at first, in milliseconds. Default 0. */
  readonly now?: number | undefined;
  /** What {@link VirtualClock.wallTime} says at first, in milliseconds since 1970. Default: the start of 2026. */
  readonly wallTime?: number | undefined;
  /** Seed of {@link VirtualClock.random} and {@link VirtualClock.randomBytes}. Default 1. */
  readonly seed?: number | undefined;
}

/** One caller of `advance`, `settle` or `until`. */
interface Wait {
  readonly deadline: number;
  readonly condition: (() => boolean) | undefined;
  readonly resolve: (met: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A clock that stands still until a test moves it.
 *
 * Time passes only inside {@link advance} and {@link until}, in jumps from one timer to the next. Before each step all
 * promise reactions run to their end, however deep the chain, also chains that hop through {@link afterTurn} or through
 * links of the same clock. Nothing ever waits for real time, and one seed gives one sequence of random numbers, so a run
 * can be repeated exactly. Work outside the clock (files, sockets, WebCrypto) is not waited for.
 *
 * Lives as long as the test; nothing has to be closed.
 */
export class VirtualClock implements Clock {
  #now: number;
  readonly #start: number;
  readonly #wallStart: number;
  readonly #random: RandomSource;
  readonly #timers: TimerHeap = new TimerHeap();
  readonly #turns: Fifo<() => void> = new Fifo();
  #waits: Wait[] = [];
  #driving = false;

  constructor(options: VirtualClockOptions = {}) {
    this.#now = options.now ?? 0;
    this.#start = this.#now;
    this.#wallStart = options.wallTime ?? DEFAULT_WALL_TIME;
    this.#random = new RandomSource(options.seed ?? 1);
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#wallStart + (this.#now - this.#start);
  }

  schedule(delay: number, callback: () => void): Timer {
    return this.#timers.add(this.#now + (delay > 0 ? delay : 0), callback);
  }

  afterTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  random(): number {
    return this.#random.next();
  }

  randomBytes(length: number): Uint8Array {
    return this.#random.bytes(length);
  }

  /**
   * Timers that wait, without those that were unreferenced. 0 says that nothing anybody waits for would happen any more by
   * the passing of time alone.
   */
  get pending(): number {
    return this.#timers.size;
  }

  /** When the next timer is due (on the scale of {@link now}), or undefined if none waits. */
  get nextDue(): number | undefined {
    return this.#timers.first?.due;
  }

  /**
   * Lets `ms` milliseconds pass and runs all that becomes due, in order; resolves when nothing is left to do at the new
   * time. Rejects with what a callback threw.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`ms must be a finite number of at least 0, not ${ms}`);
    await this.#wait(ms, undefined);
  }

  /** Runs all that is due now, without time passing. */
  async settle(): Promise<void> {
    await this.#wait(0, undefined);
  }

  /**
   * Lets time pass, timer by timer, only until `condition` holds, and at most `limit` milliseconds. Says whether it held.
   * The condition is looked at once after each step.
   */
  until(condition: () => boolean, limit: number = 3000): Promise<boolean> {
    return this.#wait(limit, condition);
  }

  /**
   * Lets time pass only until `promise` settles, and settles like it. Rejects if it is still pending after `limit`
   * milliseconds.
   *
   * @example await clock.run(client.connect());
   */
  async run<T>(promise: PromiseLike<T>, limit: number = 60_000): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    if (await this.#wait(limit, () => settled)) return promise;
    throw new Error(`the promise is still pending after ${limit} ms of virtual time`);
  }

  #wait(limit: number, condition: (() => boolean) | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waits.push({ deadline: this.#now + limit, condition, resolve, reject });
      if (this.#driving) return;
      this.#driving = true;
      void this.#drive();
    });
  }

  /** Runs for all waits together, so that several may overlap. No two callbacks run in the same turn. */
  async #drive(): Promise<void> {
    let turns = 0;
    for (;;) {
      await new Promise<void>(nextTurn);
      try {
        this.#resolveMet();
        if (this.#waits.length === 0) break;
        if (this.#runOne()) {
          turns += 1;
          if (turns > TURN_LIMIT) throw livelock(this.#now);
          continue;
        }
      } catch (error) {
        this.#rejectAll(error);
        turns = 0;
        continue;
      }
      if (this.#resolveExpired()) continue; // what their callers do next belongs to this instant too
      this.#jump();
      turns = 0;
    }
    this.#driving = false;
  }

  /** Runs the first callback that is due now: those after the turn before timers, as a platform does. */
  #runOne(): boolean {
    const turn = this.#turns.shift();
    if (turn) {
      turn();
      return true;
    }
    const timer = this.#timers.first;
    if (!timer || timer.due > this.#now) return false;
    this.#timers.remove(timer);
    timer.callback();
    return true;
  }

  #resolveMet(): void {
    for (const wait of this.#waits.filter((wait) => wait.condition?.())) this.#settleWait(wait, true);
  }

  #resolveExpired(): boolean {
    const expired = this.#waits.filter((wait) => wait.deadline <= this.#now);
    for (const wait of expired) this.#settleWait(wait, false);
    return expired.length > 0;
  }

  #settleWait(wait: Wait, met: boolean): void {
    this.#waits = this.#waits.filter((other) => other !== wait);
    wait.resolve(met);
  }

  #rejectAll(error: unknown): void {
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) wait.reject(error);
  }

  /** Moves to the next timer, never past the time that somebody waits for. */
  #jump(): void {
    const due = this.#timers.first?.due ?? Infinity;
    this.#now = this.#waits.reduce((earliest, wait) => Math.min(earliest, wait.deadline), due);
  }
}

function livelock(now: number): Error {
  return new Error(
    `the virtual clock ran ${TURN_LIMIT} turns at ${now} ms without time passing: something schedules itself again and again`,
  );
}
