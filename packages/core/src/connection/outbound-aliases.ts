// SPDX-License-Identifier: Apache-2.0
import type { PublishPacket } from "@mqttv5/wire";
import { InvalidArgumentError } from "../errors.js";

/**
 * The Topic Aliases that we have set on one connection (section 3.3.2.3.4) [MQTT-3.3.2-7]. Only QoS 0 uses them: what is
 * sent again must carry its topic. An alias counts as set only once the PUBLISH that sets it was sent: see `sent`.
 */
export class OutboundAliases {
  readonly #maximum: number;
  /** Whether topics get an alias by themselves, as long as there are any. */
  readonly #automatic: boolean;
  readonly #topics = new Map<number, string>();
  readonly #aliases = new Map<string, number>();
  #last = 0;

  /** `maximum` is what the broker allows: 0 for none [MQTT-3.2.2-18]. */
  constructor(maximum: number, automatic: boolean) {
    this.#maximum = maximum;
    this.#automatic = automatic;
  }

  /** The packet with the alias it should have. Throws `TOPIC_ALIAS_INVALID` for an alias that can't be used. */
  apply(packet: PublishPacket): PublishPacket {
    const asked = packet.properties?.topicAlias;
    if (asked !== undefined) {
      this.#check(asked, packet.topic);
      return packet;
    }
    if (!this.#automatic) return packet;
    const known = this.#aliases.get(packet.topic);
    if (known !== undefined) return { ...packet, topic: "", properties: { ...packet.properties, topicAlias: known } };
    const free = this.#free();
    return free === 0 ? packet : { ...packet, properties: { ...packet.properties, topicAlias: free } };
  }

  /** The packet has left: what it sets counts from now on. */
  sent(packet: PublishPacket): void {
    const alias = packet.properties?.topicAlias;
    if (alias === undefined || packet.topic === "") return;
    const former = this.#topics.get(alias);
    if (former !== undefined) this.#aliases.delete(former);
    this.#topics.set(alias, packet.topic);
    this.#aliases.set(packet.topic, alias);
  }

  /** The next alias that stands for nothing; 0 when all are taken. They are not taken back: topics that come first are the frequent ones. */
  #free(): number {
    while (this.#last < this.#maximum) {
      if (!this.#topics.has(this.#last + 1)) return this.#last + 1;
      this.#last++;
    }
    return 0;
  }

  /** [MQTT-3.2.2-17, MQTT-3.3.2-8, MQTT-3.3.2-9] */
  #check(alias: number, topic: string): void {
    const refuse = (limit: string): InvalidArgumentError =>
      new InvalidArgumentError("TOPIC_ALIAS_INVALID", "topicAlias", alias, limit);
    if (!Number.isInteger(alias) || alias < 1 || alias > this.#maximum) {
      throw refuse(
        this.#maximum === 0 ? "the broker takes no topic aliases" : `must be an integer from 1 to ${this.#maximum}`,
      );
    }
    if (topic === "" && !this.#topics.has(alias)) throw refuse("was not set on this connection");
  }
}
