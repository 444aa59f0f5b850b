// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Ring } from "../src/ring.js";
import { seeded } from "./session-bench.js";

describe("Ring", () => {
  it("is a queue like any other, over thousands of random steps", () => {
    const random = seeded(7);
    const ring = new Ring<number>();
    let plain: number[] = [];
    for (let step = 0; step < 20_000; step++) {
      const choice = random();
      if (choice < 0.52) {
        ring.push(step);
        plain.push(step);
      } else if (choice < 0.999) {
        expect(ring.shift()).toBe(plain.shift());
      } else {
        ring.clear();
        plain = [];
      }
      expect(ring.size).toBe(plain.length);
      expect(ring.peek()).toBe(plain[0]);
    }
    expect([...ring]).toEqual(plain);
  });

  it("keeps undefined apart from empty", () => {
    const ring = new Ring<undefined>();
    ring.push(undefined);
    expect([ring.size, ring.shift(), ring.size, ring.shift()]).toEqual([1, undefined, 0, undefined]);
  });

  it("keeps its order when it grows in the middle of a round", () => {
    const ring = new Ring<number>();
    for (const item of [1, 2, 3, 4]) ring.push(item);
    ring.shift();
    ring.shift();
    for (const item of [5, 6, 7, 8, 9]) ring.push(item);
    expect([...ring]).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });
});
