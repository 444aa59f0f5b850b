// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Endpoint } from "../counterpart/endpoint.mjs";
import { PERIOD } from "../counterpart/frames.mjs";
import { FloorFrames } from "../peers/floor-frames.mjs";
import { Latencies } from "../worker/latencies.mjs";

const opened = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** A counterpart on the loopback: its port, and the endpoint of the connection that came last. */
async function counterpart(events, prepare = () => {}) {
  const found = { port: 0, end: undefined };
  const server = createServer((socket) => {
    found.end = new Endpoint(socket, events);
    prepare(found.end);
    opened.push(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  opened.push(() => server.close());
  await once(server, "listening");
  found.port = server.address().port;
  return found;
}

async function floor(port, settings) {
  const frames = await FloorFrames.open({ port, clientId: "floor", size: 20, ...settings });
  opened.push(() => frames.close());
  return frames;
}

describe("the floor", () => {
  it("sends every message once and in order, at QoS 1 and 2, and measures each of them", async () => {
    for (const qos of [1, 2]) {
      const sequences = [];
      const { port } = await counterpart({ published: (sequence) => sequences.push(sequence) });
      const frames = await floor(port, { qos });
      const latencies = new Latencies(PERIOD + 10);
      await frames.exchange(PERIOD + 10, 64, latencies);
      expect(sequences).toEqual(Array.from({ length: PERIOD + 10 }, (_, index) => index % PERIOD));
      expect(latencies.values).toHaveLength(PERIOD + 10);
      expect(latencies.values.every((value) => value > 0)).toBe(true);
    }
  });

  it("keeps its window full, and no more than that", async () => {
    const underWay = [];
    let published = 0;
    let acknowledged = 0;
    const found = await counterpart(
      {
        published: () => published++,
        read() {
          // Once the window is full, or all have come, the three oldest are acknowledged.
          if (published === 0 || (published - acknowledged < 8 && published < 41)) return;
          underWay.push(published - acknowledged);
          const count = published === 41 ? 41 - acknowledged : 3;
          acknowledged += count;
          found.end.acknowledge(count);
        },
      },
      (end) => (end.lagging = true),
    );
    const frames = await floor(found.port, { qos: 1 });
    await frames.exchange(41, 8);
    expect(new Set(underWay)).toEqual(new Set([8]));
  });

  it("fails when an answer is missing, or comes before another", async () => {
    const { port } = await counterpart({}, (end) => (end.echoing = true));
    const frames = await floor(port);
    await frames.subscribe(0);
    const all = frames.exchange(100, 4);
    frames.send(1); // one more than the window: number 5 comes before the answers to it are asked for
    frames.restart();
    await expect(all).rejects.toThrow(/floor: 0 answered before \d+/);
  });

  it("sends again with DUP, in a session that it takes up, after a line that was cut", async () => {
    const first = [];
    const found = await counterpart({}, (end) => end.socket.prependListener("data", (chunk) => first.push(chunk[0])));
    const before = await floor(found.port, { qos: 1 });
    found.end.socket.destroy();
    await before.left();
    const again = new FloorFrames({ qos: 1, size: 20, again: true });
    opened.push(() => again.close());
    await again.dial({ port: found.port, clientId: "floor", cleanStart: false });
    await again.exchange(20, 20);
    expect(first).toEqual([0x10, 0x10, 0x3a]);
  });
});
