// SPDX-License-Identifier: Apache-2.0
// Publishes to its own subscription at QoS 0: the counterpart sends every message back as it is. The time is that from the
// call of publish to the handler.
import { Tally } from "../counterpart/endpoint.mjs";
import { FILTER, payloads, PERIOD, sequenceOf, TOPIC } from "../counterpart/frames.mjs";
import { FloorFrames } from "../peers/floor-frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp(settings, control) {
  const { peer, window } = settings;
  const clientId = `worker-${process.pid}`;
  const { exchange, close } = await (peer === "floor" ? floor : client)({ ...settings, clientId });
  return {
    step: 1,
    async run(count, latencies) {
      await control.ask("prepare", { mode: "echo", qos: 0, count });
      await exchange(count, window, latencies);
      await control.finish();
    },
    close,
  };
}

async function client({ peer, port, clientId, size }) {
  const connection = await (await loadPeer(peer)).open({ port, clientId });
  const messages = payloads(size);
  let onArrival;
  await connection.subscribe(FILTER, 0, (payload) => onArrival(sequenceOf(payload)));
  const exchange = (count, window, latencies) =>
    new Promise((resolve, reject) => {
      const sentAt = new Float64Array(PERIOD);
      const tally = new Tally(count, () => (tally.error === undefined ? resolve() : reject(new Error(tally.error))));
      let next = 0;
      const send = () => {
        const index = next++;
        sentAt[index % PERIOD] = performance.now();
        connection.publish(TOPIC, messages[index % PERIOD], 0).catch(reject);
      };
      onArrival = (sequence) => {
        latencies?.add(performance.now() - sentAt[sequence]);
        tally.add(sequence);
        if (next < count) send();
      };
      while (next < Math.min(window, count)) send();
    });
  return { exchange, close: () => connection.close() };
}

async function floor(settings) {
  const frames = await FloorFrames.open(settings);
  await frames.subscribe(0);
  return {
    exchange: (count, window, latencies) => frames.exchange(count, window, latencies),
    close: () => frames.close(),
  };
}
