// SPDX-License-Identifier: Apache-2.0

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value that `percent` of the sorted values do not exceed. */
export function percentile(sorted, percent) {
  const rank = Math.ceil((percent * sorted.length) / 100 - 1e-9); // 99.9 % of 1000 is not 999.0000000000001
  return sorted[Math.max(0, rank - 1)];
}

/** How far apart the runs are: half of the range, relative to the median. */
export function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / 2 / middle;
}

/** p50, p99 and p99.9 of latencies, in their own unit. */
export function latencySummary(latencies) {
  const sorted = Float64Array.from(latencies).toSorted();
  return { p50: percentile(sorted, 50), p99: percentile(sorted, 99), p999: percentile(sorted, 99.9) };
}

/** Median and spread of each measure over the runs; a measure that a run lacks is left out. */
export function summarise(runs) {
  const summary = {};
  for (const measure of Object.keys(runs[0] ?? {})) {
    const values = runs.map((run) => run[measure]);
    if (!values.every((value) => typeof value === "number" && Number.isFinite(value))) continue;
    summary[measure] = { median: median(values), spread: spread(values) };
  }
  return summary;
}

/** The median of the rounds' ratios: both sides of each ran one right after the other. */
export function ratioOf(runs, others, measure) {
  const count = Math.min(runs.length, others.length);
  return median(Array.from({ length: count }, (_, round) => runs[round][measure] / others[round][measure]));
}
