// SPDX-License-Identifier: Apache-2.0
import { type FaultyLink, TestBroker, type Timer, VirtualClock } from "@mqttv5/testing";
import { PacketType } from "@mqttv5/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ClientOptions, type Clock, Client } from "../src/index.js";
import { type Page, pageClock, platformClock } from "../src/page.js";
import { Bench, follow } from "./bench.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A page without a browser: it tells what a test says. */
class FakePage implements Page {
  readonly heard = new Map<string, Set<() => void>>();
  readonly document = this.#events();
  readonly window = this.#events();

  tell(type: string): void {
    for (const listener of this.heard.get(type) ?? []) listener();
  }

  get listeners(): number {
    return [...this.heard.values()].reduce((sum, { size }) => sum + size, 0);
  }

  #events(): Page["document"] {
    return {
      addEventListener: (type, listener) => {
        this.heard.set(type, (this.heard.get(type) ?? new Set()).add(listener));
      },
      removeEventListener: (type, listener) => void this.heard.get(type)?.delete(listener),
    };
  }
}

/** The timers of a hidden page: they run at whole minutes only, or never while it is frozen. */
class HiddenClock implements Clock {
  readonly inner: VirtualClock;
  frozen = false;
  wakeUps = 0;

  constructor(inner: VirtualClock) {
    this.inner = inner;
  }

  now = (): number => this.inner.now();
  wallTime = (): number => this.inner.wallTime();
  afterTurn = (callback: () => void): void => this.inner.afterTurn(callback);
  random = (): number => this.inner.random();
  randomBytes = (length: number): Uint8Array => this.inner.randomBytes(length);

  schedule(delay: number, callback: () => void): Timer {
    const due = this.inner.now() + Math.max(0, delay);
    const minute = Math.ceil(due / 60_000) * 60_000;
    return this.inner.schedule(minute - this.inner.now(), () => {
      if (this.frozen) return;
      this.wakeUps++;
      callback();
    });
  }
}

function hidden(): { clock: VirtualClock; timers: HiddenClock; page: FakePage; pageClock: Clock } {
  const clock = new VirtualClock();
  const timers = new HiddenClock(clock);
  const page = new FakePage();
  return { clock, timers, page, pageClock: pageClock(timers, page) };
}

describe("the clock of a page", () => {
  it("is chosen where there is a document, and the client's keep-alive is then 120 s", async () => {
    const seconds = async (options: Partial<ClientOptions> = {}): Promise<number> => {
      const asked: number[] = [];
      const server = new TestBroker({
        onPacket: ({ packet }) => {
          if (packet.type === PacketType.Connect) asked.push(packet.keepAlive);
        },
      });
      const client = new Client({ broker: "mqtt://test", transport: server.transport(), ...options });
      await client.connect();
      await client.disconnect();
      await server.close();
      return asked[0] ?? -1;
    };
    expect(platformClock().timerLateness).toBeUndefined();
    expect(await seconds()).toBe(30);
    const page = new FakePage();
    vi.stubGlobal("document", page.document);
    vi.stubGlobal("addEventListener", page.window.addEventListener);
    vi.stubGlobal("removeEventListener", page.window.removeEventListener);
    expect(platformClock().timerLateness).toBe(60_000);
    expect(await seconds()).toBe(120);
    expect(await seconds({ keepAlive: 10 })).toBe(10);
    expect(page.listeners).toBe(0);
  });

  it("holds a connection through a night with one wake-up a minute, at the default keep-alive", async () => {
    const { clock, timers, pageClock } = hidden();
    const pings: number[] = [];
    const broker = new TestBroker({
      clock,
      onPacket: ({ packet, direction }) => {
        if (direction === "received" && packet.type === PacketType.Pingreq) pings.push(clock.now());
      },
    });
    await clock.advance(61_000); // a minute begins in between
    const transport = broker.transport({ latency: 2000 });
    const client = new Client({ broker: "mqtt://test", clock: pageClock, transport });
    await clock.run(client.connect());
    await clock.advance(8 * 3_600_000);
    expect(client.stats()).toMatchObject({ disconnects: 0, connects: 1 });
    expect(client.state.status).toBe("connected");
    expect(pings.length).toBeGreaterThan(200);
    expect(timers.wakeUps).toBeLessThanOrEqual(8 * 60 + 2);
    for (const [index, at] of pings.entries()) expect(at - (pings[index - 1] ?? 61_000)).toBeLessThan(126_000);
    await clock.run(client.disconnect());
    await broker.close();
  });

  it("still notices a broker that has gone, within two wake-ups of the PINGREQ", async () => {
    const { clock, pageClock } = hidden();
    const broker = new TestBroker({ clock });
    const ends: FaultyLink[] = [];
    const transport = broker.transport({ onConnect: (_, end) => void ends.push(end) });
    const client = new Client({ broker: "mqtt://test", clock: pageClock, transport });
    await clock.run(client.connect());
    ends[0]?.stall();
    await clock.advance(120_000 + 120_000 + 1000);
    expect(client.stats().pingTimeouts).toBe(1);
    await clock.run(client.disconnect());
    await broker.close();
  });

  it("runs what is overdue as soon as a message brings a look at the clock", async () => {
    const { clock, pageClock } = hidden();
    const ran: number[] = [];
    pageClock.schedule(1000, () => ran.push(clock.now()));
    await clock.advance(5000);
    expect(ran).toEqual([]);
    pageClock.now();
    expect(ran).toEqual([]); // in a turn of its own
    await clock.settle();
    expect(ran).toEqual([5000]);
    await clock.advance(100_000);
    expect(ran).toEqual([5000]);
  });

  it.each(["visibilitychange", "resume", "pageshow", "online"])(
    "runs what is overdue, in order, at %s",
    async (type) => {
      const { clock, timers, page, pageClock } = hidden();
      const ran: string[] = [];
      timers.frozen = true;
      pageClock.schedule(3000, () => ran.push("second"));
      pageClock.schedule(1000, () => ran.push("first"));
      pageClock.schedule(900_000, () => ran.push("not due"));
      pageClock.schedule(10, () => ran.push("cancelled")).cancel();
      await clock.advance(600_000);
      expect(ran).toEqual([]);
      page.tell(type);
      page.tell(type);
      await clock.settle();
      expect(ran).toEqual(["first", "second"]);
    },
  );

  it("listens to the page only while there are timers", async () => {
    const { clock, page, pageClock } = hidden();
    expect(page.listeners).toBe(0);
    const timers = [pageClock.schedule(10, () => {}), pageClock.schedule(20, () => {})];
    expect(page.listeners).toBe(4);
    await clock.advance(60_000);
    expect(page.listeners).toBe(0);
    for (const timer of timers) timer.cancel();
    pageClock.schedule(10, () => {}).cancel();
    expect(page.listeners).toBe(0);
  });

  it("brings a page that was frozen back to its connection, if the broker still has it", async () => {
    const { clock, timers, page, pageClock } = hidden();
    const broker = new TestBroker({ clock });
    const client = new Client({ broker: "mqtt://test", clock: pageClock, transport: broker.transport() });
    await clock.run(client.connect());
    await clock.advance(1000);
    timers.frozen = true;
    await clock.advance(170_000); // the broker waits 180 s
    timers.frozen = false;
    page.tell("resume");
    await clock.settle();
    await clock.advance(1000);
    expect(client.state.status).toBe("connected");
    expect(client.stats().pingTimeouts).toBe(0);
    await clock.run(client.disconnect());
    await broker.close();
  });
});

describe("a timer that is late", () => {
  it("is no proof of silence: what came meanwhile is read first, and only then the answer is missed", async () => {
    const bench = new Bench();
    const { clock } = bench;
    let late = 0;
    const sluggish: Clock = {
      now: () => clock.now(),
      wallTime: () => clock.wallTime(),
      random: () => clock.random(),
      randomBytes: (length) => clock.randomBytes(length),
      afterTurn: (callback) => clock.afterTurn(callback),
      schedule: (delay, callback) => clock.schedule(delay + late, callback),
    };
    const client = bench.client({ clock: sluggish, keepAlive: 10, pingTimeout: 3000 });
    const connecting = follow(client.connect());
    const connection = await bench.peer.acceptConnect();
    await clock.settle();
    expect(connecting.status).toBe("resolved");
    await clock.advance(9999);
    late = 20_000; // the process stands still: the timer for the answer will be that late
    await connection.expect(PacketType.Pingreq);
    await clock.advance(22_500);
    late = 0;
    await clock.advance(600); // the timer fires, late
    expect(client.stats().pingTimeouts).toBe(0);
    connection.send({ type: PacketType.Pingresp });
    await clock.advance(3000);
    expect(client.state.status).toBe("connected");
    await clock.advance(30_000);
    expect(client.stats().pingTimeouts).toBe(1);
  });
});
