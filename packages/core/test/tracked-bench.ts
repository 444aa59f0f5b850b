// SPDX-License-Identifier: Apache-2.0
import { VirtualClock } from "@mqttv5/testing";
import { encode } from "@mqttv5/wire";
import type { MqttError } from "../src/errors.js";
import type { MemorySessionStore } from "../src/memory-store.js";
import { OutboundPublish } from "../src/session/outbound-publish.js";
import { newStats } from "../src/stats.js";
import { StoreDriver, type StoreDriverPort } from "../src/store-driver.js";
import { publish } from "./bench.js";
import { ScriptedStore } from "./scripted-store.js";
import { SessionBench } from "./session-bench.js";

/** What the tracker knows its publish by. */
export const REF: Uint8Array = new Uint8Array([1, 2, 255]);

/** What a durable queue in front of the session sees. */
export class Tracker {
  readonly outcomes: number[] = [];
  /** The removal that is under way. */
  removal: { resolve: () => void; reject: (error: Error) => void } | undefined;

  readonly settle = (outcome: number): Promise<void> => {
    this.outcomes.push(outcome);
    let resolve!: () => void;
    let reject!: (error: Error) => void;
    const promise = new Promise<void>((done, fail) => {
      resolve = done;
      reject = fail;
    });
    this.removal = { resolve, reject };
    return promise;
  };
}

/** A session whose records a scripted store keeps. */
export class TrackedBench extends SessionBench {
  readonly clock: VirtualClock;
  readonly store: ScriptedStore;
  readonly driver: StoreDriver;
  readonly broken: MqttError[];

  constructor(store: ScriptedStore, highestPacketId?: number) {
    const clock = new VirtualClock();
    const broken: MqttError[] = [];
    const port: StoreDriverPort = {
      stored: (owner) => this.session.stored(owner),
      deleted: (owner) => this.session.deleted(owner),
      failed: (failed, error) => this.session.failed(failed, error),
      settled: (settled, done) => this.session.settled(settled, done),
      restore: ({ publishes, received }) => this.session.restore(publishes, received),
      broken: (error) => broken.push(error),
    };
    const driver = new StoreDriver(store, clock, port, newStats());
    super({ records: driver, ...(highestPacketId === undefined ? {} : { highestPacketId }) });
    this.clock = clock;
    this.store = store;
    this.driver = driver;
    this.broken = broken;
  }

  static async opened(memory?: MemorySessionStore): Promise<TrackedBench> {
    const bench = new TrackedBench(new ScriptedStore(memory).free());
    await bench.driver.load();
    bench.connected(true);
    return bench;
  }

  track(tracker: Tracker): OutboundPublish {
    const tracked = new OutboundPublish(
      encode(publish("t", "", { qos: 1, packetId: 1 })),
      1,
      false,
      Infinity,
      undefined,
    );
    tracked.ref = REF;
    tracked.settle = tracker.settle;
    this.session.publish(tracked);
    return tracked;
  }
}
