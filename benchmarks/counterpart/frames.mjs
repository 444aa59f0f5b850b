// SPDX-License-Identifier: Apache-2.0
// Frames made before the clock starts. Every payload begins with its sequence number, 4 bytes, modulo PERIOD.
import { encode, PacketType } from "@mqttv5/wire";

/** Frames of one pre-encoded chunk. */
export const CHUNK = 256;
/** Sequence numbers begin again after so many messages; nothing has as many under way. */
export const PERIOD = 4096;
export const TOPIC = "sensors/building-7/floor-3/temperature";
export const FILTER = "sensors/#";

/** The payloads of one period. A publisher takes them in turn, so that none is changed while a client still holds it. */
export function payloads(size) {
  return Array.from({ length: PERIOD }, (_, sequence) => {
    const payload = new Uint8Array(size).fill(0x78);
    new DataView(payload.buffer).setUint32(0, sequence);
    return payload;
  });
}

export function sequenceOf(bytes, at = 0) {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** `TOPIC`, or as many topics of its length. */
export function topics(count) {
  if (count === 1) return [TOPIC];
  return Array.from({ length: count }, (_, index) => `${TOPIC.slice(0, -3)}${String(index).padStart(3, "0")}`);
}

/** One period of PUBLISH packets in chunks of `CHUNK`; packet identifiers go from 1 to PERIOD. */
export function publishChunks({ qos, size, topicCount = 1 }) {
  const names = topics(topicCount);
  const frames = payloads(size).map((payload, sequence) =>
    encode({
      type: PacketType.Publish,
      topic: names[sequence % names.length],
      payload,
      qos,
      retain: false,
      duplicate: false,
      packetId: qos === 0 ? 0 : sequence + 1,
    }),
  );
  return Array.from({ length: PERIOD / CHUNK }, (_, index) =>
    Buffer.concat(frames.slice(index * CHUNK, (index + 1) * CHUNK)),
  );
}

/** One period of four-byte packets (PUBACK, PUBREC, PUBREL, PUBCOMP) in chunks of `CHUNK`. */
export function ackChunks(firstByte) {
  return Array.from({ length: PERIOD / CHUNK }, (_, index) => {
    const chunk = Buffer.alloc(4 * CHUNK);
    for (let i = 0; i < CHUNK; i++) {
      chunk.set([firstByte, 2], 4 * i);
      chunk.writeUInt16BE(index * CHUNK + i + 1, 4 * i + 2);
    }
    return chunk;
  });
}

export const connectFrame = (clientId, cleanStart = true) =>
  encode({
    type: PacketType.Connect,
    clientId,
    cleanStart,
    keepAlive: 0,
    properties: { receiveMaximum: 65_535 },
  });

export const subscribeFrame = (qos) =>
  encode({
    type: PacketType.Subscribe,
    packetId: 1,
    subscriptions: [{ filter: FILTER, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  });
