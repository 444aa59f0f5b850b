// SPDX-License-Identifier: Apache-2.0
import { having } from "../check.js";
import type { Codec } from "../codec.js";
import { MqttError } from "../errors.js";
import type { Message } from "../message.js";
import type { PublishOptions, PublishResult } from "../publish-options.js";
import type { RequestOptions } from "../request.js";
import type { RequestHandler, RespondOptions, Response } from "../respond.js";
import type { SubscribeCallbackOptions, SubscribeOptions } from "../subscribe/subscribe-options.js";
import type { CallbackSubscription, MessageQueue, Subscription } from "../subscribe/subscription.js";
import type { Filters, ParametersOf } from "../subscribe/topic-filter.js";
import { Decoder, type DecoderPort, type TypedOptions } from "./decoder.js";
import { TypedMessage } from "./typed-message.js";
import { TypedQueue, TypedSubscription } from "./typed-subscription.js";

/** What {@link Typed} needs of a client. */
export interface TypedClient {
  publish(topic: string, payload?: Uint8Array | string, options?: PublishOptions): Promise<PublishResult>;
  request(topic: string, payload?: Uint8Array | string, options?: RequestOptions): Promise<Message>;
  respond(filters: Filters, handler: RequestHandler, options?: RespondOptions): Promise<CallbackSubscription>;
  subscribe(filters: Filters, options?: SubscribeOptions): Promise<Subscription>;
  subscribeQueue(filters: Filters, options?: SubscribeOptions): Promise<MessageQueue>;
  subscribeCallback(
    filters: Filters,
    handler: (message: Message) => void | PromiseLike<void>,
    options?: SubscribeCallbackOptions,
  ): Promise<CallbackSubscription>;
}

/** A client over values: the same calls, with a {@link Codec} between values and payloads. */
export class Typed<T> {
  readonly #client: TypedClient;
  readonly #codec: Codec<T>;
  readonly #decoder: Decoder<T>;

  /** Made by {@link Client.typed}. */
  constructor(client: TypedClient, codec: Codec<T>, options: TypedOptions, port: DecoderPort) {
    // By its shape, as a codec is often made elsewhere; and `json` is not `json()`.
    having("codec", codec ?? null, "encode", "decode");
    this.#client = client;
    this.#codec = codec;
    this.#decoder = new Decoder(codec, options, port);
  }

  /** See {@link Client.publish}. A value that can't be encoded rejects with `ENCODE_FAILED`, and nothing is sent. */
  publish(topic: string, value: T, options: PublishOptions = {}): Promise<PublishResult> {
    try {
      return this.#client.publish(topic, encodeWith(this.#codec, value), withContentType(this.#codec, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * See {@link Client.request}. The response is decoded by `responseCodec`, or by the codec of the request; one that can't
   * be decoded rejects with `DECODE_FAILED`.
   */
  request(topic: string, value: T, options?: RequestOptions): Promise<TypedMessage<T>>;
  request<R>(topic: string, value: T, options: TypedRequestOptions<R>): Promise<TypedMessage<R>>;
  async request(
    topic: string,
    value: T,
    options: Partial<TypedRequestOptions<unknown>> = {},
  ): Promise<TypedMessage<unknown>> {
    const { responseCodec = this.#codec, ...rest } = options;
    const payload = encodeWith(this.#codec, value);
    const response = await this.#client.request(topic, payload, withContentType(this.#codec, rest));
    try {
      return new TypedMessage(response, await responseCodec.decode(response.payload));
    } catch (error) {
      throw new MqttError("DECODE_FAILED", `The response to ${topic} could not be decoded`, { cause: error });
    }
  }

  /**
   * See {@link Client.respond}. What the handler returns is encoded by `responseCodec`, or by the codec of the requests;
   * undefined is no response. A request that can't be decoded gets none.
   */
  respond(
    filters: Filters,
    handler: TypedRequestHandler<T, T>,
    options?: RespondOptions,
  ): Promise<CallbackSubscription>;
  respond<R>(
    filters: Filters,
    handler: TypedRequestHandler<T, R>,
    options: TypedRespondOptions<R>,
  ): Promise<CallbackSubscription>;
  respond(
    filters: Filters,
    handler: TypedRequestHandler<T, unknown>,
    options: Partial<TypedRespondOptions<unknown>> = {},
  ): Promise<CallbackSubscription> {
    const { responseCodec = this.#codec, ...rest } = options;
    const answer = async (message: Message): Promise<Response | undefined> => {
      const request = await this.#decoder.decode(message);
      const value = request === undefined ? undefined : await handler(request);
      if (value === undefined) return undefined;
      const response: Response = { payload: encodeWith(responseCodec, value) };
      return withContentType(responseCodec, response);
    };
    return this.#client.respond(filters, answer, rest);
  }

  /** See {@link Client.subscribe}. */
  async subscribe<const F extends Filters>(
    filters: F,
    options?: SubscribeOptions,
  ): Promise<TypedSubscription<T, ParametersOf<F>>> {
    const messages = await this.#client.subscribe(filters, options);
    return new TypedSubscription(messages as Subscription<ParametersOf<F>>, this.#decoder);
  }

  /** See {@link Client.subscribeQueue}. */
  async subscribeQueue<const F extends Filters>(
    filters: F,
    options?: SubscribeOptions,
  ): Promise<TypedQueue<T, ParametersOf<F>>> {
    const messages = await this.#client.subscribeQueue(filters, options);
    return new TypedQueue(messages as MessageQueue<ParametersOf<F>>, this.#decoder);
  }

  /** See {@link Client.subscribeCallback}. */
  subscribeCallback<const F extends Filters>(
    filters: F,
    handler: (message: TypedMessage<T, ParametersOf<F>>) => void | PromiseLike<void>,
    options?: SubscribeCallbackOptions,
  ): Promise<CallbackSubscription> {
    return this.#client.subscribeCallback(
      filters,
      async (message) => {
        const typed = await this.#decoder.decode(message as Message<ParametersOf<F>>);
        if (typed !== undefined) await handler(typed);
      },
      { ...options, zeroCopy: false }, // the handler runs later
    );
  }
}

/** Another codec for responses, where they are of another type. */
interface ResponseCodec<R> {
  readonly responseCodec: Codec<R>;
}

/** How to ask for a value of another type. */
export type TypedRequestOptions<R> = RequestOptions & ResponseCodec<R>;
/** How to answer with a value of another type. */
export type TypedRespondOptions<R> = RespondOptions & ResponseCodec<R>;
/** Answers one request with a value, or with undefined where no response is due. */
export type TypedRequestHandler<T, R> = (
  request: TypedMessage<T>,
) => R | undefined | void | PromiseLike<R | undefined | void>;

function encodeWith<T>(codec: Codec<T>, value: T): Uint8Array {
  try {
    return codec.encode(value);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new MqttError("ENCODE_FAILED", `The value could not be encoded: ${text}`, {
      cause: error,
      delivery: "not-sent",
    });
  }
}

/** The codec's Content Type, unless the caller gave one. */
function withContentType<O extends { readonly contentType?: string | undefined }>(
  codec: { readonly contentType?: string | undefined },
  options: O,
): O {
  const contentType = options.contentType ?? codec.contentType;
  return contentType === undefined ? options : { ...options, contentType };
}
