// SPDX-License-Identifier: Apache-2.0

const sinks = []; // what the cases return is kept, so that no work is dead

/** Nanoseconds a packet, of one run. */
function time(task, times) {
  const start = performance.now();
  sinks[0] = task.run(times);
  return ((performance.now() - start) * 1e6) / (times * task.packets);
}

/** How many times fill `milliseconds`. */
function calibrate(task, milliseconds) {
  let times = 1;
  while (time(task, times) * times * task.packets < milliseconds * 1e6) times *= 2;
  return times;
}

/**
 * Runs all tasks round after round, in turn, so that a machine that changes its pace changes it for all. The first rounds
 * warm up and don't count. Gives the nanoseconds a packet of each task, round by round.
 */
export function measureTime(tasks, { rounds, milliseconds }) {
  const times = tasks.map((task) => calibrate(task, milliseconds));
  const results = tasks.map(() => []);
  const warmup = 3;
  for (let round = 0; round < warmup + rounds; round++) {
    tasks.forEach((task, index) => {
      const nanoseconds = time(task, times[index]);
      if (round >= warmup) results[index].push(nanoseconds);
    });
  }
  return results;
}

const batches = 60;
const batchPackets = 240;

/**
 * Bytes a packet allocates: heap and array buffers together. Batches are small, so that few are cut short by a collection;
 * those are left out.
 */
export function measureBytes(task) {
  const times = Math.max(1, Math.floor(batchPackets / task.packets));
  const samples = [];
  for (let i = 0; i < batches; i++) {
    if (i % 10 === 0) globalThis.gc();
    const before = process.memoryUsage();
    sinks[0] = task.run(times);
    const after = process.memoryUsage();
    const heap = after.heapUsed - before.heapUsed;
    const buffers = after.arrayBuffers - before.arrayBuffers;
    if (heap >= 0 && buffers >= 0) samples.push(heap + buffers);
  }
  return samples.reduce((sum, bytes) => sum + bytes, 0) / (samples.length * times * task.packets);
}
