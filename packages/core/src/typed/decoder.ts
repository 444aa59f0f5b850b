// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from "@mqttv5/wire";
import { callable, oneOf } from "../check.js";
import type { Clock } from "../clock.js";
import type { Codec } from "../codec.js";
import { MqttError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { Message } from "../message.js";
import { countDrop, type Stats } from "../stats.js";
import { TypedMessage } from "./typed-message.js";

/** What becomes of messages with a payload that the codec can't decode. They are logged, counted and dropped in any case. */
export interface TypedOptions {
  /**
   * How they are answered at QoS 1 and 2. `"ack"` (default): as if they had been handled. `"reject"`: with 0x99, Payload
   * format invalid (section 3.4.2.1), which the broker may log or act on. It sends neither again.
   */
  readonly undecodable?: "ack" | "reject" | undefined;
  /**
   * Is told of each, with the error of the codec, before it is answered; it may answer it otherwise itself. If it returns a promise,
   * the answer and the consumer's next message wait for that, so that the message can be published elsewhere
   * first. What it throws or rejects with is logged. Not for the response to a `request`, which rejects.
   */
  readonly onDecodeError?: ((message: Message, error: unknown) => void | PromiseLike<void>) | undefined;
}

/** What a {@link Decoder} needs of its client. */
export interface DecoderPort {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: Stats;
}

/** Milliseconds between two lines of the log: who sends garbage may send a lot of it. */
const LOG_INTERVAL = 1000;

/** Decodes messages; one that can't be decoded never reaches the consumer. Lives as long as its {@link Typed}. */
export class Decoder<T> {
  readonly #codec: Codec<T>;
  readonly #port: DecoderPort;
  readonly #reject: boolean;
  readonly #onDecodeError: TypedOptions["onDecodeError"];
  #loggedAt = -Infinity;
  /** Since then. */
  #unlogged = 0;

  constructor(codec: Codec<T>, options: TypedOptions, port: DecoderPort) {
    this.#codec = codec;
    this.#port = port;
    this.#reject = oneOf("undecodable", options.undecodable ?? "ack", ["ack", "reject"]) === "reject";
    this.#onDecodeError = callable("onDecodeError", options.onDecodeError);
  }

  /** Undefined for a message that was dropped. */
  async decode<Params>(message: Message<Params>): Promise<TypedMessage<T, Params> | undefined> {
    try {
      return new TypedMessage(message, await this.#codec.decode(message.payload));
    } catch (error) {
      await this.#drop(message as Message, error);
      return undefined;
    }
  }

  /** The same at once. Throws `DECODE_FAILED`, and leaves the message as it is, if the codec is asynchronous. */
  decodeNow<Params>(message: Message<Params>): TypedMessage<T, Params> | undefined {
    let value: T | Promise<T>;
    try {
      value = this.#codec.decode(message.payload);
    } catch (error) {
      void this.#drop(message as Message, error);
      return undefined;
    }
    if (!(value instanceof Promise)) return new TypedMessage(message, value);
    value.catch(() => {});
    throw new MqttError("DECODE_FAILED", "The codec decodes asynchronously: use dequeue instead of tryDequeue");
  }

  /** Never throws nor rejects. Without a hook that takes its time, all is done when it returns. */
  #drop(message: Message, error: unknown): Promise<void> | undefined {
    countDrop(this.#port.stats, "undecodable");
    this.#log(message, error);
    try {
      const told = this.#onDecodeError?.(message, error);
      if (told !== undefined) return this.#settleAfter(told, message);
    } catch (failure) {
      this.#hookFailed(failure);
    }
    this.#settle(message);
    return undefined;
  }

  async #settleAfter(told: PromiseLike<void>, message: Message): Promise<void> {
    try {
      await told;
    } catch (failure) {
      this.#hookFailed(failure);
    }
    this.#settle(message);
  }

  #settle(message: Message): void {
    if (this.#reject) message.reject(ReasonCode.PayloadFormatInvalid);
    else message.ack();
  }

  #hookFailed(failure: unknown): void {
    this.#port.logger.error?.("onDecodeError failed", failure);
  }

  #log(message: Message, error: unknown): void {
    const now = this.#port.clock.now();
    if (now - this.#loggedAt < LOG_INTERVAL) {
      this.#unlogged++;
      return;
    }
    const more = this.#unlogged === 0 ? "" : `, as ${this.#unlogged} others since the last such line`;
    this.#loggedAt = now;
    this.#unlogged = 0;
    this.#port.logger.warn?.(`A message on ${message.topic} could not be decoded and was dropped${more}`, error);
  }
}
