// SPDX-License-Identifier: Apache-2.0
// What a message costs in things that can be counted: writes to the link, bytes copied, promises, timers, turns asked for, and
// bytes allocated. Bundled with core's sources by `measure.mjs` and run in a process of its own that compiles nothing, so
// that each count is the same every time. Prints the counts per message as JSON.
import { createHook } from "node:async_hooks";
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@mqttv5/core";
import { CHUNK, FILTER, payloads, PERIOD, publishChunks, TOPIC } from "../counterpart/frames.mjs";
import { MemoryTransport } from "../counterpart/memory-transport.mjs";

const SIZE = 256;
/** Messages of one count, in whole chunks. */
const COUNT = 8 * CHUNK;
/** Of one count of bytes: so many that the ends of V8's pages, which count as allocated, matter little. */
const MANY = 32 * CHUNK;
/** Too much of what, and in which scenes only. */
const [plant, ...only] = process.argv.slice(2);
const planted = [];
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function connected() {
  const transport = new MemoryTransport();
  const client = new Client({ broker: "mqtt://memory", clientId: "guard", transport, clock: transport.clock });
  await client.connect();
  return { client, transport };
}

/** For the guard's own test: one object more than a message needs, or one of everything else. */
function extra(transport) {
  if (plant === "object") {
    planted[0] = { plant, transport, a: 0, b: 0, c: 0, d: 0 }; // of more bytes than what Node 20 counts by chance
    return;
  }
  transport.writes++;
  planted[0] = new Uint8Array(SIZE).slice();
  planted[1] = Promise.resolve(plant);
  transport.clock.schedule(1, () => {}).cancel();
}

async function publisher(qos, inBatches) {
  const { client, transport } = await connected();
  const messages = payloads(SIZE);
  const options = { qos };
  return {
    transport,
    async run(count) {
      for (let at = 0; at < count; at += CHUNK) {
        const batch = [];
        for (let i = at; i < at + CHUNK; i++) {
          if (plant !== undefined) extra(transport);
          const done = client.publish(TOPIC, messages[i % PERIOD], options);
          if (inBatches) batch.push(done);
          else await done;
        }
        await Promise.all(batch);
      }
      await turn();
      await turn();
    },
  };
}

async function receiver(qos, subscribe) {
  const { client, transport } = await connected();
  let received = 0;
  await subscribe(client, () => {
    if (plant !== undefined) extra(transport);
    received++;
  });
  const chunks = publishChunks({ qos, size: SIZE });
  return {
    transport,
    async run(count) {
      received = 0;
      for (let at = 0; at < count; at += CHUNK) {
        transport.endpoint.write(chunks[(at / CHUNK) % chunks.length]);
        for (let turns = 0; turns < 3; turns++) await turn();
      }
      if (received !== count) throw new Error(`${received} of ${count} messages received`);
    },
  };
}

const byCallback = (qos) => (client, onMessage) => client.subscribeCallback(FILTER, onMessage, { qos });

async function byIterator(client, onMessage) {
  const subscription = await client.subscribe(FILTER, { qos: 1 });
  void (async () => {
    for await (const message of subscription) {
      onMessage();
      message.ack();
    }
  })();
}

const SCENES = {
  "publish QoS 0, each awaited": () => publisher(0, false),
  "publish QoS 1": () => publisher(1, true),
  "publish QoS 2": () => publisher(2, true),
  "receive QoS 0, callback": () => receiver(0, byCallback(0)),
  "receive QoS 1, callback": () => receiver(1, byCallback(1)),
  "receive QoS 1, async iterator": () => receiver(1, byIterator),
};

/** Counts promises, and the bytes that typed arrays copy. */
async function countCalls(run) {
  const calls = { promises: 0, copied: 0 };
  const hook = createHook({
    init(_id, type) {
      if (type === "PROMISE") calls.promises++;
    },
  });
  const arrays = Object.getPrototypeOf(Uint8Array.prototype);
  const { set, slice } = arrays;
  arrays.set = function (source, offset) {
    calls.copied += source.length;
    return set.call(this, source, offset);
  };
  arrays.slice = function (start, end) {
    const copy = slice.call(this, start, end);
    calls.copied += copy.length;
    return copy;
  };
  hook.enable();
  await run(COUNT);
  hook.disable();
  Object.assign(arrays, { set, slice });
  return calls;
}

/**
 * Bytes allocated on the heap and in array buffers, between two points without a collection: the young generation is large enough
 * for that. The least of several runs, as the ends of pages only add. A run that was cut short after all does not count.
 */
async function allocated(run) {
  const least = { heap: Infinity, buffers: Infinity };
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ["gc"] });
  globalThis.gc();
  for (let i = 0; i < 4; i++) {
    await sleep(20); // array buffers are freed by another thread, collections reported in a later turn
    const collected = collections;
    await run(COUNT);
    const before = process.memoryUsage();
    await run(MANY);
    const after = process.memoryUsage();
    await sleep(20);
    if (collections > collected) continue;
    least.heap = Math.min(least.heap, after.heapUsed - before.heapUsed);
    least.buffers = Math.min(least.buffers, after.arrayBuffers - before.arrayBuffers);
  }
  observer.disconnect();
  return { heap: least.heap / MANY, buffers: least.buffers / MANY };
}

async function count(scene) {
  const { transport, run } = await SCENES[scene]();
  for (let i = 0; i < 2; i++) await run(COUNT);
  const { writes, timers, turns } = transport;
  await run(COUNT);
  const counts = {
    writes: transport.writes - writes,
    timers: transport.timers - timers,
    turns: transport.turns - turns,
    ...(await countCalls(run)),
  };
  for (const name of Object.keys(counts)) counts[name] /= COUNT;
  return { ...counts, ...(await allocated(run)) };
}

const results = {};
for (const scene of only.length > 0 ? only : Object.keys(SCENES)) results[scene] = await count(scene);
console.log(JSON.stringify(results));
process.exit();
