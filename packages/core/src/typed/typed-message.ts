// SPDX-License-Identifier: Apache-2.0
import type { Properties, QoS } from "@mqttv5/wire";
import type { Message } from "../message.js";
import type { AnyParameters } from "../topic-parameters.js";

/** A received message and the value its payload stands for. All else is that of {@link Message}. */
export class TypedMessage<T, Params = AnyParameters> {
  readonly value: T;
  readonly #message: Message<Params>;

  /** Made by {@link Typed}. */
  constructor(message: Message<Params>, value: T) {
    this.#message = message;
    this.value = value;
  }

  get topic(): string {
    return this.#message.topic;
  }

  /** See {@link Message.params}. */
  get params(): Params {
    return this.#message.params;
  }

  get payload(): Uint8Array {
    return this.#message.payload;
  }

  get qos(): QoS {
    return this.#message.qos;
  }

  get retain(): boolean {
    return this.#message.retain;
  }

  get duplicate(): boolean {
    return this.#message.duplicate;
  }

  get properties(): Properties {
    return this.#message.properties;
  }

  /** See {@link Message.ack}. */
  ack(): void {
    this.#message.ack();
  }

  /** See {@link Message.reject}. */
  reject(reasonCode: number): void {
    this.#message.reject(reasonCode);
  }
}
