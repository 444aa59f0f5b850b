// SPDX-License-Identifier: Apache-2.0
// Open loop: messages leave on a schedule that does not wait for answers, and each latency counts from when the message was due,
// not from when it was sent, so that a client that stalls is charged for all that was late (coordinated omission).
import { payloads, PERIOD, TOPIC } from "../counterpart/frames.mjs";
import { FloorFrames } from "../peers/floor-frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

/**
 * Microseconds between two turns of the event loop, of which each looks at the schedule. A turn asked for costs 230 bytes: without
 * a pause the schedule makes more garbage than the clients do, and what p99 shows is its collection.
 */
const PAUSE = 20;

export async function setUp({ peer, port, qos, size, rate }, control) {
  const clientId = `worker-${process.pid}`;
  const { start, close } = await (peer === "floor" ? floor : client)({ peer, port, clientId, qos, size });
  const interval = 1000 / rate;
  const pause = pauseOf(PAUSE);
  return {
    step: 1,
    fixed: (duration) => Math.ceil((rate * duration) / 1000),
    async run(count, latencies) {
      await control.ask("prepare", { mode: "count", qos, count });
      await new Promise((resolve, reject) => {
        const started = performance.now();
        let next = 0;
        let acked = 0;
        // One function for all: what is sent in order is acknowledged in order, so the k-th to settle is the k-th that was due.
        const onAck = () => {
          latencies?.add(performance.now() - started - acked * interval);
          if (++acked === count) resolve();
        };
        const publish = start(onAck, reject);
        const due = () => {
          const elapsed = performance.now() - started;
          while (next < count && next * interval <= elapsed) publish(next++);
          if (next === count) return;
          pause();
          setImmediate(due);
        };
        due();
      });
      await control.finish();
    },
    close,
  };
}

async function client({ peer, port, clientId, qos, size }) {
  const connection = await (await loadPeer(peer)).open({ port, clientId });
  const messages = payloads(size);
  return {
    start: (onAck, reject) => (index) => {
      connection.publish(TOPIC, messages[index % PERIOD], qos).then(onAck, reject);
    },
    close: () => connection.close(),
  };
}

async function floor(settings) {
  const frames = await FloorFrames.open(settings);
  return {
    start(onAck) {
      frames.restart();
      frames.onAnswer = onAck;
      return () => frames.send(1);
    },
    close: () => frames.close(),
  };
}

/** Work that takes about so many microseconds and makes no garbage, as even reading the clock would. */
function pauseOf(microseconds) {
  const result = new Int32Array(1);
  const work = (rounds) => {
    let value = result[0];
    for (let i = 0; i < rounds; i++) value = (Math.imul(value, 31) + i) | 0;
    result[0] = value;
  };
  const million = () => {
    const start = performance.now();
    work(1e6);
    return performance.now() - start;
  };
  const fastest = Math.min(...Array.from({ length: 10 }, million)); // the first are slow: not compiled yet
  const rounds = Math.ceil((microseconds / 1000 / fastest) * 1e6);
  return () => work(rounds);
}
