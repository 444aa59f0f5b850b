// SPDX-License-Identifier: Apache-2.0
// A consumer that takes one message a millisecond, while messages come as fast as the socket brings them: the buffer keeps the
// newest, and memory does not grow.
import { setTimeout as sleep } from "node:timers/promises";
import { FILTER, PERIOD, sequenceOf } from "../counterpart/frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp({ peer, port, count, size, bufferSize }, control) {
  const { client, close } = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}` });
  const subscription = await client.subscribe(FILTER, { qos: 0, overflow: "drop-oldest", bufferSize });
  await control.ask("prepare", { mode: "source", qos: 0, size, count });
  return {
    async measure() {
      let taken = 0;
      let last = -1;
      const consumer = (async () => {
        for await (const message of subscription) {
          taken++;
          last = sequenceOf(message.payload);
          if (!allArrived()) await sleep(1);
          if (allArrived() && subscription.pending === 0) return;
        }
      })();
      const allArrived = () => client.stats().inboundPublishes >= count;
      globalThis.gc();
      const idle = process.memoryUsage();
      const peak = { heapUsed: 0, arrayBuffers: 0, both: 0, rss: 0 };
      const sampler = setInterval(() => {
        const now = process.memoryUsage();
        for (const name of ["heapUsed", "arrayBuffers", "rss"]) peak[name] = Math.max(peak[name], now[name]);
        peak.both = Math.max(peak.both, now.heapUsed + now.arrayBuffers);
      }, 2);
      const start = performance.now();
      await control.ask("go");
      while (!allArrived()) await sleep(1);
      const seconds = (performance.now() - start) / 1000;
      const held = subscription.pending;
      globalThis.gc();
      const live = process.memoryUsage();
      await consumer;
      clearInterval(sampler);
      await control.finish();
      const dropped = client.stats().inboundDropped;
      if (taken + dropped !== count) throw new Error(`${taken} taken and ${dropped} dropped of ${count}`);
      if (last !== (count - 1) % PERIOD) throw new Error("the newest message is not the last");
      const megabytes = (bytes) => bytes / 1e6;
      return {
        messagesPerSecond: count / seconds,
        dropped,
        held,
        peakHeapMegabytes: megabytes(peak.heapUsed),
        peakHeapAndBuffersMegabytes: megabytes(peak.both),
        liveHeapAndBuffersMegabytes: megabytes(live.heapUsed + live.arrayBuffers),
        idleHeapAndBuffersMegabytes: megabytes(idle.heapUsed + idle.arrayBuffers),
        peakRssMegabytes: megabytes(peak.rss),
      };
    },
    close,
  };
}
