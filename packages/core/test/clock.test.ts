// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "@mqttv5/wire";
import { afterEach, describe, expect, it, vi } from "vitest";
import { exponentialBackoff, systemClock } from "../src/index.js";
import { Bench, codeOf, follow, grant, publish } from "./bench.js";

const { Connect, Disconnect, Pingreq, Publish } = PacketType;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("the clock option", () => {
  it("drives every timer: with no other clock a whole life passes [parity 195]", async () => {
    const used: string[] = [];
    const watch = (owner: object, name: string): void => {
      const methods = owner as Record<string, (...args: unknown[]) => unknown>;
      const original = methods[name];
      vi.spyOn(methods, name).mockImplementation((...args) => {
        if (new Error("where from").stack?.includes("/core/src/")) used.push(name);
        return original?.apply(owner, args);
      });
    };
    for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) watch(globalThis, name);
    watch(Date, "now");
    watch(Math, "random");
    watch(performance, "now");

    const bench = new Bench();
    const { clock, peer } = bench;
    const client = bench.client({
      connectTimeout: 1000,
      retryInitialConnect: true,
      keepAlive: 10,
      pingTimeout: 2000,
      disconnectTimeout: 300,
      reconnectBackoff: exponentialBackoff(500, 8000, 0),
      credentials: () => ({ username: "me" }),
    });
    const connecting = follow(client.connect());
    await (await peer.accept()).expect(Connect);
    await clock.advance(1000); // the attempt's limit
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "CONNECT_TIMEOUT" } });
    expect(client.state).toMatchObject({ retryAt: clock.wallTime() + 500 }); // the backoff
    const connection = await peer.acceptConnect();
    await clock.settle();
    expect(connecting.status).toBe("resolved");

    const handling: number[] = [];
    const subscribing = client.subscribeCallback("t", () => {
      handling.push(clock.now());
      return new Promise<void>(() => {});
    });
    await grant(connection);
    await clock.run(subscribing);
    connection.send(publish("t", "x"));

    const late = follow(client.publish("u", "", { qos: 1, timeout: 700 })); // a call's limit
    await connection.expect(Publish);
    await clock.advance(700);
    expect(codeOf(late.error)).toBe("TIMEOUT");

    await clock.advance(9300); // the keep-alive
    await connection.expect(Pingreq);
    await clock.advance(2000); // its answer
    expect(client.state).toMatchObject({ status: "waiting", reason: { code: "KEEP_ALIVE_TIMEOUT" } });

    const next = await peer.acceptResume({ within: 9000 });
    await next.expect(Publish);
    const leaving = follow(client.disconnect());
    await next.expect(Disconnect);
    await clock.advance(600);
    expect(leaving.status).toBe("resolved");
    await clock.advance(5000); // the handler's
    expect(handling).toHaveLength(1);
    expect(bench.log.at(-1)).toContain("5 s");
    expect(clock.pending).toBe(0);
    expect(used).toEqual([]);
    systemClock().wallTime();
    expect(used).toEqual(["now"]); // the watch itself
  }, 10_000);

  it("is the platform's by default, whose timers are cancelled and let the process end", () => {
    const calls: unknown[] = [];
    const handle = { unref: () => calls.push("unref") };
    vi.stubGlobal("setTimeout", (_: () => void, delay: number) => {
      calls.push(delay);
      return calls.length === 1 ? handle : 7; // a number where there are no objects
    });
    vi.stubGlobal("clearTimeout", (cleared: unknown) => calls.push(cleared));
    const clock = systemClock();
    const timer = clock.schedule(60_000, () => {});
    timer.unref?.();
    timer.cancel();
    const other = clock.schedule(1e12, () => {});
    other.unref?.();
    other.cancel();
    expect(calls).toEqual([60_000, "unref", handle, 0x7fffffff, 7]);
  });

  it("keeps times longer than the platform's timers take, in several, and still cancels them and lets the process end", () => {
    const set: { callback: () => void; delay: number; unreferenced: boolean }[] = [];
    const cleared: unknown[] = [];
    vi.stubGlobal("setTimeout", (callback: () => void, delay: number) => {
      const timer = { callback, delay, unreferenced: false, unref: () => (timer.unreferenced = true) };
      set.push(timer);
      return timer;
    });
    vi.stubGlobal("clearTimeout", (timer: unknown) => cleared.push(timer));
    const ran: string[] = [];
    const timer = systemClock().schedule(2 * 0x7fffffff + 5000, () => ran.push("ran"));
    set[0]?.callback();
    timer.unref?.();
    set[1]?.callback();
    expect(ran).toEqual([]);
    expect(set.map(({ delay }) => delay)).toEqual([0x7fffffff, 0x7fffffff, 5000]);
    expect(set.map(({ unreferenced }) => unreferenced)).toEqual([false, true, true]);
    timer.cancel();
    expect(cleared).toEqual([set[2]]);
    set[2]?.callback();
    expect(ran).toEqual(["ran"]);
  });
});
