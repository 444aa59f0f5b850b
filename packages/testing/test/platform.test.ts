// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../src/index.js";

describe("the system clock", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it.each([
    ["setImmediate", []],
    ["a message channel", ["setImmediate"]],
    ["a timeout", ["setImmediate", "MessageChannel"]],
  ])("finds the next turn with %s, after all promise reactions and in order", async (_name, missing) => {
    for (const name of missing) vi.stubGlobal(name, undefined);
    const log: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.afterTurn(() => log.push("first"));
      systemClock.afterTurn(() => {
        log.push("second");
        resolve();
      });
      void Promise.resolve()
        .then(() => log.push("reaction"))
        .then(() => log.push("its reaction"));
    });
    expect(log).toEqual(["reaction", "its reaction", "first", "second"]);
  });

  it("waits longer than the platform's timers can count", () => {
    vi.useFakeTimers();
    const start = systemClock.now();
    const delay = 2 ** 32 * 1000; // the longest session expiry interval
    let firedAt = -1;
    systemClock.schedule(delay, () => {
      firedAt = systemClock.now();
    });
    const cancelled = systemClock.schedule(delay, () => expect.unreachable());
    vi.advanceTimersByTime(2 ** 31);
    cancelled.cancel();
    cancelled.cancel();
    vi.advanceTimersByTime(delay);
    expect(firedAt - start).toBe(delay);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells the time of the platform, and draws its random numbers", () => {
    vi.useFakeTimers({ now: 1_000_000 });
    expect(systemClock.wallTime()).toBe(1_000_000);
    const number = systemClock.random();
    expect(number).toBeGreaterThanOrEqual(0);
    expect(number).toBeLessThan(1);
    const bytes = systemClock.randomBytes(200_000); // more than the platform gives at once
    expect(bytes.subarray(-1000).some((byte) => byte !== 0)).toBe(true);
  });
});
