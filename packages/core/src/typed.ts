// SPDX-License-Identifier: Apache-2.0
import type { Properties, QoS } from "@mqttv5/wire";
import type { Codec } from "./codec.js";
import { type FilterResult, MqttError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { Message } from "./message.js";
import type { AnyParameters } from "./topic-parameters.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import type { RequestOptions } from "./request.js";
import type { RequestHandler, RespondOptions, Response } from "./respond.js";
import type { WaitOptions } from "./signal.js";
import { readableOf } from "./subscribe/readable.js";
import type { SubscribeCallbackOptions, SubscribeOptions } from "./subscribe/subscribe-options.js";
import type {
  CallbackSubscription,
  MessageQueue,
  Subscription,
  SubscriptionEnd,
  SubscriptionState,
} from "./subscribe/subscription.js";
import type { Filters, ParametersOf } from "./subscribe/topic-filter.js";

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

/** Decodes messages; one that can't be decoded is logged, acked and dropped. */
class Decoder<T> {
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

/** A client over values: the same calls, with a {@link Codec} between values and payloads. */
export class Typed<T> {
  readonly #client: TypedClient;
  readonly #codec: Codec<T>;
  readonly #decoder: Decoder<T>;

  /** Made by {@link Client.typed}. */
  constructor(client: TypedClient, codec: Codec<T>, logger: Logger) {
    this.#client = client;
    this.#codec = codec;
    this.#decoder = new Decoder(codec, logger);
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
   * undefined is no response. A request that can't be decoded is logged, acked and dropped.
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

abstract class TypedConsumer implements SubscriptionState {
  readonly #inner: SubscriptionState & {
    unsubscribe(options?: WaitOptions): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
  };

  constructor(inner: Subscription<unknown> | MessageQueue<unknown>) {
    this.#inner = inner;
  }

  get granted(): readonly FilterResult[] {
    return this.#inner.granted;
  }

  get refused(): readonly FilterResult[] {
    return this.#inner.refused;
  }

  get closed(): Promise<SubscriptionEnd> {
    return this.#inner.closed;
  }

  /** See {@link Subscription.unsubscribe}. */
  unsubscribe(options?: WaitOptions): Promise<void> {
    return this.#inner.unsubscribe(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}

/** A {@link Subscription} over values. */
export class TypedSubscription<T, Params = AnyParameters>
  extends TypedConsumer
  implements AsyncIterable<TypedMessage<T, Params>>
{
  readonly #messages: Subscription<Params>;
  #readable: ReadableStream<TypedMessage<T, Params>> | undefined;
  readonly #decoder: Decoder<T>;

  /** Made by {@link Typed.subscribe}. */
  constructor(messages: Subscription<Params>, decoder: Decoder<T>) {
    super(messages);
    this.#messages = messages;
    this.#decoder = decoder;
  }

  /** Messages received and not yet handed out. */
  get pending(): number {
    return this.#messages.pending;
  }

  /** See {@link Subscription.readable}. */
  get readable(): ReadableStream<TypedMessage<T, Params>> {
    if (this.#readable === undefined) {
      const messages = this[Symbol.asyncIterator]();
      const next = async (): Promise<TypedMessage<T, Params> | undefined> => (await messages.next()).value;
      this.#readable = readableOf(next, () => void messages.return?.());
    }
    return this.#readable;
  }

  [Symbol.asyncIterator](): AsyncIterator<TypedMessage<T, Params>, undefined> {
    const messages = this.#messages[Symbol.asyncIterator]();
    const decoder = this.#decoder;
    return {
      async next() {
        for (;;) {
          const { done, value } = await messages.next();
          if (done === true) return { done: true, value: undefined };
          const typed = await decoder.decode(value);
          if (typed !== undefined) return { done: false, value: typed };
        }
      },
      // Not a generator: its `return` would wait for a `next` under way, which may never come.
      async return() {
        await messages.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}

/** A {@link MessageQueue} over values. */
export class TypedQueue<T, Params = AnyParameters> extends TypedConsumer {
  readonly #messages: MessageQueue<Params>;
  readonly #decoder: Decoder<T>;
  /** Taken, and found not to be decoded at once: the next to be handed out. */
  #first: Message<Params> | undefined;

  /** Made by {@link Typed.subscribeQueue}. */
  constructor(messages: MessageQueue<Params>, decoder: Decoder<T>) {
    super(messages);
    this.#messages = messages;
    this.#decoder = decoder;
  }

  get size(): number {
    return this.#messages.size + (this.#first === undefined ? 0 : 1);
  }

  /** See {@link MessageQueue.dequeue}. */
  async dequeue(options?: WaitOptions): Promise<TypedMessage<T, Params> | undefined> {
    for (;;) {
      const message = this.#takeFirst() ?? (await this.#messages.dequeue(options));
      if (message === undefined) return undefined;
      const typed = await this.#decoder.decode(message);
      if (typed !== undefined) return typed;
    }
  }

  /** See {@link MessageQueue.tryDequeue}. Throws `DECODE_FAILED`, and takes nothing, if the codec decodes asynchronously. */
  tryDequeue(): TypedMessage<T, Params> | undefined {
    for (;;) {
      this.#first ??= this.#messages.tryDequeue();
      if (this.#first === undefined) return undefined;
      const typed = this.#decoder.decodeNow(this.#first);
      this.#first = undefined;
      if (typed !== undefined) return typed;
    }
  }

  #takeFirst(): Message<Params> | undefined {
    const first = this.#first;
    this.#first = undefined;
    return first;
  }
}
