// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { type FaultyLink, type LinkPairOptions, linkPair, VirtualClock } from "../src/index.js";

/** What one end was told, in order, each with its time. */
class Log {
  readonly events: string[] = [];
  readonly bytes: number[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  received(chunk: Uint8Array): void {
    this.bytes.push(...chunk);
    this.events.push(`${this.#clock.now()} received ${[...chunk].join(" ")}`);
  }

  drained(): void {
    this.events.push(`${this.#clock.now()} drained`);
  }

  closed(error?: Error): void {
    this.events.push(`${this.#clock.now()} closed${error ? ` ${error.message}` : ""}`);
  }
}

interface Pair {
  clock: VirtualClock;
  a: FaultyLink;
  b: FaultyLink;
  atA: Log;
  atB: Log;
}

function open(options: Partial<LinkPairOptions> = {}): Pair {
  const clock = new VirtualClock();
  const [a, b] = linkPair({ clock, ...options });
  const [atA, atB] = [new Log(clock), new Log(clock)];
  a.open(atA);
  b.open(atB);
  return { clock, a, b, atA, atB };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

describe("linkPair", () => {
  it("delivers in order, in a later turn", async () => {
    const { clock, a, b, atA, atB } = open();
    expect(a.send(bytes(1, 2))).toBe(true);
    expect(a.send(bytes(3))).toBe(true);
    expect(b.send(bytes(9))).toBe(true);
    expect(a.pendingBytes).toBe(3);
    expect(atB.events).toEqual([]);
    await clock.settle();
    expect(atB.events).toEqual(["0 received 1 2", "0 received 3"]);
    expect(atA.events).toEqual(["0 received 9"]);
    expect(a.pendingBytes).toBe(0);
  });

  it("has nothing to deliver of an empty chunk", async () => {
    const { clock, a, atB } = open();
    expect(a.send(bytes())).toBe(true);
    await clock.settle();
    expect(atB.events).toEqual([]);
  });

  it("delivers nothing before the receiver is there", async () => {
    const clock = new VirtualClock();
    const [a, b] = linkPair({ clock });
    a.open(new Log(clock));
    a.send(bytes(1));
    a.end();
    await clock.settle();
    const atB = new Log(clock);
    b.open(atB);
    expect(atB.events).toEqual([]);
    await clock.settle();
    expect(atB.events).toEqual(["0 received 1", "0 closed"]);
    expect(() => b.open(atB)).toThrow("opened already");
  });

  it("takes the latency into account, each way", async () => {
    const { clock, a, b, atA, atB } = open({ latency: 20 });
    a.send(bytes(1));
    await clock.advance(5);
    a.send(bytes(2));
    b.send(bytes(3));
    await clock.advance(100);
    expect(atB.events).toEqual(["20 received 1", "25 received 2"]);
    expect(atA.events).toEqual(["25 received 3"]);
  });

  it("takes the latency into account when it is destroyed with bytes under way", async () => {
    const { clock, a, atB } = open({ latency: 20 });
    a.send(bytes(1));
    await clock.advance(10);
    a.destroy();
    await clock.advance(100);
    expect(atB.events).toEqual(["30 closed"]);
  });

  it("says nothing of a drained buffer once it is destroyed", async () => {
    const { clock, a, atA } = open({ highWaterMark: 1 });
    a.at(2, () => a.destroy());
    expect(a.send(bytes(1, 2))).toBe(false);
    await clock.settle();
    expect(atA.events).toEqual(["0 closed"]);
  });

  it("says when its buffer is full and when it is empty again", async () => {
    const { clock, a, atA } = open({ highWaterMark: 4 });
    expect(a.send(bytes(1, 2, 3, 4))).toBe(true);
    expect(a.send(bytes(5))).toBe(false);
    expect(a.send(bytes(6))).toBe(false);
    await clock.settle();
    expect(atA.events).toEqual(["0 drained"]);
    expect(a.send(bytes(7))).toBe(true);
  });

  it("holds bytes back at the sender while the receiver pauses", async () => {
    const { clock, a, b, atA, atB } = open({ highWaterMark: 2 });
    b.pause();
    expect(a.send(bytes(1, 2, 3))).toBe(false);
    await clock.advance(1000);
    expect(a.pendingBytes).toBe(3);
    expect(atB.events).toEqual([]);
    b.resume();
    await clock.settle();
    expect(atB.events).toEqual(["1000 received 1 2 3"]);
    expect(atA.events).toEqual(["1000 drained"]);
  });

  it("can be paused from within received", async () => {
    const clock = new VirtualClock();
    const [a, b] = linkPair({ clock });
    const got: number[] = [];
    a.open(new Log(clock));
    b.open({
      received(chunk) {
        got.push(...chunk);
        b.pause();
      },
      drained() {},
      closed() {},
    });
    a.send(bytes(1));
    a.send(bytes(2));
    await clock.settle();
    expect(got).toEqual([1]);
    b.resume();
    await clock.settle();
    expect(got).toEqual([1, 2]);
  });

  it("sends what is pending in both directions before it closes", async () => {
    const { clock, a, b, atA, atB } = open();
    b.send(bytes(8));
    a.send(bytes(1));
    a.end();
    a.end();
    expect(a.send(bytes(2))).toBe(false);
    b.send(bytes(9));
    await clock.settle();
    expect(atB.events).toEqual(["0 received 1", "0 closed"]);
    expect(atA.events).toEqual(["0 received 8", "0 received 9", "0 closed"]);
  });

  it("closes once when both ends close", async () => {
    const { clock, a, b, atA, atB } = open();
    a.end();
    b.end();
    await clock.settle();
    a.destroy();
    b.destroy();
    a.cut(new Error("late"));
    await clock.settle();
    expect(atA.events).toEqual(["0 closed"]);
    expect(atB.events).toEqual(["0 closed"]);
  });

  it("drops what is pending when it is destroyed, and never reports that within the call", async () => {
    const { clock, a, atA, atB } = open();
    a.send(bytes(1));
    a.destroy();
    a.destroy();
    expect(atA.events).toEqual([]);
    expect(a.pendingBytes).toBe(0);
    expect(a.send(bytes(2))).toBe(false);
    await clock.settle();
    expect(atA.events).toEqual(["0 closed"]);
    expect(atB.events).toEqual(["0 closed"]);
  });

  it("waits for destroy when the peer stalls while it ends", async () => {
    const { clock, a, b, atA, atB } = open();
    b.pause();
    a.send(bytes(1));
    a.end();
    await clock.advance(60_000);
    expect(atA.events).toEqual([]);
    a.destroy();
    await clock.settle();
    expect(atA.events).toEqual(["60000 closed"]);
    expect(atB.events).toEqual([]);
    b.resume();
    await clock.settle();
    expect(atB.events).toEqual(["60000 closed"]);
  });

  it("tells the other end of a destroy that follows an end already delivered", async () => {
    const { clock, a, b, atA, atB } = open();
    a.pause();
    b.send(bytes(1));
    a.end();
    await clock.settle();
    expect(atB.events).toEqual([]);
    a.destroy();
    await clock.settle();
    expect(atA.events).toEqual(["0 closed"]);
    expect(atB.events).toEqual(["0 closed"]);
  });
});

describe("the faults of a link pair", () => {
  it("cut loses what is under way and tells both ends", async () => {
    const { clock, a, b, atA, atB } = open();
    a.send(bytes(1));
    b.send(bytes(2));
    b.cut(new Error("cable gone"));
    await clock.settle();
    expect(atA.events).toEqual(["0 closed cable gone"]);
    expect(atB.events).toEqual(["0 closed cable gone"]);
  });

  it("cut reaches an end that pauses, stalls or was not opened yet", async () => {
    const clock = new VirtualClock();
    const [a, b] = linkPair({ clock });
    const [atA, atB] = [new Log(clock), new Log(clock)];
    a.open(atA);
    a.pause();
    a.stall();
    b.cut();
    await clock.settle();
    expect(atA.events).toEqual(["0 closed"]);
    b.open(atB);
    expect(atB.events).toEqual([]);
    await clock.settle();
    expect(atB.events).toEqual(["0 closed"]);
  });

  it("stall keeps bytes, and even the closing, from the other end", async () => {
    const { clock, a, b, atA, atB } = open({ highWaterMark: 2 });
    a.stall();
    expect(a.send(bytes(1, 2, 3))).toBe(false);
    b.send(bytes(9));
    await clock.advance(10);
    expect(atB.events).toEqual([]);
    expect(atA.events).toEqual(["0 received 9"]);
    a.unstall();
    await clock.settle();
    expect(atB.events).toEqual(["10 received 1 2 3"]);
    a.stall();
    a.destroy();
    await clock.settle();
    expect(atB.events).toEqual(["10 received 1 2 3"]);
    a.unstall();
    await clock.settle();
    expect(atB.events).toEqual(["10 received 1 2 3", "10 closed"]);
  });

  it("split delivers small chunks and loses nothing", async () => {
    const { clock, a, atB } = open();
    a.split(2);
    a.send(bytes(1, 2, 3, 4, 5));
    a.send(bytes(6));
    await clock.settle();
    expect(atB.events).toEqual(["0 received 1 2", "0 received 3 4", "0 received 5", "0 received 6"]);
    a.split(Infinity);
    a.send(bytes(7, 8, 9));
    await clock.settle();
    expect(atB.events.at(-1)).toBe("0 received 7 8 9");
    expect(() => a.split(0)).toThrow(RangeError);
  });

  it("corrupt flips one byte of the stream and not the sender's array", async () => {
    const { clock, a, atB } = open();
    const constant = bytes(4, 5);
    a.send(bytes(1, 2, 3));
    a.corrupt(1);
    a.corrupt(4, 0x01);
    a.send(constant);
    await clock.settle();
    expect(atB.bytes).toEqual([1, 2 ^ 0xff, 3, 4, 5 ^ 0x01]);
    expect(constant).toEqual(bytes(4, 5));
    expect(() => a.corrupt(4)).toThrow("byte 4 was delivered already");
    expect(() => a.corrupt(-1)).toThrow(RangeError);
  });

  it("at stops exactly at a byte", async () => {
    const { clock, a, atB } = open();
    a.at(3, () => a.cut());
    a.send(bytes(1, 2));
    a.send(bytes(3, 4));
    await clock.settle();
    expect(atB.events).toEqual(["0 received 1 2", "0 received 3", "0 closed"]);
    expect(a.deliveredBytes).toBe(3);
  });

  it("at may stall, before the first byte too", async () => {
    const { clock, a, atB } = open();
    a.at(0, () => a.stall());
    a.at(2, () => a.stall());
    a.send(bytes(1, 2, 3));
    await clock.settle();
    expect(atB.bytes).toEqual([]);
    a.unstall();
    await clock.settle();
    expect(atB.bytes).toEqual([1, 2]);
    a.unstall();
    await clock.settle();
    expect(atB.bytes).toEqual([1, 2, 3]);
  });

  it("the transcript holds what was sent, whatever became of it", async () => {
    const { clock, a, b } = open();
    a.corrupt(0);
    a.send(bytes(1, 2));
    a.stall();
    a.send(bytes(3));
    await clock.settle();
    expect(a.transcript).toEqual(bytes(1, 2, 3));
    expect(b.transcript).toEqual(bytes());
    const [quiet] = linkPair({ clock, transcript: false });
    quiet.send(bytes(1));
    expect(quiet.transcript).toEqual(bytes());
  });
});
