// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { decode, DecodeError, encode, Framer, PacketType, type Publish } from "../src/index.js";

const ping = Uint8Array.of(0xd0, 0);

function publishOf(size: number): Uint8Array {
  return encode({
    type: PacketType.Publish,
    topic: "a",
    payload: new Uint8Array(size).fill(size),
    qos: 0,
    retain: false,
    duplicate: false,
    packetId: 0,
  });
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** How many bytes of memory an action asked for. */
function reservedBy(action: () => unknown): number {
  let reserved = 0;
  const original = globalThis.Uint8Array;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args: unknown[], self): Uint8Array {
      if (typeof args[0] === "number") reserved += args[0];
      return Reflect.construct(target, args, self) as Uint8Array;
    },
  });
  try {
    action();
  } finally {
    globalThis.Uint8Array = original;
  }
  return reserved;
}

function errorOf(action: () => unknown): DecodeError {
  try {
    action();
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a framer", () => {
  it("doesn't copy a packet that lies whole in one chunk", () => {
    const chunk = join(ping, publishOf(300), ping);
    const framer = new Framer();
    framer.push(chunk);
    const found: [number, number][] = [];
    while (framer.next()) {
      expect(framer.buffer).toBe(chunk);
      found.push([framer.start, framer.end]);
    }
    expect(found).toEqual([
      [0, 2],
      [2, chunk.length - 2],
      [chunk.length - 2, chunk.length],
    ]);
  });

  it("holds nothing when all is handed out", () => {
    const framer = new Framer();
    framer.push(ping);
    framer.push(new Uint8Array(0));
    expect([framer.next(), framer.next()]).toEqual([true, false]);
    expect([framer.buffer.length, framer.start, framer.end, framer.bufferedBytes]).toEqual([0, 0, 0, 0]);
  });

  it("[parity 23] takes many chunks before it is asked for packets", () => {
    const stream = join(publishOf(5), ping, publishOf(200), ping);
    for (let cut = 1; cut < stream.length; cut++) {
      const framer = new Framer();
      for (let i = 0; i < stream.length; i += cut) framer.push(stream.subarray(i, i + cut));
      expect(framer.bufferedBytes).toBe(stream.length);
      const sizes: number[] = [];
      while (framer.next()) sizes.push(framer.end - framer.start);
      expect(sizes).toEqual([11, 2, 207, 2]);
    }
  });

  it("gives a packet that was cut memory of its own", () => {
    const framer = new Framer();
    const bytes = publishOf(100);
    const chunk = bytes.slice(50);
    framer.push(bytes.subarray(0, 50));
    expect(framer.next()).toBe(false);
    framer.push(chunk);
    expect(framer.next()).toBe(true);
    const publish = decode(framer.buffer, framer.start, framer.end) as Publish;
    chunk.fill(0);
    framer.push(publishOf(100));
    framer.next();
    expect(publish.payload).toEqual(new Uint8Array(100).fill(100));
  });

  it("[parity 24] says whether a whole packet is there, without taking it", () => {
    const stream = join(publishOf(300), ping);
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = new Framer();
      framer.push(stream.subarray(0, cut));
      const whole = cut >= 307;
      expect(framer.ready).toBe(whole);
      expect(framer.next()).toBe(whole);
      expect(framer.ready).toBe(cut === stream.length);
      framer.push(stream.subarray(cut));
      expect(framer.ready).toBe(true);
      expect(framer.next()).toBe(true);
    }
  });

  it("[parity 24] says so across chunks that wait", () => {
    const framer = new Framer();
    framer.push(Uint8Array.of(0x30));
    framer.push(Uint8Array.of(0x04, 0));
    framer.push(Uint8Array.of(1, 0x61));
    expect(framer.ready).toBe(false);
    framer.push(Uint8Array.of(0));
    expect(framer.ready).toBe(true);
    expect(framer.next()).toBe(true);
    expect(framer.ready).toBe(false);
  });

  it("[parity 24] is ready to throw, too", () => {
    const long = new Framer();
    long.push(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff));
    expect(long.ready).toBe(true);
    const large = new Framer({ maximumPacketSize: 10 });
    large.push(Uint8Array.of(0x30, 9));
    expect(large.ready).toBe(true);
  });

  it("[parity 21] refuses a packet above the maximum as soon as its length is known, the fixed header counted", () => {
    const bytes = publishOf(100);
    const fits = new Framer({ maximumPacketSize: bytes.length });
    fits.push(bytes);
    expect(fits.next()).toBe(true);
    for (const header of [[Uint8Array.of(0x30, 104)], [Uint8Array.of(0x30), Uint8Array.of(104)]]) {
      const framer = new Framer({ maximumPacketSize: bytes.length - 1 });
      for (const chunk of header) framer.push(chunk);
      for (let again = 0; again < 2; again++) {
        const error = errorOf(() => framer.next());
        expect(error).toMatchObject({ reasonCode: 0x95, code: "PACKET_TOO_LARGE", packetType: PacketType.Publish });
      }
    }
  });

  it("[parity 1] refuses a Remaining Length of five bytes, and goes on refusing", () => {
    for (const chunks of [[[0x30, 0x80, 0x80, 0x80, 0x80]], [[0x30], [0x80, 0x80], [0x80], [0x80, 1]]]) {
      const framer = new Framer();
      for (const chunk of chunks) framer.push(Uint8Array.from(chunk));
      expect(errorOf(() => framer.next())).toMatchObject({ reasonCode: 0x81, packetType: PacketType.Publish });
      framer.push(ping);
      expect(errorOf(() => framer.next()).reasonCode).toBe(0x81);
    }
  });

  it("[parity 2] takes a Remaining Length that is too long only if it is lenient; decode reports it once", () => {
    const strict = new Framer();
    strict.push(Uint8Array.of(0xd0, 0x80, 0));
    expect(errorOf(() => strict.next()).reasonCode).toBe(0x81);

    for (const chunks of [[[0xd0, 0x80, 0x80, 0, 0xd0, 0]], [[0xd0], [0x80, 0x80], [0], [0xd0, 0]]]) {
      const violations: DecodeError[] = [];
      const lenient = (violation: DecodeError): number => violations.push(violation);
      const framer = new Framer({ lenient });
      const types: number[] = [];
      for (const chunk of chunks) {
        framer.push(Uint8Array.from(chunk));
        while (framer.next()) types.push(decode(framer.buffer, framer.start, framer.end, { lenient }).type);
      }
      expect(types).toEqual([PacketType.Pingresp, PacketType.Pingresp]);
      expect(violations).toHaveLength(1);
      expect(violations[0]).toMatchObject({ reasonCode: 0x81, packetType: PacketType.Pingresp });
    }
  });

  it("[parity 22] never reserves more than 8 times what has arrived for a declared length", () => {
    const framer = new Framer();
    let received = 0;
    let largest = 0;
    const watch = (chunk: Uint8Array): void => {
      received += chunk.length;
      framer.push(chunk);
      const reserved = reservedBy(() => framer.next());
      largest = Math.max(largest, reserved);
      expect(reserved).toBeLessThanOrEqual(8 * received);
    };
    for (const byte of [0x30, 0xff, 0xff, 0xff, 0x7f]) watch(Uint8Array.of(byte)); // 256 MiB are to follow
    for (let i = 0; i < 300; i++) watch(new Uint8Array(1));
    for (let size = 1; size < 200_000; size *= 3) watch(new Uint8Array(size));
    expect(framer.bufferedBytes).toBe(received);
    expect(largest).toBeGreaterThan(received);
  });

  it("[parity 22] assembles a large packet from small chunks with a memory that grows by steps", () => {
    const bytes = publishOf(1_000_000);
    const framer = new Framer();
    let found = false;
    for (let i = 0; i < bytes.length; i += 1000) {
      expect(found).toBe(false);
      framer.push(bytes.subarray(i, i + 1000));
      found = framer.next();
    }
    expect(found).toBe(true);
    expect(Buffer.compare(framer.buffer.subarray(framer.start, framer.end), bytes)).toBe(0);
  });
});
