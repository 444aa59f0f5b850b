// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from "../clock.js";

/** What keep-alive asks of its connection. */
export interface KeepAlivePort {
  /** When bytes were last handed to the link. */
  lastSent(): number;
  ping(): void;
  /** Nothing answered in time. Returns whether that was the end; if not, the time to answer starts again. */
  silent(): boolean;
}

/** A timer that is later than this says that nothing ran for a while, milliseconds. */
const LATE = 1000;

/**
 * Two deadlines in one timer: a PINGREQ is due when either direction has been quiet for the keep-alive interval
 * [MQTT-3.1.2-20]; after it, anything that arrives counts as the answer, and silence ends the connection. The timer is
 * set anew only when it fires, never per packet. Where timers may be late, as in hidden pages, the PINGREQ is due that much
 * earlier, though not before half of the interval. Ends with its connection.
 */
export class KeepAlive {
  readonly #port: KeepAlivePort;
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #timeout: number;
  #lastReceived: number;
  /** When an answer must have come; 0 while none is asked for. */
  #answerBy = 0;
  #timer: Timer;
  /** When the timer was to fire. */
  #dueAt: number;
  /** The timer was late once since anything arrived: it is no excuse again. */
  #excused = false;

  /** `interval` and `timeout` in milliseconds, both above 0. */
  constructor(port: KeepAlivePort, clock: Clock, interval: number, timeout: number) {
    this.#port = port;
    this.#clock = clock;
    this.#interval = interval - Math.min(clock.timerLateness ?? 0, interval / 2);
    this.#timeout = timeout;
    this.#lastReceived = clock.now();
    this.#dueAt = this.#lastReceived + this.#interval;
    this.#timer = clock.schedule(this.#interval, () => this.#due());
  }

  /** Bytes arrived. */
  received(now: number): void {
    this.#lastReceived = now;
    this.#answerBy = 0;
    this.#excused = false;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #due(): void {
    const now = this.#clock.now();
    if (this.#answerBy > 0 && now >= this.#answerBy) {
      // What arrived while nothing ran is still to be read: the answer may be among it.
      const excuse = !this.#excused && now - this.#dueAt > LATE;
      this.#excused ||= excuse;
      if (!excuse && this.#port.silent()) return;
      this.#answerBy = now + this.#timeout;
    }
    const quietSince = Math.min(this.#port.lastSent(), this.#lastReceived);
    let next = quietSince + this.#interval;
    if (now >= next) {
      this.#port.ping();
      if (this.#answerBy === 0) this.#answerBy = now + this.#timeout;
      // What was sent now is quiet for a whole interval; the answer is due earlier.
      next = now + this.#interval;
    }
    if (this.#answerBy > 0) next = Math.min(next, this.#answerBy);
    this.#dueAt = Math.max(now, next);
    this.#timer = this.#clock.schedule(this.#dueAt - now, () => this.#due());
  }
}
