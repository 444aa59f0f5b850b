// SPDX-License-Identifier: Apache-2.0
// One run of one peer in a process of its own: node worker.mjs JSON. Warms up, finds how many messages fill the time, runs
// them, and prints what it measured as one line of JSON.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { latencySummary } from "../run/statistics.mjs";
import { Control } from "./control.mjs";
import { Latencies } from "./latencies.mjs";

/** Messages come in whole chunks of the counterpart's. */
const CHUNK = 256;
/** The event-loop monitor's own period, milliseconds: what it reports beyond it is delay. */
const RESOLUTION = 10;

const WORKLOADS = {
  publish: () => import("./publish.mjs"),
  receive: () => import("./receive.mjs"),
  latency: () => import("./latency.mjs"),
  roundtrip: () => import("./roundtrip.mjs"),
  reconnect: () => import("./reconnect.mjs"),
  "slow-consumer": () => import("./slow-consumer.mjs"),
  scale: () => import("./scale.mjs"),
  memory: () => import("./memory.mjs"),
  micro: () => import("./micro.mjs"),
};

const settings = JSON.parse(process.argv[2]);
const { setUp } = await WORKLOADS[settings.workload]();
const control = settings.control === undefined ? undefined : await Control.open(settings.control);
await control?.ask("reset");
const workload = await setUp(settings, control);
const result = await (workload.measure?.() ?? (settings.allocation ? allocated() : timed(settings.profile)));
console.log(JSON.stringify(result));
await Promise.race([workload.close?.(), new Promise((resolve) => setTimeout(resolve, 500))]);
process.exit();

function rounded(count) {
  return Math.max(CHUNK, Math.ceil(count / CHUNK) * CHUNK);
}

/** How long `count` messages take, milliseconds. */
async function time(count) {
  const start = performance.now();
  await workload.run(count);
  return performance.now() - start;
}

/** With `profile` the measured messages are run once more, under the profiler. */
async function timed(profile) {
  const { duration, warmUp } = settings;
  let count = workload.step === 1 ? 64 : 1024;
  let took = await time(count);
  for (const end = performance.now() + warmUp; performance.now() < end; ) {
    // Grows slowly: the first messages are slow, and would have the last batch last for ever.
    const wanted = (count / Math.max(took, 0.1)) * warmUp * 0.5;
    count = Math.min(count * 4, Math.max(64, Math.ceil(wanted)));
    if (workload.step !== 1) count = rounded(count);
    took = await time(count);
  }
  count = Math.min(2_000_000, Math.ceil((count / took) * duration));
  if (workload.step !== 1) count = rounded(count);
  if (workload.fixed !== undefined) count = workload.fixed(duration);

  const profiler = profile ? await import("./profiled.mjs") : undefined;
  const latencies = workload.step === 1 ? new Latencies(count) : undefined;
  globalThis.gc?.();
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION });
  loop.enable();
  const thread = profiler?.threadCpu();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await workload.run(count, latencies);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const threadAfter = profiler?.threadCpu();
  await new Promise((resolve) => setTimeout(resolve, 2 * RESOLUTION)); // a loop that was starved shows it only now
  loop.disable();
  const beyond = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
  return {
    messages: count,
    messagesPerSecond: count / seconds,
    cpuMicroseconds: workload.fixed === undefined ? (user + system) / count : undefined, // waiting costs too
    ...(profiler === undefined
      ? {}
      : {
          threadMicroseconds: (thread === undefined ? user + system : threadAfter - thread) / count,
          stages: await profiler.profiled(() => workload.run(count)),
        }),
    loopDelayP99: loop.count > 0 ? beyond(loop.percentile(99)) : undefined,
    loopDelayMax: loop.count > 0 ? beyond(loop.max) : undefined,
    ...(latencies === undefined || latencies.values.length === 0 ? {} : latencySummary(latencies.values)),
  };
}

/**
 * Bytes that a message allocates: heap and array buffers, between two points without a collection. The young generation is made
 * large enough by the flags that the process was started with; a run that is cut short by a collection is repeated with half.
 */
async function allocated() {
  await workload.run(8 * 1024);
  for (let count = 4 * 1024; count >= CHUNK; count = rounded(count / 2)) {
    globalThis.gc();
    const collections = await countCollections();
    const before = process.memoryUsage();
    await workload.run(count);
    const after = process.memoryUsage();
    if ((await collections()) === 0) {
      return { allocatedBytes: (after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / count };
    }
    if (count === CHUNK) break;
  }
  return { allocatedBytes: undefined };
}

/** Starts to count collections; the function stops and gives their number. */
async function countCollections() {
  const { PerformanceObserver } = await import("node:perf_hooks");
  let count = 0;
  await new Promise((resolve) => setTimeout(resolve, 20)); // the one before is not to be counted
  const observer = new PerformanceObserver((list) => {
    count += list.getEntries().length;
  });
  observer.observe({ entryTypes: ["gc"] });
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    observer.disconnect();
    return count;
  };
}
