// SPDX-License-Identifier: Apache-2.0
// Open loop: messages leave on a schedule that does not wait for answers, and each latency counts from when the message was due,
// not from when it was sent, so that a client that stalls is charged for all that was late (coordinated omission).
import { payloads, PERIOD, TOPIC } from "../counterpart/frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp({ peer, port, qos, size, rate }, control) {
  const connection = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}` });
  const messages = payloads(size);
  return {
    step: 1,
    fixed: (duration) => Math.ceil((rate * duration) / 1000),
    async run(count, latencies) {
      await control.ask("prepare", { mode: "count", qos, count });
      await new Promise((resolve, reject) => {
        const started = performance.now();
        let next = 0;
        let acked = 0;
        const publish = (index) => {
          connection.publish(TOPIC, messages[index % PERIOD], qos).then(() => {
            latencies?.push(performance.now() - started - (index * 1000) / rate);
            if (++acked === count) resolve();
          }, reject);
        };
        const due = () => {
          const elapsed = performance.now() - started;
          while (next < count && (next * 1000) / rate <= elapsed) publish(next++);
          if (next < count) setImmediate(due);
        };
        due();
      });
      await control.finish();
    },
    close: () => connection.close(),
  };
}
