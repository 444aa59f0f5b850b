// SPDX-License-Identifier: Apache-2.0
// The floor where answers have to be told apart: through a broker, which cuts chunks and numbers packets as it likes, at a fixed
// rate, and for a round trip. Still a bare socket and frames encoded before the clock starts, here with the frame finder of the
// counterpart, which answers what the protocol wants answered. Each answer's number is checked, as with the clients.
import { once } from "node:events";
import { connect } from "node:net";
import { Endpoint } from "../counterpart/endpoint.mjs";
import { connectFrame, PERIOD, publishChunks, subscribeFrame } from "../counterpart/frames.mjs";

export class FloorFrames {
  #frames;
  #length;
  #next = 0;
  #socket;
  /** Hears of the sequence number of each message that was acknowledged, or came. */
  onAnswer = () => {};
  /** Hears that a chunk was gone through. */
  onChunk = () => {};

  constructor({ qos = 0, size, topicCount, again = false }) {
    this.#frames = Buffer.concat(publishChunks({ qos, size, topicCount }));
    this.#length = this.#frames.length / PERIOD;
    if (again) for (let at = 0; at < this.#frames.length; at += this.#length) this.#frames[at] |= 8; // DUP
  }

  static async open(settings) {
    const frames = new FloorFrames(settings);
    await frames.dial(settings);
    return frames;
  }

  /** Connects, and resolves with CONNACK. */
  dial({ port, clientId, cleanStart = true }) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      const endpoint = new Endpoint(socket, {
        connected: resolve,
        subscribed: () => this.onSubscribed?.(),
        acked: (identifier) => this.onAnswer(identifier - 1),
        published: (sequence) => this.onAnswer(sequence),
        read: () => this.onChunk(),
      });
      endpoint.write(connectFrame(clientId, cleanStart));
    });
  }

  subscribe(qos) {
    return new Promise((resolve) => {
      this.onSubscribed = resolve;
      this.#socket.write(subscribeFrame(qos));
    });
  }

  /** The next frame is the first of a period. */
  restart() {
    this.#next = 0;
  }

  /** The next `count` frames in one write, or two where the period ends. */
  send(count) {
    for (let left = count; left > 0; ) {
      const part = Math.min(left, PERIOD - this.#next);
      this.#socket.write(this.#frames.subarray(this.#next * this.#length, (this.#next + part) * this.#length));
      this.#next = (this.#next + part) % PERIOD;
      left -= part;
    }
  }

  /** Keeps `window` messages under way until `count` were answered, in their order; what a chunk answers is replaced in one write. */
  exchange(count, window, latencies) {
    return new Promise((resolve, reject) => {
      const sentAt = latencies === undefined ? undefined : new Float64Array(window);
      let sent = 0;
      let answered = 0;
      const fill = () => {
        const more = Math.min(window - (sent - answered), count - sent);
        if (more <= 0) return;
        if (sentAt !== undefined) {
          const now = performance.now();
          for (let index = sent; index < sent + more; index++) sentAt[index % window] = now;
        }
        sent += more;
        this.send(more);
      };
      this.onAnswer = (sequence) => {
        if (sequence !== answered % PERIOD)
          reject(new Error(`floor: ${sequence} answered before ${answered % PERIOD}`));
        latencies?.add(performance.now() - sentAt[answered % window]);
        if (++answered === count) resolve();
      };
      this.onChunk = fill;
      this.restart();
      fill();
    });
  }

  /** Resolves as soon as the other side has left. */
  left() {
    return Promise.race([once(this.#socket, "end"), once(this.#socket, "close")]);
  }

  close() {
    this.#socket.destroy();
  }
}
