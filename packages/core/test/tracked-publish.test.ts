// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { ScriptedStore } from "./scripted-store.js";
import { REF, TrackedBench, Tracker } from "./tracked-bench.js";

describe("a tracked publish", () => {
  it("is settled before its record is deleted [parity 113] [decision 28]", async () => {
    const bench = await TrackedBench.opened();
    const tracker = new Tracker();
    bench.track(tracker);
    bench.puback(1);
    await bench.clock.settle();
    expect(tracker.outcomes).toEqual([0]);
    expect(await bench.store.records()).toEqual(["out 1 AwaitPuback"]);
    tracker.removal?.resolve();
    await bench.clock.settle();
    expect(await bench.store.records()).toEqual([]);
    expect(bench.session.hasState).toBe(false);
  });

  it("that was refused has its outcome durable before it is settled, and is not resent after a restart [parity 112]", async () => {
    const bench = await TrackedBench.opened();
    const tracker = new Tracker();
    bench.track(tracker);
    bench.store.hold();
    bench.puback(1, 0x87);
    await bench.clock.settle();
    expect([bench.store.waiting, tracker.outcomes]).toEqual([["put out 1 Completed 0x87"], []]);
    bench.store.done("put out 1 Completed 0x87");
    await bench.clock.settle();
    expect(tracker.outcomes).toEqual([0x87]);
    const again = await TrackedBench.opened(bench.store.afterCrash());
    expect(again.take()).toEqual([]);
    expect(again.session.hasState).toBe(true);
  });

  it("that could not be settled stays, can be adopted, also after a restart, and keeps its identifier [parity 113]", async () => {
    const bench = await TrackedBench.opened();
    const tracker = new Tracker();
    bench.track(tracker);
    bench.puback(1, 0x97);
    await bench.clock.settle();
    tracker.removal?.reject(new Error("disk full"));
    await bench.clock.settle();
    expect(await bench.store.records()).toEqual(["out 1 Completed 0x97"]);
    expect(bench.session.hasState).toBe(true);

    const again = await TrackedBench.opened(bench.store.afterCrash());
    const other = again.publish("other", 1);
    expect(other.publish.packetId).toBe(2); // never sent under 1
    const adopter = new Tracker();
    expect(again.session.adopt(new Uint8Array([9]), adopter.settle)).toBeUndefined();
    expect(again.session.adopt(REF, adopter.settle)?.packetId).toBe(1);
    expect(adopter.outcomes).toEqual([0x97]);
    adopter.removal?.resolve();
    again.puback(2);
    await again.clock.settle();
    expect(await again.store.records()).toEqual([]);
    expect(again.session.hasState).toBe(false);
  });

  it("is adopted while it is under way, and settled when it ends", async () => {
    const bench = await TrackedBench.opened();
    bench.track(new Tracker());
    const again = await TrackedBench.opened(bench.store.afterCrash());
    expect(again.take()).toEqual(["PUBLISH 1 dup t"]);
    const adopter = new Tracker();
    again.session.adopt(REF, adopter.settle);
    expect(adopter.outcomes).toEqual([]);
    again.puback(1);
    await again.clock.settle();
    expect(adopter.outcomes).toEqual([0]);
    adopter.removal?.resolve();
    await again.clock.settle();
    expect(await again.store.records()).toEqual([]);
  });
});

describe("an identifier", () => {
  it("is free only when the exchange is over and its record is deleted [parity 83] [decision 17]", async () => {
    const bench = new TrackedBench(new ScriptedStore().free(), 1);
    await bench.driver.load();
    bench.connected(true);
    bench.publish("a", 1);
    bench.store.hold();
    bench.publish("b", 1);
    bench.take();
    bench.puback(1);
    await bench.clock.settle();
    expect(bench.store.waiting).toEqual(["delete out 1"]);
    expect(bench.take()).toEqual([]);
    bench.store.done("delete out 1");
    await bench.clock.settle();
    expect(bench.store.waiting).toEqual(["put out 1 AwaitPuback"]);
    bench.store.done("put out 1 AwaitPuback");
    await bench.clock.settle();
    expect(bench.take()).toEqual(["PUBLISH 1 b"]);
    expect(bench.broken).toEqual([]);
  });
});

describe("changes of one record", () => {
  it("are made one after the other, those of others meanwhile [parity 107] [decision 17]", async () => {
    const bench = new TrackedBench(new ScriptedStore());
    await bench.driver.load();
    bench.connected(true);
    const first = bench.publish("a", 1);
    bench.publish("b", 1);
    expect(bench.session.withdraw(first.publish)).toBe(true);
    expect(bench.store.waiting).toEqual(["put out 1 AwaitPuback", "put out 2 AwaitPuback"]);
    bench.store.done("put out 2 AwaitPuback");
    await bench.clock.settle();
    expect(bench.take()).toEqual(["PUBLISH 2 b"]); // what is done holds up nobody
    bench.store.done("put out 1 AwaitPuback");
    await bench.clock.settle();
    expect(bench.store.waiting).toEqual(["delete out 1"]);
    bench.store.done("delete out 1");
    await bench.clock.settle();
    expect(await bench.store.records()).toEqual(["out 2 AwaitPuback"]);
  });
});
