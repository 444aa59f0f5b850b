// SPDX-License-Identifier: Apache-2.0
// What the single steps cost, each in a loop of its own: nanoseconds of CPU, those of the garbage collector included.
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { connectFrame, publishChunks, subscribeFrame, CHUNK } from "../counterpart/frames.mjs";

const kept = []; // what the steps make is kept for a moment, so that none is optimised away
const chunk = new Uint8Array(65_536);
const PINGREQ = Buffer.of(0xc0, 0);

/** Steps without waiting: `run(index)`. */
const STEPS = {
  "memory of 276 B (new Uint8Array)": () => new Uint8Array(276),
  "memory of 1,104 B (new Uint8Array)": () => new Uint8Array(1104),
  "memory of 1,104 B, and a copy into it (slice)": () => chunk.slice(1000, 2104),
  "a view of 256 B": (index) => new Uint8Array(chunk.buffer, index & 1023, 256),
  "a chunk of 16 KiB, zeroed": () => new Uint8Array(16_384),
  "a chunk of 64 KiB, zeroed": () => new Uint8Array(65_536),
  "a chunk of 64 KiB, not zeroed (allocUnsafeSlow)": () => Buffer.allocUnsafeSlow(65_536),
};

const ASYNC = {
  "an await of what is there": async (times) => {
    const there = Promise.resolve();
    for (let i = 0; i < times; i++) await there;
  },
  "a promise, its resolution and an await": async (times) => {
    for (let i = 0; i < times; i++) await new Promise((resolve) => resolve(i));
  },
  "a turn of the event loop (setImmediate)": (times) =>
    new Promise((resolve) => {
      let left = times;
      const next = () => (--left === 0 ? resolve() : setImmediate(next));
      setImmediate(next);
    }),
};

function spent(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

/** Nanoseconds of CPU of one step, when as many run as fill `duration` milliseconds. */
async function cpuOf(run, duration) {
  let times = 64;
  for (;;) {
    const start = performance.now();
    await run(times);
    const took = performance.now() - start;
    if (took > duration / 8) {
      times = Math.ceil((times * duration) / took);
      break;
    }
    times *= 4;
  }
  globalThis.gc?.();
  const before = process.cpuUsage();
  await run(times);
  return spent(before) / times;
}

function repeat(step) {
  return (times) => {
    for (let i = 0; i < times; i++) kept[i & 15] = step(i);
  };
}

async function open(port, clientId) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.write(connectFrame(clientId));
  await once(socket, "data");
  return socket;
}

/** Writes of one frame each. A turn after each 16, so that the other side keeps up and no write finds the socket full. */
function writes(socket, frame) {
  return async (times) => {
    for (let i = 1; i <= times; i++) {
      const taken = socket.write(frame);
      if (!taken) await once(socket, "drain");
      else if (i % 16 === 0) await turn();
    }
  };
}

/** Waits until the other side has all that was written. */
async function settled(socket) {
  const answered = once(socket, "data");
  socket.write(PINGREQ);
  await answered;
}

/** A write, then the wait for the same frame to come back. */
function exchanges(socket, frame) {
  return async (times) => {
    let missing = 0;
    let wake;
    const onData = ({ length }) => {
      missing -= length;
      if (missing === 0) wake();
    };
    socket.on("data", onData);
    for (let i = 0; i < times; i++) {
      missing = frame.length;
      const answered = new Promise((resolve) => {
        wake = resolve;
      });
      socket.write(frame);
      await answered;
    }
    socket.off("data", onData);
  };
}

/** Nanoseconds of CPU of a chunk that is read, as large as it comes, and its bytes. */
async function reads(socket, control, bytes, count) {
  let chunks = 0;
  let received = 0;
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  await control.ask("prepare", { mode: "source", qos: 0, size: 256, topicCount: 1, count });
  const onData = ({ length }) => {
    chunks++;
    received += length;
    if (received >= bytes) done();
  };
  socket.on("data", onData);
  const before = process.cpuUsage();
  await control.ask("go");
  await all;
  const nanoseconds = spent(before);
  socket.off("data", onData);
  await control.finish();
  return { nanoseconds: nanoseconds / chunks, bytes: received / chunks };
}

export async function setUp({ port, duration }, control) {
  const [first] = publishChunks({ qos: 0, size: 256 });
  const frame = first.subarray(0, first.length / CHUNK);
  return {
    async measure() {
      const result = {};
      for (const [name, step] of Object.entries(STEPS)) result[name] = await cpuOf(repeat(step), duration);
      for (const [name, run] of Object.entries(ASYNC)) result[name] = await cpuOf(run, duration);
      const socket = await open(port, `micro-${process.pid}`);
      socket.on("error", () => socket.destroy());
      const ignore = () => {};
      socket.on("data", ignore);
      await control.ask("reset");
      result["a write to a socket, one PUBLISH of 256 B"] = await cpuOf(writes(socket, frame), duration);
      await settled(socket); // or the last of them would come back, too
      await control.ask("prepare", { mode: "echo", count: 1 });
      result["a write, a wait and a read: an echo of one PUBLISH"] = await cpuOf(exchanges(socket, frame), duration);
      await control.ask("reset");
      const subscribed = once(socket, "data");
      socket.write(subscribeFrame(0));
      await subscribed;
      const count = Math.ceil((duration * 2000) / CHUNK) * CHUNK;
      const { nanoseconds, bytes } = await reads(socket, control, count * frame.length, count);
      result["a read of a chunk, as large as it comes"] = nanoseconds;
      result["the bytes of such a chunk"] = bytes;
      socket.destroy();
      return result;
    },
  };
}
