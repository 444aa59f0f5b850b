// SPDX-License-Identifier: Apache-2.0
// Publishes to its own subscription at QoS 0: the counterpart sends every message back as it is. The time is that from the
// call of publish to the handler.
import { Tally } from "../counterpart/endpoint.mjs";
import { FILTER, payloads, PERIOD, sequenceOf, TOPIC } from "../counterpart/frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp({ peer, port, size, window }, control) {
  const connection = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}` });
  const messages = payloads(size);
  let onArrival;
  await connection.subscribe(FILTER, 0, (payload) => onArrival(sequenceOf(payload)));
  return {
    step: 1,
    async run(count, latencies) {
      await control.ask("prepare", { mode: "echo", qos: 0, count });
      await new Promise((resolve, reject) => {
        const sentAt = new Float64Array(PERIOD);
        const tally = new Tally(count, () => (tally.error === undefined ? resolve() : reject(new Error(tally.error))));
        let next = 0;
        const send = () => {
          const index = next++;
          sentAt[index % PERIOD] = performance.now();
          connection.publish(TOPIC, messages[index % PERIOD], 0).catch(reject);
        };
        onArrival = (sequence) => {
          latencies?.push(performance.now() - sentAt[sequence]);
          tally.add(sequence);
          if (next < count) send();
        };
        while (next < Math.min(window, count)) send();
      });
      await control.finish();
    },
    close: () => connection.close(),
  };
}
