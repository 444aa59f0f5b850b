// SPDX-License-Identifier: Apache-2.0
// node counterpart.mjs [PORT OF A BROKER]: sink and source in a process of its own. Without a broker it is the server that
// clients connect to; with one it is the client at the broker's other side. A worker controls it with lines of JSON:
// prepare, go, wait, cut. Prints its two ports as JSON, and ends with its standard input.
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { Endpoint, Tally } from "./endpoint.mjs";
import { CHUNK, connectFrame, PERIOD, publishChunks, subscribeFrame } from "./frames.mjs";

/** Unacknowledged messages of a source; no client asks for fewer. */
const WINDOW = 1024;

const brokerPort = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
const chunksOf = new Map();
let endpoint;
let job = idle();
let joins = 0;

function idle() {
  return { mode: undefined, finished: Promise.resolve(), tally: undefined, source: undefined, sessionPresent: false };
}

function chunks(settings) {
  const key = JSON.stringify(settings);
  if (!chunksOf.has(key)) chunksOf.set(key, publishChunks(settings));
  return chunksOf.get(key);
}

/** A new job: forgets the one before. */
async function prepare({ mode, count, qos = 0, size = 256, topicCount = 1, single = false, sessionPresent = false }) {
  let done;
  const finished = new Promise((resolve) => {
    done = resolve;
  });
  const source =
    mode === "source" ? new Source(chunks({ qos, size, topicCount }), { qos, count, single, done }) : undefined;
  const tally = source === undefined ? new Tally(count, done) : undefined;
  job = { mode, finished, tally, source, sessionPresent };
  if (endpoint !== undefined) apply();
  if (brokerPort !== undefined) {
    endpoint?.socket.destroy();
    await join(mode === "source" ? undefined : qos);
  }
}

function apply() {
  endpoint.holding = job.mode === "hold";
  endpoint.echoing = job.mode === "echo";
  endpoint.sessionPresent = job.sessionPresent;
}

/** Sends a count of messages as fast as they are taken, or acknowledged: a chunk a write, or with `single` a message a write. */
class Source {
  #sent = 0;
  #acked = 0;
  #waiting = false;
  error = undefined;

  constructor(frames, settings) {
    Object.assign(this, { frames, ...settings });
  }

  /** False if the socket has to drain first. */
  #write(chunk) {
    if (!this.single) return endpoint.write(chunk);
    const length = chunk.length / CHUNK;
    let taken = true;
    for (let at = 0; at < chunk.length; at += length) taken = endpoint.write(chunk.subarray(at, at + length));
    return taken;
  }

  pump() {
    while (this.#sent < this.count && !this.#waiting) {
      if (this.qos > 0 && this.#sent - this.#acked > WINDOW - CHUNK) return;
      const chunk = this.frames[(this.#sent % PERIOD) / CHUNK];
      this.#sent += CHUNK;
      if (!this.#write(chunk)) {
        this.#waiting = true;
        endpoint.socket.once("drain", () => {
          this.#waiting = false;
          this.pump();
        });
      }
    }
    if (this.#sent >= this.count && this.qos === 0) this.done();
  }

  acked(identifier) {
    const expected = (this.#acked % PERIOD) + 1;
    // A broker names the packets as it likes.
    if (brokerPort === undefined && identifier !== expected) this.error ??= `${identifier} acked before ${expected}`;
    if (++this.#acked === this.count) this.done();
    else if (this.#acked % 64 === 0) this.pump();
  }
}

const events = {
  published: (sequence) => job.tally?.add(sequence),
  acked: (identifier) => job.source?.acked(identifier),
};

/** Connects to the broker, and subscribes if there is a QoS to count at. */
function join(qos) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: brokerPort, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    endpoint = new Endpoint(socket, {
      ...events,
      connected: () => (qos === undefined ? resolve() : socket.write(subscribeFrame(qos))),
      subscribed: resolve,
    });
    apply();
    socket.write(connectFrame(`counterpart-${process.pid}-${joins++}`));
  });
}

const commands = {
  /** A worker begins: what the one before left is forgotten. */
  reset: () => {
    job = idle();
  },
  prepare,
  go: () => job.source?.pump(),
  async wait() {
    await job.finished;
    return { error: job.tally?.error ?? job.source?.error };
  },
  cut: () => {
    endpoint.socket.destroy();
  },
};

async function obey(socket, { do: name, ...settings }) {
  const answer = await commands[name](settings);
  socket.write(`${JSON.stringify(answer ?? {})}\n`);
}

const control = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  createInterface({ input: socket }).on("line", (line) => void obey(socket, JSON.parse(line)));
});

const server = createServer({ noDelay: true }, (socket) => {
  endpoint = new Endpoint(socket, events);
  apply();
});

const listen = (which) =>
  new Promise((resolve) => {
    which.listen(0, "127.0.0.1", () => resolve(which.address().port));
  });

const ports = { port: brokerPort ?? (await listen(server)), control: await listen(control) };
console.log(JSON.stringify(ports));
process.stdin.resume();
process.stdin.on("end", () => process.exit());
