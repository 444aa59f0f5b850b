// SPDX-License-Identifier: Apache-2.0
import { encode, PacketType } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { Endpoint, Tally } from "../counterpart/endpoint.mjs";
import { PERIOD, publishChunks } from "../counterpart/frames.mjs";

/** An endpoint, what it answers, and a way to feed it. */
function endpoint(events = {}) {
  const handlers = {};
  const written = [];
  const socket = {
    setNoDelay() {},
    on: (event, handler) => (handlers[event] = handler),
    write: (bytes) => written.push(...bytes),
  };
  return { end: new Endpoint(socket, events), written, feed: (bytes) => handlers.data(bytes) };
}

describe("the counterpart", () => {
  it("counts every message and acks it, wherever the chunks are cut", () => {
    const bytes = publishChunks({ qos: 1, size: 200 })[0];
    for (const size of [1, 7, 100, 4096, bytes.length]) {
      const sequences = [];
      const { written, feed } = endpoint({ published: (sequence) => sequences.push(sequence) });
      for (let at = 0; at < bytes.length; at += size) feed(bytes.subarray(at, at + size));
      expect(sequences).toEqual(Array.from({ length: 256 }, (_, index) => index));
      expect(written).toEqual(sequences.flatMap((sequence) => [0x40, 2, (sequence + 1) >> 8, (sequence + 1) & 0xff]));
    }
  });

  it("grants what a client with a Subscription Identifier asks for", () => {
    const { written, feed } = endpoint();
    const filter = { noLocal: false, retainAsPublished: false, retainHandling: 0 };
    const subscriptions = [
      { ...filter, filter: "a/+", qos: 1 },
      { ...filter, filter: "b", qos: 2 },
    ];
    const properties = { subscriptionIdentifier: 5 };
    feed(Buffer.from(encode({ type: PacketType.Subscribe, packetId: 7, subscriptions, properties })));
    expect(written).toEqual([0x90, 5, 0, 7, 0, 1, 2]);
  });

  it("notices a message that is missing, repeated, or one too many", () => {
    const tally = (sequences) => {
      const counted = new Tally(3, () => {});
      for (const sequence of sequences) counted.add(sequence);
      return counted.error;
    };
    expect(tally([0, 1, 2])).toBeUndefined();
    expect(tally([0, 2, 3])).toMatch("message 1 has the sequence number 2 instead of 1");
    expect(tally([0, 1, 1])).toMatch("message 2 has the sequence number 1 instead of 2");
    expect(tally([0, 1, 2, 3])).toBe("more than 3 messages");
  });

  it("the sequence goes on after a period", () => {
    const counted = new Tally(PERIOD + 2, () => {});
    for (let index = 0; index < PERIOD + 2; index++) counted.add(index % PERIOD);
    expect(counted.error).toBeUndefined();
  });
});
