// SPDX-License-Identifier: Apache-2.0
import type { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/ws";
import { startMosquitto } from "../targets/mosquitto.js";
import { Door } from "./door.js";

/** A broker that is up. */
interface Up {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * A broker with a WebSocket listener that goes away and comes back, and two addresses for it that stay: one for the page, and one
 * for all others, who are let in first.
 */
export class Restarts {
  readonly page: Door;
  readonly others: Door;
  readonly #start: () => Promise<Up>;
  #up: Up | undefined;

  private constructor(start: () => Promise<Up>, up: Up, page: Door, others: Door) {
    this.page = page;
    this.others = others;
    this.#start = start;
    this.#up = up;
  }

  static async of(start: () => Promise<Up>): Promise<Restarts> {
    const up = await start();
    return new Restarts(start, up, await Door.to(up.url), await Door.to(up.url));
  }

  async goDown(): Promise<void> {
    await Promise.all([this.page.shut(), this.others.shut()]);
    await this.#up?.stop();
    this.#up = undefined;
  }

  /** The page is let in when the others are `ready`. */
  async comeBack(ready: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.#up = await this.#start();
    await this.others.open(this.#up.url);
    await ready();
    await this.letPageIn();
  }

  /** The broker stays; the page has lost it, and finds it no more. */
  lockPageOut(): Promise<void> {
    return this.page.shut();
  }

  async letPageIn(): Promise<void> {
    if (this.#up !== undefined) await this.page.open(this.#up.url);
  }
}

/** The broker of `@mqttv5/testing`, in this process: its listener goes, what it keeps stays. */
export function testBrokerRestarts(broker: TestBroker): Promise<Restarts> {
  return Restarts.of(async () => {
    const listener = await listen(broker);
    return { url: listener.url, stop: () => listener.close() };
  });
}

/** A mosquitto process, and then another one, which knows nothing of it: 2.0.11 does not bring MQTT 5 sessions back from its database. */
export function mosquittoRestarts(): Promise<Restarts> {
  return Restarts.of(async () => {
    const { url, stop } = await startMosquitto("WebSocket");
    return { url: `${url.replace(/\/$/, "")}/mqtt`, stop };
  });
}
