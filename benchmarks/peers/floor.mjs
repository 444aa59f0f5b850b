// SPDX-License-Identifier: Apache-2.0
// The floor: the same bytes through a bare socket, encoded before the clock starts, in chunks of 256 frames. It speaks just
// enough to be answered; nothing is decoded, checked or promised. Where the answers have to be told apart, see floor-frames.mjs.
import { once } from "node:events";
import { connect } from "node:net";
import { ackChunks, CHUNK, connectFrame, PERIOD, publishChunks, subscribeFrame } from "../counterpart/frames.mjs";

export const name = "bare socket";
export const lacks = {};

/** A connection that only counts the bytes that come. */
export async function openFloor({ port, clientId, qos, size, window, topicCount }) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.write(connectFrame(clientId));
  await once(socket, "data"); // CONNACK, of whatever length: nothing else comes unasked
  let awaited = 0;
  let wake;
  let onBytes = (length) => {
    awaited -= length;
    if (awaited <= 0) wake?.();
  };
  socket.on("data", (chunk) => onBytes(chunk.length));
  const bytes = (length) =>
    new Promise((resolve) => {
      awaited += length;
      wake = resolve;
    });

  const chunks = size === undefined ? [] : publishChunks({ qos, size, topicCount });
  const frameLength = chunks.length === 0 ? 0 : chunks[0].length / CHUNK;
  const drained = () => once(socket, "drain");

  async function exchange(chunk, releases) {
    const acked = bytes((chunk.length / frameLength) * 4);
    socket.write(chunk);
    await acked;
    if (releases === undefined) return;
    const completed = bytes(releases.length);
    socket.write(releases);
    await completed;
  }

  return {
    /** Sends `count` messages; with acknowledgements, a window of them at a time. `onEach` hears when each is acked. */
    async publish(count, onEach) {
      if (qos === 0 && window !== 1) {
        for (let sent = 0; sent < count; sent += CHUNK) {
          if (!socket.write(chunks[(sent % PERIOD) / CHUNK])) await drained();
        }
      } else if (window === 1) {
        for (let sent = 0; sent < count; sent++) {
          const start = performance.now();
          const at = (sent % CHUNK) * frameLength;
          await exchange(chunks[((sent % PERIOD) / CHUNK) | 0].subarray(at, at + frameLength));
          onEach?.(performance.now() - start);
        }
      } else {
        const releases = qos === 2 ? ackChunks(0x62) : undefined;
        for (let sent = 0; sent < count; sent += CHUNK) {
          const index = (sent % PERIOD) / CHUNK;
          await exchange(chunks[index], releases?.[index]);
        }
      }
    },
    async subscribe() {
      const suback = bytes(6);
      socket.write(subscribeFrame(qos));
      await suback;
    },
    /** Resolves when as many bytes came as `count` messages have; acknowledges every 256. */
    receive(count) {
      const acks = ackChunks(0x40);
      let left = count * frameLength;
      let partial = 0;
      let index = 0;
      return new Promise((resolve) => {
        onBytes = (length) => {
          left -= length;
          partial += length;
          for (; partial >= chunks[0].length; partial -= chunks[0].length) {
            if (qos === 0) continue;
            socket.write(acks[index]);
            index = (index + 1) % acks.length;
          }
          if (left <= 0) resolve();
        };
      });
    },
    close: () => socket.destroy(),
  };
}
