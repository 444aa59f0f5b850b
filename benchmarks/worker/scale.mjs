// SPDX-License-Identifier: Apache-2.0
// The cost of a message while there is little else, and while there is much: time, and the work that can be counted. In memory,
// so that neither socket nor counterpart is part of it.
import { Client, constantBackoff } from "@mqttv5/core";
import { encode, PacketType } from "@mqttv5/wire";
import { MemoryTransport } from "../counterpart/memory-transport.mjs";
import { median } from "../run/statistics.mjs";

const PAYLOAD = new Uint8Array(256).fill(0x78);
const TOPIC = "sensors/building-7/floor-3/temperature";
const BATCH = 256;
const QOS1 = { qos: 1 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function connected(events) {
  const transport = new MemoryTransport(events);
  const client = new Client({
    broker: "mqtt://memory",
    clientId: `client-${Math.random()}`,
    transport,
    clock: transport.clock,
    reconnectBackoff: constantBackoff(0),
    whenOffline: "wait",
    maximumPendingBytes: 2 ** 30,
  });
  await client.connect();
  return { client, transport };
}

const sensors = (count) => Array.from({ length: count }, (_, index) => `sensors/${index}/temperature`);

/** A client with a handler at each of the filters; a step sends it messages, the topics in turn. */
async function delivering(filters, topics) {
  let received = 0;
  const onMessage = () => received++;
  const { client, transport } = await connected();
  for (let at = 0; at < filters.length; at += 500) {
    const part = filters.slice(at, at + 500);
    await Promise.all(part.map((filter) => client.subscribeCallback(filter, onMessage)));
  }
  const count = 40 * BATCH; // 10,000 topics and a little
  const chunks = [];
  for (let at = 0; at < count; at += BATCH) {
    const frames = Array.from({ length: BATCH }, (_, index) =>
      encode({
        type: PacketType.Publish,
        topic: topics[(at + index) % topics.length],
        payload: PAYLOAD,
        qos: 0,
        retain: false,
        duplicate: false,
        packetId: 0,
      }),
    );
    chunks.push(Buffer.concat(frames));
  }
  return {
    transports: [transport],
    async step() {
      received = 0;
      for (const chunk of chunks) {
        transport.endpoint.write(chunk);
        await turn();
      }
      await turn();
      return received === count ? count : Number.NaN;
    },
  };
}

/** A step sends some messages and resolves with how many, once they are done. */
const SCENES = {
  /** `size` publishes unacknowledged; 256 more come and the 256 oldest are acknowledged. */
  async inflight(size) {
    const { client, transport } = await connected();
    transport.endpoint.lagging = true;
    for (let i = 0; i < size - BATCH; i++) void client.publish(TOPIC, PAYLOAD, QOS1);
    await turn();
    await turn();
    let acked = 0;
    const onAck = () => acked++;
    return {
      transports: [transport],
      async step() {
        const before = acked;
        for (let i = 0; i < BATCH; i++) client.publish(TOPIC, PAYLOAD, QOS1).then(onAck, onAck);
        await turn();
        await turn();
        transport.endpoint.acknowledge(BATCH);
        await turn();
        await turn();
        return size === BATCH && acked - before !== BATCH ? Number.NaN : BATCH;
      },
    };
  },
  /** `size` publishes wait for a connection, which then comes. */
  async queued(size) {
    const { client, transport } = await connected();
    return {
      transports: [transport],
      async step() {
        transport.reachable = false;
        transport.cut();
        await turn();
        await turn();
        const all = Array.from({ length: size }, () => client.publish(TOPIC, PAYLOAD, QOS1));
        transport.reachable = true;
        await Promise.all(all);
        return size;
      },
    };
  },
  /** 10,000 topics in turn, always: to one filter that matches them all, or to `size` filters, one for each. */
  "filters-same": (size) => delivering(size === 1 ? ["sensors/+/temperature"] : sensors(size), sensors(10_000)),
  /** One topic, always: to the filter that names it, beside `size` - 1 that do not. */
  "filters-one": (size) => delivering(sensors(size), [sensors(size)[size >> 1]]),
  /** `size` filters and as many topics, all in turn: the topics grow as much as the filters do. */
  filters: (size) => delivering(sensors(size), sensors(size)),
  /** `size` clients with one publish unacknowledged each. */
  async clients(size) {
    const all = [];
    for (let i = 0; i < size; i++) all.push(await connected());
    return {
      transports: all.map(({ transport }) => transport),
      async step() {
        const rounds = Math.max(1, Math.ceil(2000 / size));
        for (let i = 0; i < rounds; i++) {
          await Promise.all(all.map(({ client }) => client.publish(TOPIC, PAYLOAD, QOS1)));
        }
        return rounds * size;
      },
    };
  },
};

/** Microseconds, writes, bytes written and timers per message, over the steps that fill `duration` milliseconds. */
async function cost({ transports, step }, duration) {
  const sum = (counter) => transports.reduce((total, transport) => total + transport[counter], 0);
  const before = { writes: sum("writes"), bytes: sum("bytes"), timers: sum("timers") };
  let messages = 0;
  const times = [];
  const started = performance.now();
  while (times.length < 3 || performance.now() - started < duration) {
    const start = performance.now();
    const done = await step();
    times.push(((performance.now() - start) * 1000) / done);
    messages += done;
  }
  if (!Number.isFinite(messages)) throw new Error("a message was lost");
  return {
    microseconds: median(times),
    writes: (sum("writes") - before.writes) / messages,
    bytes: (sum("bytes") - before.bytes) / messages,
    timers: (sum("timers") - before.timers) / messages,
  };
}

export async function setUp({ scene, from, to, duration, warmUp }) {
  return {
    async measure() {
      const small = await SCENES[scene](from);
      await cost(small, warmUp);
      const large = await SCENES[scene](to);
      await cost(large, warmUp);
      const little = await cost(small, duration);
      const much = await cost(large, duration);
      return {
        microsecondsFew: little.microseconds,
        microsecondsMany: much.microseconds,
        timeRatio: much.microseconds / little.microseconds,
        writesFew: little.writes,
        writesMany: much.writes,
        timersFew: little.timers,
        timersMany: much.timers,
        // One write and one timer for a whole batch are no growth: less than one in 100 messages is nothing.
        workRatio: Math.max(
          (much.writes + 0.01) / (little.writes + 0.01),
          much.bytes > 0 ? much.bytes / little.bytes : 1,
          (much.timers + 0.01) / (little.timers + 0.01),
        ),
      };
    },
  };
}
