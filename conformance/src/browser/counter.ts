// SPDX-License-Identifier: Apache-2.0
import { Client, constantBackoff } from "@mqttv5/core";
import { ws } from "@mqttv5/transport-ws";
import { PATIENCE, within } from "../patience.js";

/** Another client of the same broker: what the page publishes arrives there, through restarts too. */
export class Counter {
  readonly client: Client;
  readonly arrived: string[] = [];
  #filter = "";
  #changed: () => void = () => {};

  constructor(url: string, clientId: string) {
    this.client = new Client({
      broker: url,
      transport: ws(),
      clientId,
      reconnectBackoff: constantBackoff(50),
      whenOffline: "wait",
    });
  }

  async start(filter: string): Promise<void> {
    this.#filter = filter;
    await this.client.connect();
    const options = { qos: 1 } as const;
    await this.client.subscribeCallback(filter, (message) => this.#add(message.text()), options);
  }

  /** Resolves when it is connected and subscribed again: a message of its own arrives. */
  async back(): Promise<void> {
    await this.client.publish(this.#filter, "back", { qos: 1 });
    await this.until("back");
  }

  /** Resolves when this has arrived. */
  async until(text: string): Promise<void> {
    const arrival = new Promise<void>((resolve) => {
      this.#changed = () => {
        if (this.arrived.includes(text)) resolve();
      };
      this.#changed();
    });
    await within(`${text} at the other client`, arrival, 2 * PATIENCE);
  }

  #add(text: string): void {
    this.arrived.push(text);
    this.#changed();
  }
}
