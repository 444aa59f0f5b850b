// SPDX-License-Identifier: Apache-2.0
// Rows and targets as text. The units of all measures stand here, for the terminal and for RESULTS.md.

/** Heading and digits of each measure, in the order of the columns. */
export const MEASURES = {
  messagesPerSecond: { heading: "msg/s", format: whole },
  nanoseconds: { heading: "ns/packet", format: short },
  milliseconds: { heading: "ms", format: short },
  cpuNanoseconds: { heading: "CPU ns", format: short },
  bytes: { heading: "bytes", format: whole },
  cpuMicroseconds: { heading: "CPU us/msg", format: short },
  allocatedBytes: { heading: "B alloc/msg", format: whole },
  p50: { heading: "p50 ms", format: fine },
  p99: { heading: "p99 ms", format: fine },
  p999: { heading: "p99.9 ms", format: fine },
  loopDelayP99: { heading: "loop p99 ms", format: short },
  loopDelayMax: { heading: "loop max ms", format: short },
  timeRatio: { heading: "time x", format: short },
  workRatio: { heading: "work x", format: short },
  microsecondsFew: { heading: "us/msg few", format: short },
  microsecondsMany: { heading: "us/msg many", format: short },
  writesFew: { heading: "writes/msg few", format: fine },
  writesMany: { heading: "writes/msg many", format: fine },
  heapBytes: { heading: "heap B", format: whole },
  bufferBytes: { heading: "buffers B", format: whole },
  rssBytes: { heading: "rss B", format: whole },
  heldBytes: { heading: "B held", format: whole },
  dropped: { heading: "dropped", format: whole },
  peakHeapMegabytes: { heading: "peak heap MB", format: short },
  peakHeapAndBuffersMegabytes: { heading: "with buffers MB", format: short },
  peakLiveMegabytes: { heading: "of that live MB", format: short },
  idleMegabytes: { heading: "idle MB", format: short },
  peakRssMegabytes: { heading: "peak rss MB", format: whole },
  minified: { heading: "minified B", format: whole },
  gzip: { heading: "gzip B", format: whole },
  brotli: { heading: "brotli B", format: whole },
};

export function whole(value) {
  return Math.round(value).toLocaleString("en-US");
}

export function short(value) {
  return Math.abs(value) >= 100 ? whole(value) : value.toPrecision(3);
}

export function fine(value) {
  return Math.abs(value) >= 100 ? whole(value) : value.toFixed(3);
}

/** A row as a table of strings: headings, then a line a peer. The row's own measure comes with its spread. */
export function tableOf(row) {
  const entries = Object.entries(row.peers);
  const measures = Object.keys(MEASURES).filter((name) =>
    entries.some(([, { summary }]) => summary[name] !== undefined),
  );
  const headings = [
    "",
    ...measures.flatMap((name) => [MEASURES[name].heading, ...(name === row.measure ? ["+-"] : [])]),
  ];
  const lines = entries.map(([, { name, summary }]) => [
    name,
    ...measures.flatMap((measure) => {
      const found = summary[measure];
      const text = found === undefined ? "" : MEASURES[measure].format(found.median);
      if (measure !== row.measure) return [text];
      return [text, found === undefined ? "" : `${Math.round(found.spread * 100)}%`];
    }),
  ]);
  return { headings, lines };
}

/** What was not run and what failed, a sentence each. */
export function remarksOf(row) {
  return [
    ...Object.entries(row.notRun ?? {}).map(([peer, reason]) => `${peer} not run: ${reason}`),
    ...Object.entries(row.failed ?? {}).map(([peer, reason]) => `${peer} FAILED: ${reason.split("\n")[0]}`),
  ];
}

export function printRow(row) {
  const { headings, lines } = tableOf(row);
  console.log(`\n${row.title}`);
  if (lines.length > 0) {
    const all = [headings, ...lines];
    const widths = headings.map((_, column) => Math.max(...all.map((line) => line[column].length)));
    for (const line of all) {
      console.log(
        `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")}`,
      );
    }
  }
  for (const remark of remarksOf(row)) console.log(`  ${remark}`);
  for (const { stage, nanoseconds, share } of row.peers.mqttv5?.stages ?? []) {
    console.log(
      `    ${stage.padEnd(36)} ${whole(nanoseconds).padStart(8)} ns ${(share * 100).toFixed(1).padStart(5)} %`,
    );
  }
}

/** `>= 10 x`. */
export function boundOf({ atLeast, atMost, unit }) {
  return atLeast === undefined ? `<= ${atMost.toLocaleString("en-US")} ${unit}` : `>= ${atLeast} ${unit}`;
}

export function verdictOf({ met, reason }) {
  if (met === undefined) return reason;
  return met ? "met" : (reason ?? "NOT MET");
}

export function valueOf({ value, unit }) {
  return value === undefined ? "" : `${short(value)} ${unit}`;
}

/** What the floor reaches of a target, and if that misses it too, that no client can meet it here. */
export function floorReaches({ floor, floorMeets, unit }) {
  if (floor === undefined) return "";
  return `${short(floor)} ${unit}${floorMeets ? "" : ", OUT OF REACH"}`;
}

export function printTargets(judged, quick) {
  if (judged.length === 0) return;
  console.log(quick ? "\ntargets (of a quick run: too short to tell)" : "\ntargets");
  const headings = `${"target".padStart(16)} ${"reached".padStart(16)} ${"a bare socket".padStart(24)}`;
  console.log(`  ${"".padEnd(86)} ${headings}`);
  for (const target of judged) {
    const { workload, measure } = target;
    const what = `${workload}; ${measure}`;
    console.log(
      `  ${what.padEnd(86)} ${boundOf(target).padStart(16)} ${valueOf(target).padStart(16)} ${floorReaches(target).padStart(24)}  ${verdictOf(target)}`,
    );
  }
  const count = (met) => judged.filter((target) => target.met === met).length;
  console.log(`  ${count(true)} met, ${count(false)} not met, ${count(undefined)} not run`);
}
