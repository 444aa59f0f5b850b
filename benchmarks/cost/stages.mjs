// SPDX-License-Identifier: Apache-2.0
// Which stage of a publish or a delivery a function belongs to: the first line that fits. What is built in (a copy, a look-up in a
// Map) counts for the function of ours that called it, unless it stands in `NATIVE`.

const core = (names) => new RegExp(`^packages/core/src/(${names})`);
const wire = (names) => new RegExp(`^packages/wire/src/(${names})`);

/** libuv reads while V8 counts its thread as idle, or as running no JavaScript. */
const WAITING = "socket read: kernel, libuv";

/** By the name of what is built in, or of what V8 says was running instead of a function. */
const NATIVE = [
  ["garbage collector", /^\(garbage collector\)$/],
  [WAITING, /^\(program\)$/],
  ["socket write: kernel", /^(writeBuffer|writev|writeLatin1String|writeUtf8String|shutdown)$/],
  ["promises and microtasks", /^(runMicrotasks|enqueueMicrotask)$/],
];

/** By source file and name. */
const STAGES = [
  ["the benchmark's own loop", /^benchmarks\//],
  ["promises and microtasks", /^node:internal\/process\/(task_queues|promises)|^node:internal\/async_hooks/],
  ["promises and microtasks", /^node:internal\/per_context/],
  ["the clock", /^node:internal\/(perf|util)/],
  ["promises and microtasks", core("publisher\\.ts"), /^$/], // the executor of the promise
  ["socket write: Node", /^node:internal\/(stream_base_commons|streams\/writable)/, /write|Write|FastBuffer/],
  ["socket write: Node", /^node:(net|stream)$/, /write|Write|_uint8ArrayToBuffer/],
  [
    "socket read: Node",
    /^node:(net|events|stream|buffer|string_decoder|internal\/(streams|stream_base_commons|buffer))/,
  ],
  ["turns of the event loop", /^node:(timers|internal\/timers)/],
  ["the MQTT library", /node_modules\/(mqtt|mqtt-packet|u8-mqtt)\//],
  ["outgoing memory", wire("writer\\.ts"), /^(grow|release)$/],
  ["copy into the chunk", wire("writer\\.ts"), /^raw$/],
  ["own the bytes", wire("copy-memory\\.ts|bytes\\.ts")],
  ["own the bytes", wire("packets/publish\\.ts"), /^own$/],
  ["encode", wire("writer|encode|write-properties|rewrite")],
  ["encode", wire("packets/"), /^write|^encode/],
  ["find and decode", wire("")],
  [
    "options, checks",
    core("publish-options|check|options|client-state|lifecycle|supervisor|connection/outbound-aliases"),
  ],
  ["options, checks", core("client\\.ts|connection/connection\\.ts"), /publish|^mayExceed$|^#?send/i],
  ["flush once a turn", core("connection/sender|connection/latch|clock|tcp")],
  ["session", core("session/|chain|lazy-map|lazy-set|ring|publisher|waiting|pending-bytes|store|stored|memory-store")],
  ["dispatch, deliver", core("")],
];

/** The name of the stage, or undefined: nothing ran. */
export function stageOf({ name, source, caller }) {
  if (name === "(idle)") return undefined;
  if (source === undefined) {
    const native = NATIVE.find(([, pattern]) => pattern.test(name));
    if (native !== undefined) return native[0];
    return caller === undefined ? "other" : stageOf(caller);
  }
  return (
    STAGES.find(([, sources, names]) => sources.test(source) && (names === undefined || names.test(name)))?.[0] ??
    "other"
  );
}

/**
 * Microseconds by stage. libuv reads the socket while V8 counts its thread as idle: what the thread used of the CPU
 * beyond its samples is that.
 */
export function stagesOf(times, threadMicroseconds) {
  const stages = {};
  let sampled = 0;
  for (const place of times) {
    const stage = stageOf(place);
    if (stage === undefined) continue;
    stages[stage] = (stages[stage] ?? 0) + place.microseconds;
    sampled += place.microseconds;
  }
  const unseen = threadMicroseconds - sampled;
  if (unseen > 0) stages[WAITING] = (stages[WAITING] ?? 0) + unseen;
  return stages;
}

/** Sums the stages of several runs. */
export function sumOf(runs) {
  const sum = {};
  for (const stages of runs) {
    for (const [stage, microseconds] of Object.entries(stages)) sum[stage] = (sum[stage] ?? 0) + microseconds;
  }
  return sum;
}

/**
 * Nanoseconds of each stage of a message, the largest first: its share of the profile times what the thread needs for a message
 * without a profile; and what the process's other threads need, which no profile sees.
 */
export function modelOf(stages, { threadMicroseconds, cpuMicroseconds }) {
  const total = Object.values(stages).reduce((sum, microseconds) => sum + microseconds, 0);
  const model = Object.entries(stages).map(([stage, microseconds]) => ({
    stage,
    nanoseconds: (microseconds / total) * threadMicroseconds * 1000,
  }));
  const others = (cpuMicroseconds - threadMicroseconds) * 1000;
  if (others > 0) model.push({ stage: "other threads: collector, compiler", nanoseconds: others });
  return model
    .map(({ stage, nanoseconds }) => ({ stage, nanoseconds, share: nanoseconds / (cpuMicroseconds * 1000) }))
    .toSorted((a, b) => b.nanoseconds - a.nanoseconds);
}
