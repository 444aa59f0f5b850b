// SPDX-License-Identifier: Apache-2.0
import type { Codec } from "../codec.js";
import { MqttError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { Message } from "../message.js";
import { TypedMessage } from "./typed-message.js";

/** Decodes messages; one that can't be decoded is logged, acked and dropped. */
export class Decoder<T> {
  readonly #codec: Codec<T>;
  readonly #logger: Logger;

  constructor(codec: Codec<T>, logger: Logger) {
    this.#codec = codec;
    this.#logger = logger;
  }

  /** Undefined for a message that was dropped. */
  async decode<Params>(message: Message<Params>): Promise<TypedMessage<T, Params> | undefined> {
    try {
      return new TypedMessage(message, await this.#codec.decode(message.payload));
    } catch (error) {
      return this.#drop(message, error);
    }
  }

  /** The same at once. Throws `DECODE_FAILED`, and leaves the message as it is, if the codec is asynchronous. */
  decodeNow<Params>(message: Message<Params>): TypedMessage<T, Params> | undefined {
    let value: T | Promise<T>;
    try {
      value = this.#codec.decode(message.payload);
    } catch (error) {
      return this.#drop(message, error);
    }
    if (!(value instanceof Promise)) return new TypedMessage(message, value);
    value.catch(() => {});
    throw new MqttError("DECODE_FAILED", "The codec decodes asynchronously: use dequeue instead of tryDequeue");
  }

  #drop(message: Message<unknown>, error: unknown): undefined {
    this.#logger.warn?.(`Dropped a message on ${message.topic} that could not be decoded`, error);
    message.ack();
  }
}
