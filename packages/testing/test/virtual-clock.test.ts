// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../src/index.js";

describe("VirtualClock", () => {
  it("stands still until it is moved", async () => {
    const clock = new VirtualClock({ now: 100 });
    let fired = false;
    clock.schedule(0, () => {
      fired = true;
    });
    await Promise.resolve();
    expect(clock.now()).toBe(100);
    expect(fired).toBe(false);
    await clock.settle();
    expect(fired).toBe(true);
    expect(clock.now()).toBe(100);
  });

  it("runs timers in the order of their time, and of their making when they are due together", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    for (const [name, delay] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
    ] as const) {
      clock.schedule(delay, () => log.push(`${name}@${clock.now()}`));
    }
    await clock.advance(25);
    expect(log).toEqual(["a@10", "b1@20", "b2@20"]);
    expect(clock.now()).toBe(25);
    expect(clock.pending).toBe(1);
    expect(clock.nextDue).toBe(30);
  });

  it("does not count as pending what was unreferenced, and runs it all the same", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const timers = ["a", "b", "c"].map((name, index) => clock.schedule(10 * (index + 1), () => log.push(name)));
    for (const timer of timers.slice(0, 2)) {
      timer.unref?.();
      timer.unref?.();
    }
    expect(clock.pending).toBe(1);
    timers[1]?.cancel();
    expect(clock.pending).toBe(1);
    await clock.advance(30);
    timers[0]?.unref?.();
    expect([log, clock.pending]).toEqual([["a", "c"], 0]);
  });

  it("keeps the order of many timers while others are made and cancelled", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const clock = new VirtualClock({ seed });
      const fired: number[] = [];
      const waiting = new Map<number, { cancel(): void }>();
      for (let id = 0; id < 300; id++) {
        const due = Math.floor(clock.random() * 1000);
        const run = () => {
          expect(clock.now()).toBe(due);
          waiting.delete(id);
          fired.push(due);
        };
        waiting.set(id, clock.schedule(due, run));
        const [oldest] = [...waiting].toSorted(() => clock.random() - 0.5);
        if (clock.random() > 0.4 || !oldest) continue;
        oldest[1].cancel();
        oldest[1].cancel();
        waiting.delete(oldest[0]);
      }
      const left = waiting.size;
      expect(clock.pending).toBe(left);
      await clock.advance(1000);
      expect(fired).toHaveLength(left);
      expect(fired).toEqual(fired.toSorted((one, other) => one - other));
    }
  });

  it("lets a promise chain of any depth run to its end before time moves", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.schedule(1, () => {
      void (async () => {
        for (let depth = 0; depth < 5000; depth++) await Promise.resolve();
        log.push(`chain@${clock.now()}`);
      })();
    });
    clock.schedule(2, () => log.push(`timer@${clock.now()}`));
    await clock.advance(2);
    expect(log).toEqual(["chain@1", "timer@2"]);
  });

  it("settles a chain that hops through afterTurn and through timers without delay", async () => {
    const clock = new VirtualClock();
    let hops = 0;
    void (async () => {
      while (hops < 300) {
        await new Promise<void>((resolve) => {
          if (hops % 2 === 0) clock.afterTurn(resolve);
          else clock.schedule(0, resolve);
        });
        hops += 1;
      }
    })();
    await clock.settle();
    expect(hops).toBe(300);
    expect(clock.now()).toBe(0);
  });

  it("runs afterTurn callbacks in order, before timers, and promise reactions between them", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.schedule(0, () => log.push("timer"));
    clock.afterTurn(() => {
      log.push("first");
      void Promise.resolve().then(() => log.push("reaction"));
    });
    clock.afterTurn(() => log.push("second"));
    await clock.settle();
    expect(log).toEqual(["first", "reaction", "second", "timer"]);
  });

  it("says so when something schedules itself without end", async () => {
    const clock = new VirtualClock();
    const again = (): void => clock.afterTurn(again);
    again();
    await expect(clock.settle()).rejects.toThrow("100000 turns at 0 ms without time passing");
  });

  it("rejects with what a callback threw, and goes on afterwards", async () => {
    const clock = new VirtualClock();
    clock.schedule(5, () => {
      throw new Error("broken callback");
    });
    await expect(clock.advance(10)).rejects.toThrow("broken callback");
    await clock.advance(10);
    expect(clock.now()).toBe(15);
  });

  it("stops at the moment a condition holds", async () => {
    const clock = new VirtualClock();
    let ready = false;
    clock.schedule(40, () => {
      ready = true;
    });
    clock.schedule(50, () => {});
    expect(await clock.until(() => ready)).toBe(true);
    expect(clock.now()).toBe(40);
    expect(await clock.until(() => false, 100)).toBe(false);
    expect(clock.now()).toBe(140);
  });

  it("rejects a wait whose condition throws", async () => {
    const clock = new VirtualClock();
    const wait = clock.until(() => {
      throw new Error("broken condition");
    });
    await expect(wait).rejects.toThrow("broken condition");
    await clock.settle();
  });

  it("moves only as far as a promise needs, and settles like it", async () => {
    const clock = new VirtualClock();
    const later = new Promise<string>((resolve) => clock.schedule(70, () => resolve("done")));
    expect(await clock.run(later)).toBe("done");
    expect(clock.now()).toBe(70);
    await expect(clock.run(Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    await expect(clock.run(new Promise(() => {}), 50)).rejects.toThrow("pending after 50 ms of virtual time");
    expect(clock.now()).toBe(120);
  });

  it("serves several waits at once, each at its own time", async () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const at = async (ms: number): Promise<void> => {
      await clock.advance(ms);
      times.push(clock.now());
    };
    await Promise.all([at(30), at(10), at(20)]);
    expect(times).toEqual([10, 20, 30]);
  });

  it("does nothing between two waits", async () => {
    const clock = new VirtualClock();
    await clock.settle();
    let ran = false;
    clock.afterTurn(() => {
      ran = true;
    });
    await new Promise<void>((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(ran).toBe(false);
  });

  it("refuses to go back", async () => {
    const clock = new VirtualClock();
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError);
  });

  it("tells the wall time from its own start", async () => {
    const clock = new VirtualClock({ now: 5, wallTime: 1_000_000 });
    await clock.advance(250);
    expect(clock.wallTime()).toBe(1_000_250);
  });

  it("gives the same random numbers for the same seed", () => {
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    const clock = new VirtualClock();
    const numbers = Array.from({ length: 10_000 }, () => clock.random());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(numbers.reduce((sum, number) => sum + number) / 10_000).toBeCloseTo(0.5, 1);
    expect(new Set(clock.randomBytes(4096)).size).toBe(256);
  });
});

function draw(seed: number): unknown[] {
  const clock = new VirtualClock({ seed });
  return [clock.random(), clock.random(), clock.randomBytes(8)];
}
