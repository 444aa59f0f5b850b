// SPDX-License-Identifier: Apache-2.0

import { matchTopic } from "@mqttv5/wire";
import { isExpired, type Message } from "./message.js";

/** The last retained message of each topic. Lives as long as the broker. */
export class RetainedStore {
  readonly #messages: Map<string, Message> = new Map();

  /** [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] */
  store(message: Message): void {
    this.#messages.delete(message.topic);
    if (message.payload.length > 0) this.#messages.set(message.topic, message);
  }

  /** The messages whose topics the filter matches, in the order in which they were stored. */
  matching(filter: string, now: number): Message[] {
    return this.all(now).filter(({ topic }) => matchTopic(filter, topic));
  }

  all(now: number): Message[] {
    for (const message of this.#messages.values()) {
      if (isExpired(message, now)) this.#messages.delete(message.topic); // [MQTT-3.3.2-5]
    }
    return [...this.#messages.values()];
  }

  clear(): void {
    this.#messages.clear();
  }
}
