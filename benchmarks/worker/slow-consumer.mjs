// SPDX-License-Identifier: Apache-2.0
// A consumer that takes one message a millisecond, while messages come as fast as the socket brings them: the buffer keeps the
// newest, and memory does not grow. Two passes: one as it is, and one with a collection before each sample, which shows what is
// held rather than when V8 collects.
import { setTimeout as sleep } from "node:timers/promises";
import { FILTER, PERIOD, sequenceOf } from "../counterpart/frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

const megabytes = (bytes) => bytes / 1e6;

/** Samples memory every `period` milliseconds; `stop` gives the peaks, in bytes. */
function watchMemory(period, collect) {
  const peak = { heapUsed: 0, both: 0, rss: 0 };
  const timer = setInterval(() => {
    // Array buffers are freed by another thread: the second collection waits for that of the first.
    for (let times = collect ? 2 : 0; times > 0; times--) globalThis.gc();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    peak.heapUsed = Math.max(peak.heapUsed, heapUsed);
    peak.both = Math.max(peak.both, heapUsed + arrayBuffers);
    peak.rss = Math.max(peak.rss, rss);
  }, period);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

export async function setUp({ peer, port, count, size, bufferSize }, control) {
  const { client, close } = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}` });

  async function pass(collect) {
    const subscription = await client.subscribe(FILTER, { qos: 0, overflow: "drop-oldest", bufferSize });
    await control.ask("prepare", { mode: "source", qos: 0, size, count });
    const before = { ...client.stats() };
    const arrived = () => client.stats().inboundPublishes - before.inboundPublishes;
    let taken = 0;
    let last = -1;
    let hurry = false;
    const consumer = (async () => {
      for await (const message of subscription) {
        taken++;
        last = sequenceOf(message.payload);
        if (!hurry) await sleep(1);
        if (hurry && subscription.pending === 0) return;
      }
    })();
    const memory = watchMemory(collect ? 50 : 2, collect);
    const start = performance.now();
    await control.ask("go");
    while (arrived() < count) await sleep(1);
    const seconds = (performance.now() - start) / 1000;
    await sleep(100); // the sampler sees the full buffer
    const peak = memory.stop();
    const held = subscription.pending;
    hurry = true;
    await consumer;
    await control.finish();
    const dropped = client.stats().inboundDropped - before.inboundDropped;
    if (taken + dropped !== count) throw new Error(`${taken} taken and ${dropped} dropped of ${count}`);
    if (last !== (count - 1) % PERIOD) throw new Error("the newest message is not the last");
    return { peak, held, dropped, seconds };
  }

  return {
    async measure() {
      globalThis.gc();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      const asItIs = await pass(false);
      const collected = await pass(true);
      return {
        messagesPerSecond: count / asItIs.seconds,
        dropped: asItIs.dropped,
        held: asItIs.held,
        peakHeapMegabytes: megabytes(asItIs.peak.heapUsed),
        peakHeapAndBuffersMegabytes: megabytes(asItIs.peak.both),
        peakLiveMegabytes: megabytes(collected.peak.both),
        idleMegabytes: megabytes(heapUsed + arrayBuffers),
        peakRssMegabytes: megabytes(asItIs.peak.rss),
      };
    },
    close,
  };
}
