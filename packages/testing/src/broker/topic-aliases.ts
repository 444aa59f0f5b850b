// SPDX-License-Identifier: Apache-2.0

import { ReasonCode } from "@mqttv5/wire";

/** The aliases a client set on one connection. [MQTT-3.3.2-7] */
export class InboundAliases {
  readonly #topics: Map<number, string> = new Map();
  readonly #maximum: number;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The topic of a PUBLISH, or the reason code to close with. */
  resolve(topic: string, alias: number): string | number {
    if (alias === 0) return topic;
    if (alias > this.#maximum) return ReasonCode.TopicAliasInvalid;
    if (topic !== "") this.#topics.set(alias, topic);
    return this.#topics.get(alias) ?? ReasonCode.ProtocolError;
  }
}

/** The aliases the broker set on one connection: the first topics get one, while there are any. [MQTT-3.1.2-26] */
export class OutboundAliases {
  readonly #numbers: Map<string, number> = new Map();
  readonly #maximum: number;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias to use for the topic, and whether the client knows it already. */
  of(topic: string): { number: number; known: boolean } | undefined {
    const number = this.#numbers.get(topic);
    if (number !== undefined) return { number, known: true };
    return this.#numbers.size < this.#maximum ? { number: this.#numbers.size + 1, known: false } : undefined;
  }

  /** The packet that tells the client has been sent. */
  set(topic: string, number: number): void {
    this.#numbers.set(topic, number);
  }
}
