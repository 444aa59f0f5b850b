// SPDX-License-Identifier: Apache-2.0
import { matchTopic } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { Router } from "../src/subscribe/router.js";
import { seeded } from "./session-bench.js";

function matching(filters: readonly string[], topic: string): string[] {
  const router = new Router<string>();
  for (const filter of filters) router.set(filter, filter);
  const found: string[] = [];
  router.match(topic, found);
  return found.toSorted();
}

describe("Router", () => {
  it("# matches the parent level too [parity 133]", () => {
    expect(matching(["a/#", "#", "a/+/#", "+/#", "a"], "a")).toEqual(["#", "+/#", "a", "a/#"]);
    expect(matching(["a/b/#", "a/b/c/#"], "a/b")).toEqual(["a/b/#"]);
  });

  it("+ matches one level, also an empty one", () => {
    expect(matching(["+", "+/+", "/+", "+/"], "/a")).toEqual(["+/+", "/+"]);
    expect(matching(["+", "+/+", "/+", "+/", "/"], "/")).toEqual(["+/", "+/+", "/", "/+"]);
    expect(matching(["a/+", "a/+/c"], "a/b/c")).toEqual(["a/+/c"]);
  });

  it("wildcards at the first level leave topics that begin with $ alone", () => {
    expect(matching(["#", "+/x", "+/#", "$SYS/#", "$SYS/+", "$SYS/x"], "$SYS/x")).toEqual([
      "$SYS/#",
      "$SYS/+",
      "$SYS/x",
    ]);
    expect(matching(["a/#", "a/+"], "a/$b")).toEqual(["a/#", "a/+"]);
  });

  it("has one entry a filter, and forgets it with what was only there for it", () => {
    const router = new Router<number>();
    const found = (topic: string): number[] => {
      const into: number[] = [];
      router.match(topic, into);
      return into;
    };
    router.set("a/b", 1);
    router.set("a/b", 2);
    router.set("a", 3);
    router.set("a/#", 4);
    router.delete("a/b");
    router.delete("x/y");
    router.delete("a/b/c");
    expect([found("a/b"), found("a")]).toEqual([[4], [4, 3]]);
    router.delete("a/#");
    router.delete("a");
    expect([found("a/b"), found("a")]).toEqual([[], []]);
  });

  it("takes the longest legal topic and filters, with a wildcard on every level, on any stack", () => {
    const slashes = "/".repeat(65_535);
    const letters = `a${"/a".repeat(32_767)}`;
    const anything = `+${"/+".repeat(32_767)}`;
    const filters = [slashes, letters, anything, "#", `+${"/+".repeat(32_000)}/#`, `${"/".repeat(65_000)}#`];
    const router = new Router<string>();
    for (const filter of filters) router.set(filter, filter);
    const found = (topic: string): number[] => {
      const into: string[] = [];
      router.match(topic, into);
      return into.map((filter) => filters.indexOf(filter)).toSorted((a, b) => a - b);
    };
    expect([found(slashes), found(letters), found("a")]).toEqual([[0, 3, 4, 5], [1, 2, 3, 4], [3]]);
    for (const filter of filters.slice(1)) router.delete(filter);
    expect([found(slashes), found(letters)]).toEqual([[0], []]);
    router.delete(slashes);
    expect(found(slashes)).toEqual([]);
  });

  it("agrees with the plain matcher on thousands of random pairs", () => {
    const random = seeded(42);
    const pick = (levels: readonly string[]): string => levels[Math.floor(random() * levels.length)] as string;
    const filter = (): string => {
      const levels = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(["a", "b", "", "+", "$s", "ü"]));
      if (random() < 0.3) levels.push("#");
      return levels.join("/");
    };
    for (let round = 0; round < 300; round++) {
      const filters = [...new Set(Array.from({ length: 20 }, filter))].filter((text) => text !== "");
      const gone = filters.filter(() => random() < 0.3);
      const router = new Router<string>();
      for (const text of filters) router.set(text, text);
      for (const text of gone) router.delete(text);
      for (let n = 0; n < 10; n++) {
        const topic = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(["a", "b", "", "$s", "ü"])).join(
          "/",
        );
        if (topic === "") continue;
        const found: string[] = [];
        router.match(topic, found);
        const expected = filters.filter((text) => !gone.includes(text) && matchTopic(text, topic));
        expect([topic, found.toSorted()]).toEqual([topic, expected.toSorted()]);
      }
    }
  });
});
