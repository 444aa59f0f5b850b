// SPDX-License-Identifier: Apache-2.0
import type { Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import type { Logger } from "./logger.js";
import type { RefusalVerdict } from "./refusals.js";

/** By this many failures every backoff has reached its longest delay. */
const LONGEST = 30;
/** Milliseconds, where a backoff fails or knows no longest delay. */
const FALLBACK_DELAY = 30_000;
/** This many sessions taken over within this many milliseconds are a quarrel. */
const QUARREL = 3;
const QUARREL_SPAN = 600_000;
/** A broker that breaks the protocol has proved itself by then all the same: asked once more every so often it costs nobody much. */
const PROVEN = 600_000;

/** How long to wait before the next attempt. Lives from one `connect` to the end of that life. */
export class ReconnectDelay {
  readonly #backoff: Backoff;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #failures = 0;
  #delay = 0;
  /** When a session was taken over, the last few times. */
  readonly #takeovers: number[] = [];

  constructor(backoff: Backoff, clock: Clock, logger: Logger) {
    this.#backoff = backoff;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Attempts since the last connection that ended well: see {@link ReconnectDelay.after}. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Milliseconds to wait after an attempt failed, or after its connection had `lasted` that many milliseconds. `violated`: the
   * broker broke the protocol on it.
   */
  after(lasted: number | undefined, verdict: RefusalVerdict, violated: boolean): number {
    const doubled = verdict === "double" ? Math.min(this.#delay * 2, this.#ceiling()) : 0;
    // Else a broker that accepts and drops at once would be asked again and again without a pause; one whose every
    // connection ends in the same violation is such a broker, even if it takes a while to get there.
    const proven = violated ? Math.max(PROVEN, this.#delay) : this.#delay;
    if (verdict !== "double" && lasted !== undefined && lasted > proven) this.#failures = 0;
    const failures = this.#failures++;
    this.#delay = Math.max(doubled, this.#ask(verdict === "slow" ? Math.max(failures, LONGEST) : failures));
    return this.#delay;
  }

  /** Another client took the session over. Warns when that becomes a habit. */
  takenOver(clientId: string): void {
    const now = this.#clock.now();
    const times = this.#takeovers;
    times.push(now);
    if (times.length < QUARREL) return;
    const first = times.shift() as number;
    if (now - first > QUARREL_SPAN) return;
    times.length = 0;
    const text = `The session was taken over ${QUARREL} times within ${QUARREL_SPAN / 60_000} minutes`;
    this.#logger.warn?.(`${text}: another client uses the identifier ${JSON.stringify(clientId)}`);
  }

  #ceiling(): number {
    return Math.max(this.#ask(LONGEST), FALLBACK_DELAY);
  }

  /** An application whose backoff fails waits long. */
  #ask(failures: number): number {
    try {
      const delay = this.#backoff(failures, () => this.#clock.random());
      if (Number.isFinite(delay)) return Math.max(0, delay);
      this.#logger.error?.(`reconnectBackoff returned ${delay}`);
    } catch (error) {
      this.#logger.error?.("reconnectBackoff threw", error);
    }
    return FALLBACK_DELAY;
  }
}
