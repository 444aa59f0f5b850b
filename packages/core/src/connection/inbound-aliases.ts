// SPDX-License-Identifier: Apache-2.0
import { type Publish, ReasonCode } from "@mqttv5/wire";
import { ProtocolError } from "../errors.js";
import { LazyMap } from "../lazy-map.js";

/** The Topic Aliases that the broker has set on one connection (section 3.3.2.3.4) [MQTT-3.3.2-7]. */
export class InboundAliases {
  readonly #topics = new LazyMap<number, string>();
  readonly #maximum: number;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The topic of a PUBLISH, which may set an alias or use one. Throws a `ProtocolError` with 0x94 or 0x82. */
  topicOf(publish: Publish): string {
    const alias = publish.topicAlias;
    if (alias === 0) return publish.topic;
    if (alias > this.#maximum) {
      throw new ProtocolError(
        ReasonCode.TopicAliasInvalid,
        `The broker used Topic Alias ${alias}; the most it may use is ${this.#maximum}`,
      );
    }
    if (publish.topicLength > 0) {
      this.#topics.set(alias, publish.topic);
      return publish.topic;
    }
    const topic = this.#topics.get(alias);
    if (topic === undefined) {
      throw new ProtocolError(ReasonCode.ProtocolError, `The broker used Topic Alias ${alias} before setting it`);
    }
    return topic;
  }
}
