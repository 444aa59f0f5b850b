// SPDX-License-Identifier: Apache-2.0
// Cuts the connection under 20 unacknowledged QoS 1 publishes and waits until the client has dialled again, sent them again and
// has them acknowledged. Each client redials at once: a delay of 0 for @mqttv5/core, of 1 ms for MQTT.js, which has no shorter one.
import { setTimeout as sleep } from "node:timers/promises";
import { payloads, TOPIC } from "../counterpart/frames.mjs";
import { loadPeer } from "../peers/peers.mjs";
import { latencySummary, median } from "../run/statistics.mjs";

const IN_FLIGHT = 20;

export async function setUp({ peer, port, size, cuts }, control) {
  const connection = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}`, resume: true });
  const messages = payloads(size);
  async function cutOnce() {
    await control.ask("prepare", { mode: "hold", count: IN_FLIGHT });
    const acked = Promise.all(
      Array.from({ length: IN_FLIGHT }, (_, index) => connection.publish(TOPIC, messages[index], 1)),
    );
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
    close: () => connection.close(),
  };
}
