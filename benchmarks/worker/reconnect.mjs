// SPDX-License-Identifier: Apache-2.0
// Cuts the connection under 20 unacknowledged QoS 1 publishes and waits until the client has dialled again, sent them again and
// has them acknowledged. Each client redials at once: a delay of 0 for @mqttv5/core, of 1 ms for MQTT.js, which has no shorter one.
import { setTimeout as sleep } from "node:timers/promises";
import { payloads, TOPIC } from "../counterpart/frames.mjs";
import { FloorFrames } from "../peers/floor-frames.mjs";
import { loadPeer } from "../peers/peers.mjs";
import { latencySummary, median } from "../run/statistics.mjs";

const IN_FLIGHT = 20;

export async function setUp({ peer, port, size, cuts }, control) {
  const clientId = `worker-${process.pid}`;
  const line = await (peer === "floor" ? floor : client)({ peer, port, clientId, size });
  async function cutOnce() {
    await control.ask("prepare", { mode: "hold", count: IN_FLIGHT });
    const acked = line.publish();
    await control.finish(); // all arrived, none is acknowledged
    await control.ask("prepare", { mode: "count", count: IN_FLIGHT, sessionPresent: true });
    const start = performance.now();
    const cut = control.ask("cut");
    await acked;
    const took = performance.now() - start;
    await cut;
    await control.finish();
    await sleep(20); // the connection counts as settled
    return took;
  }
  return {
    async measure() {
      for (let i = 0; i < 3; i++) await cutOnce();
      const times = [];
      for (let i = 0; i < cuts; i++) times.push(await cutOnce());
      return { cuts, milliseconds: median(times), ...latencySummary(times) };
    },
    close: () => line.close(),
  };
}

async function client({ peer, port, clientId, size }) {
  const connection = await (await loadPeer(peer)).open({ port, clientId, resume: true });
  const messages = payloads(size);
  return {
    publish: () =>
      Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => connection.publish(TOPIC, messages[index], 1))),
    close: () => connection.close(),
  };
}

/** Sends 20 frames, dials when the other side leaves, sends the same with DUP after CONNACK, and waits for 20 acknowledgements. */
async function floor({ port, clientId, size }) {
  const settings = { port, clientId, qos: 1, size, cleanStart: false };
  let line = await FloorFrames.open(settings);
  const again = new FloorFrames({ ...settings, again: true });
  return {
    async publish() {
      line.restart();
      line.send(IN_FLIGHT);
      await line.left();
      line = again;
      await line.dial(settings);
      await line.exchange(IN_FLIGHT, IN_FLIGHT);
    },
    close: () => line.close(),
  };
}
