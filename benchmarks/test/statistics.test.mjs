// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { latencySummary, median, percentile, ratioOf, spread, summarise } from "../run/statistics.mjs";

describe("statistics", () => {
  it("the median is the middle value, or the mean of the two in the middle, in whatever order", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 1, 2, 4])).toBe(3);
  });

  it("a percentile is a value that was measured", () => {
    const sorted = Array.from({ length: 1000 }, (_, index) => index + 1);
    expect(percentile(sorted, 50)).toBe(500);
    expect(percentile(sorted, 99)).toBe(990);
    expect(percentile(sorted, 99.9)).toBe(999);
    expect(percentile([7], 99.9)).toBe(7);
  });

  it("latencies are sorted as numbers", () => {
    expect(latencySummary([10, 9, 100, 1])).toEqual({ p50: 9, p99: 100, p999: 100 });
  });

  it("the spread is half of the range, relative to the median", () => {
    expect(spread([90, 100, 120])).toBeCloseTo(0.15);
    expect(spread([5, 5, 5])).toBe(0);
  });

  it("a measure that one of the runs lacks has no median", () => {
    const summary = summarise([{ a: 1, b: 1 }, { a: 3 }, { a: 2, b: 1 }]);
    expect(summary).toEqual({ a: { median: 2, spread: 0.5 } });
  });

  it("a ratio compares what ran in the same round", () => {
    const ours = [{ rate: 100 }, { rate: 10 }, { rate: 30 }];
    const theirs = [{ rate: 10 }, { rate: 1 }, { rate: 2 }]; // a machine that slows down, for both
    expect(ratioOf(ours, theirs, "rate")).toBe(10);
  });
});
