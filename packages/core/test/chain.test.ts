// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Chain, type Link } from "../src/chain.js";
import { seeded } from "./session-bench.js";

class Item implements Link<Item> {
  readonly name: number;
  previous: Item | undefined;
  next: Item | undefined;

  constructor(name: number) {
    this.name = name;
  }
}

describe("Chain", () => {
  it("keeps the order of a Set over thousands of random steps", () => {
    const random = seeded(11);
    const chain = new Chain<Item>();
    const set = new Set<Item>();
    for (let step = 0; step < 5000; step++) {
      const choice = random();
      if (choice < 0.55) {
        const item = new Item(step);
        chain.add(item);
        set.add(item);
      } else if (choice < 0.999) {
        const item = [...set][Math.floor(random() * set.size)];
        if (item === undefined) continue;
        chain.delete(item);
        set.delete(item);
        if (random() < 0.1) chain.delete(item); // once more does nothing
        expect([item.previous, item.next]).toEqual([undefined, undefined]);
      } else {
        const items = [...set];
        chain.clear();
        set.clear();
        expect(items.every(({ previous, next }) => previous === undefined && next === undefined)).toBe(true);
      }
      expect(chain.size).toBe(set.size);
      expect(chain.first).toBe([...set][0]);
      if (step % 50 === 0) expect([...chain].map(({ name }) => name)).toEqual([...set].map(({ name }) => name));
    }
  });

  it("goes on behind an item that is taken out while it is looked at", () => {
    const chain = new Chain<Item>();
    for (const name of [1, 2, 3, 4]) chain.add(new Item(name));
    const seen: number[] = [];
    for (const item of chain) {
      seen.push(item.name);
      if (item.name !== 3) chain.delete(item);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect([...chain].map(({ name }) => name)).toEqual([3]);
  });
});
