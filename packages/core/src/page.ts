// SPDX-License-Identifier: Apache-2.0
import { type Clock, systemClock, type Timer } from "./clock.js";

/** Pages in browsers: the only file that knows that there are such. */

/** Something that says when a page may have been away. */
export interface PageEvents {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** A page: what tells of its visibility, and what tells of the network and of coming back out of the cache. */
export interface Page {
  readonly document: PageEvents;
  readonly window: PageEvents;
}

/** Chrome lets the timers of a page that was hidden for five minutes run once a minute; others are no worse. */
const HIDDEN_LATENESS = 60_000;

/** The platform's clock; in a page, one that makes up for what the page's timers miss. */
export function platformClock(): Clock {
  const page = thisPage();
  return page === undefined ? systemClock() : pageClock(systemClock(), page);
}

function thisPage(): Page | undefined {
  const window = globalThis as { readonly document?: PageEvents } & Partial<PageEvents>;
  const { document } = window;
  if (typeof document?.addEventListener !== "function" || typeof window.addEventListener !== "function")
    return undefined;
  return { document, window: window as PageEvents };
}

/** A clock for a page, over the platform's. */
export function pageClock(clock: Clock, page: Page): Clock {
  return new PageClock(clock, page);
}

/**
 * In a hidden page timers are late by up to a minute, in a frozen one by hours; messages are not. So each timer keeps the time at which it is due, and
 * all that are overdue run at the first event that lets anything run: a look at the clock, as every message brings one, or the page's
 * coming back. It listens to the page only while there are timers. Ends with whoever uses it.
 */
class PageClock implements Clock {
  readonly timerLateness: number = HIDDEN_LATENESS;
  readonly #clock: Clock;
  readonly #page: Page;
  readonly #timers = new Set<PageTimer>();
  /** When the first of them is due, or earlier. */
  #earliest = Infinity;
  #looking = false;

  constructor(clock: Clock, page: Page) {
    this.#clock = clock;
    this.#page = page;
  }

  now(): number {
    const now = this.#clock.now();
    if (now >= this.#earliest) this.#look();
    return now;
  }

  wallTime(): number {
    return this.#clock.wallTime();
  }

  afterTurn(callback: () => void): void {
    this.#clock.afterTurn(callback);
  }

  random(): number {
    return this.#clock.random();
  }

  randomBytes(length: number): Uint8Array {
    return this.#clock.randomBytes(length);
  }

  schedule(delay: number, callback: () => void): Timer {
    const due = this.#clock.now() + Math.max(0, delay);
    const timer = new PageTimer(due, callback, (over) => this.#forget(over));
    timer.platform = this.#clock.schedule(delay, () => timer.run());
    if (this.#timers.size === 0) this.#listen();
    this.#timers.add(timer);
    this.#earliest = Math.min(this.#earliest, due);
    return timer;
  }

  /** The page may have been away. */
  readonly #look = (): void => {
    if (this.#looking) return;
    this.#looking = true;
    this.#clock.afterTurn(() => {
      this.#looking = false;
      this.#runOverdue();
    });
  };

  #runOverdue(): void {
    const now = this.#clock.now();
    const overdue = [...this.#timers].filter(({ due }) => due <= now).toSorted((one, other) => one.due - other.due);
    for (const timer of overdue) timer.run();
    this.#earliest = Math.min(Infinity, ...[...this.#timers].map(({ due }) => due));
  }

  #forget(timer: PageTimer): void {
    if (!this.#timers.delete(timer) || this.#timers.size > 0) return;
    this.#earliest = Infinity;
    const { document, window } = this.#page;
    for (const type of OF_DOCUMENT) document.removeEventListener(type, this.#look);
    for (const type of OF_WINDOW) window.removeEventListener(type, this.#look);
  }

  #listen(): void {
    const { document, window } = this.#page;
    for (const type of OF_DOCUMENT) document.addEventListener(type, this.#look);
    for (const type of OF_WINDOW) window.addEventListener(type, this.#look);
  }
}

/** `resume`: it was frozen. */
const OF_DOCUMENT = ["visibilitychange", "resume"];
const OF_WINDOW = ["pageshow", "online"];

/** One timer. Ends when it ran or was cancelled. */
class PageTimer implements Timer {
  readonly due: number;
  platform: Timer | undefined;
  readonly #callback: () => void;
  readonly #over: (timer: PageTimer) => void;
  #done = false;

  constructor(due: number, callback: () => void, over: (timer: PageTimer) => void) {
    this.due = due;
    this.#callback = callback;
    this.#over = over;
  }

  run(): void {
    if (this.#done) return;
    this.cancel();
    this.#callback();
  }

  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    this.platform?.cancel();
    this.#over(this);
  }

  unref(): void {
    this.platform?.unref?.();
  }
}
