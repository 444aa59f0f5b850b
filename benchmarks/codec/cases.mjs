// SPDX-License-Identifier: Apache-2.0
// What is measured: the same PUBLISH through both codecs, each used as its own users use it.
import { decode, encode, encodeInto, Framer, PacketType, Writer } from "@mqttv5/wire";
import mqttPacket from "mqtt-packet";

const chunkSize = 65_536;
const topic = "sensors/building-7/floor-3/temperature";
const payload = Buffer.alloc(256, "x");
const userProperties = [
  ["trace", "4bf92f3577b34da6"],
  ["tenant", "acme"],
  ["source", "sensor-17"],
  ["schema", "v3"],
  ["region", "eu-west-1"],
];

const options = { protocolVersion: 5 };
const decodeOptions = { sender: "server" };

/** One PUBLISH at QoS 1 as both codecs want it, and as bytes on which both agree. */
function message(name, pairs) {
  const theirs = { cmd: "publish", topic, payload, qos: 1, messageId: 1234, retain: false, dup: false };
  const ours = { type: PacketType.Publish, topic, payload, qos: 1, retain: false, duplicate: false, packetId: 1234 };
  if (pairs.length > 0) {
    theirs.properties = { userProperties: Object.fromEntries(pairs) };
    ours.properties = { userProperties: pairs };
  }
  const bytes = mqttPacket.generate(theirs, options);
  if (Buffer.compare(bytes, encode(ours)) !== 0) throw new Error("the two codecs disagree on the bytes");
  return { name, theirs, ours, bytes };
}

const messages = [message("no properties", []), message("5 user properties", userProperties)];

/** Chunks as a socket delivers them: each with memory of its own. The frames, all of the same length, come in turn. */
function chunksOf(frames, packets, count) {
  const { length } = frames[0];
  return Array.from({ length: count }, (_, n) => {
    const chunk = Buffer.allocUnsafeSlow(length * packets);
    for (let i = 0; i < packets; i++) chunk.set(frames[(n * packets + i) % frames.length], i * length);
    return chunk;
  });
}

// Every case is `{ packets, run(times) }`: one time handles `packets` packets. What was read goes into the sum that is
// returned, so that nothing can be optimised away.

function theirDecode(chunks, packets) {
  let sum = 0;
  const parser = mqttPacket.parser(options);
  parser.on("packet", (packet) => {
    sum += packet.messageId + packet.topic.length + packet.payload.length;
    if (packet.properties !== undefined) sum += packet.properties.userProperties === undefined ? 0 : 1;
  });
  return {
    packets,
    run(times) {
      for (let i = 0; i < times; i++) parser.parse(chunks[i % chunks.length]);
      return sum;
    },
  };
}

function ourLazyDecode(chunks, packets) {
  const framer = new Framer();
  return {
    packets,
    run(times) {
      let sum = 0;
      for (let i = 0; i < times; i++) {
        framer.push(chunks[i % chunks.length]);
        while (framer.next()) sum += decode(framer.buffer, framer.start, framer.end, decodeOptions).packetId;
      }
      return sum;
    },
  };
}

function ourFullDecode(chunks, packets) {
  const framer = new Framer();
  return {
    packets,
    run(times) {
      let sum = 0;
      for (let i = 0; i < times; i++) {
        framer.push(chunks[i % chunks.length]);
        while (framer.next()) {
          const packet = decode(framer.buffer, framer.start, framer.end, decodeOptions);
          sum += packet.packetId + packet.topic.length + packet.payload.length;
          sum += packet.properties.userProperties.length;
        }
      }
      return sum;
    },
  };
}

function theirEncode(packet) {
  return {
    packets: 1,
    run(times) {
      let sum = 0;
      for (let i = 0; i < times; i++) sum += mqttPacket.generate(packet, options).length;
      return sum;
    },
  };
}

function ourEncodeInto(packets) {
  const writer = new Writer();
  return {
    packets: 1,
    run(times) {
      let sum = 0;
      for (let i = 0; i < times; i++) {
        encodeInto(writer, packets[i % packets.length]);
        if (writer.length >= chunkSize) sum += writer.take().length;
      }
      return sum;
    },
  };
}

function ourEncode(packet) {
  return {
    packets: 1,
    run(times) {
      let sum = 0;
      for (let i = 0; i < times; i++) sum += encode(packet).length;
      return sum;
    },
  };
}

/** The packet to so many topics of the same length. */
function toTopics(packet, count) {
  const stem = topic.slice(0, -3);
  return Array.from({ length: count }, (_, i) => ({ ...packet, topic: `${stem}${String(i).padStart(3, "0")}` }));
}

/** The packet with so many values of the first user property, of the same length. */
function withTraces(packet, count) {
  const [[name], ...rest] = userProperties;
  return Array.from({ length: count }, (_, i) => {
    const trace = (i * 2_654_435_761).toString(16).padStart(16, "0");
    return { ...packet, properties: { userProperties: [[name, trace], ...rest] } };
  });
}

/**
 * What differs from packet to packet: a decoder that knows the last topic and properties again, a writer that knows the last
 * topic, are to be seen without that too.
 */
function varied(packet) {
  const topics = { label: "100 topics in turn", packets: toTopics(packet, 100) };
  if (packet.properties === undefined) return [topics];
  return [topics, { label: "1,000 traces in turn", packets: withTraces(packet, 1000) }];
}

/** The comparisons, each with the cases it holds beside one another; the first is always mqtt-packet. */
export const comparisons = messages.flatMap(({ name, theirs, ours, bytes }) => {
  const suffix = name === "no properties" ? "" : "-properties";
  const perChunk = Math.floor(chunkSize / bytes.length);
  const full = chunksOf([bytes], perChunk, 8);
  const single = chunksOf([bytes], 1, 256);
  const others = varied(ours).flatMap(({ label, packets }) => {
    const chunks = chunksOf(packets.map(encode), perChunk, 8);
    return [
      [`decode only, ${label}`, ourLazyDecode(chunks, perChunk)],
      [`decode and read all, ${label}`, ourFullDecode(chunks, perChunk)],
    ];
  });
  return [
    {
      id: `codec-decode${suffix}`,
      name: `decode, ${name}, chunks of 64 KiB`,
      theirs: theirDecode(full, perChunk),
      ours: {
        "decode only": ourLazyDecode(full, perChunk),
        "decode and read all": ourFullDecode(full, perChunk),
        ...Object.fromEntries(others),
      },
    },
    {
      id: `codec-decode-single${suffix}`,
      name: `decode, ${name}, one packet a chunk`,
      theirs: theirDecode(single, 1),
      ours: { "decode only": ourLazyDecode(single, 1), "decode and read all": ourFullDecode(single, 1) },
    },
    {
      id: `codec-encode${suffix}`,
      name: `encode, ${name}`,
      theirs: theirEncode(theirs),
      ours: {
        "into the outgoing chunk": ourEncodeInto([ours]),
        "into the chunk, 100 topics in turn": ourEncodeInto(toTopics(ours, 100)), // a writer remembers its last topic
        "to bytes of its own": ourEncode(ours),
      },
    },
  ];
});
