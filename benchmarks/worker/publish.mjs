// SPDX-License-Identifier: Apache-2.0
// Publishes: each awaited at QoS 0, and a window of unacknowledged ones at QoS 1 and 2. The counterpart checks the sequence.
import { payloads, PERIOD, TOPIC, topics } from "../counterpart/frames.mjs";
import { openFloor } from "../peers/floor.mjs";
import { FloorFrames } from "../peers/floor-frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp(settings, control) {
  const { peer, port, qos, size, window } = settings;
  const prepare = (count) => control.ask("prepare", { mode: "count", qos, count });
  const step = window === 1 && qos > 0 ? 1 : undefined;
  if (peer === "floor" && settings.through === "mosquitto" && qos > 0) {
    const frames = await FloorFrames.open({ ...settings, clientId: `worker-${process.pid}` });
    return {
      step,
      async run(count, latencies) {
        await prepare(count);
        await frames.exchange(count, window, latencies);
        await control.finish();
      },
      close: () => frames.close(),
    };
  }
  if (peer === "floor") {
    const floor = await openFloor({ ...settings, clientId: `worker-${process.pid}`, window: step });
    return {
      step,
      async run(count, latencies) {
        await prepare(count);
        await floor.publish(count, latencies && ((milliseconds) => latencies.add(milliseconds)));
        await control.finish();
      },
      close: () => floor.close(),
    };
  }
  const connection = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}` });
  const messages = payloads(size);
  const names = topics(settings.topicCount ?? 1);
  const one = names.length === 1 ? TOPIC : undefined;
  const send = (index) => connection.publish(one ?? names[index % names.length], messages[index % PERIOD], qos);
  const publishAll = qos === 0 ? eachAwaited : step === 1 ? pingPong : windowed;
  return {
    step,
    async run(count, latencies) {
      await prepare(count);
      await publishAll(send, count, latencies, window);
      await control.finish();
    },
    close: () => connection.close(),
  };
}

async function eachAwaited(send, count) {
  for (let index = 0; index < count; index++) await send(index);
}

async function pingPong(send, count, latencies) {
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    await send(index);
    latencies?.add(performance.now() - start);
  }
}

/** Keeps `window` publishes unacknowledged until all are. */
function windowed(send, count, _latencies, window) {
  return new Promise((resolve, reject) => {
    let next = 0;
    let acked = 0;
    const onAck = () => {
      if (++acked === count) resolve();
      else if (next < count) send(next++).then(onAck, reject);
    };
    while (next < Math.min(window, count)) send(next++).then(onAck, reject);
  });
}
