// SPDX-License-Identifier: Apache-2.0
// What an idle client holds, and what a received message holds that is kept: heap and array buffers after a collection.
import { setTimeout as sleep } from "node:timers/promises";
import { FILTER, sequenceOf } from "../counterpart/frames.mjs";
import { openFloor } from "../peers/floor.mjs";
import { loadPeer } from "../peers/peers.mjs";

async function settled() {
  await sleep(50);
  for (let i = 0; i < 3; i++) globalThis.gc();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers, rss };
}

export async function setUp({ peer, port, scene, count, size }, control) {
  const open = peer === "floor" ? openFloor : (await loadPeer(peer)).open;
  return {
    measure: () => (scene === "idle" ? idle(open, port, count) : retained(open, port, control, count, size)),
  };
}

async function idle(open, port, count) {
  const clients = [];
  const add = async (index) => clients.push(await open({ port, clientId: `idle-${process.pid}-${index}` }));
  for (let i = 0; i < 200; i++) await add(i); // code and caches are not the clients'
  const before = await settled();
  for (let i = 0; i < count; i++) await add(clients.length);
  const after = await settled();
  return {
    heapBytes: (after.heap - before.heap) / count,
    bufferBytes: (after.buffers - before.buffers) / count,
    rssBytes: (after.rss - before.rss) / count,
  };
}

async function retained(open, port, control, count, size) {
  const connection = await open({ port, clientId: `worker-${process.pid}` });
  let kept = [];
  let arrived;
  await connection.subscribe(FILTER, 0, (payload) => {
    kept.push(payload);
    if (kept.length === count) arrived();
  });
  async function fill() {
    await control.ask("prepare", { mode: "source", qos: 0, size, count });
    const all = new Promise((resolve) => {
      arrived = resolve;
    });
    await control.ask("go");
    await all;
    await control.finish();
  }
  await fill();
  kept = [];
  const before = await settled();
  await fill();
  const after = await settled();
  if (kept.some((payload, index) => sequenceOf(payload) !== index % 4096)) throw new Error("a kept message changed");
  const list = 8 * count; // the list that keeps them
  return { heldBytes: (after.heap - before.heap + after.buffers - before.buffers - list) / count };
}
