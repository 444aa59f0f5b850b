// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "./errors.js";
import type { Message } from "./message.js";
import type { MessageHandler } from "./subscribe/handler.js";
import type { SubscribeCallbackOptions } from "./subscribe/subscribe-options.js";
import type { CallbackSubscription, SubscriptionEnd } from "./subscribe/subscription.js";

/** Bytes of Correlation Data: too many to guess, so that nobody can answer for somebody else. */
export const CORRELATION_LENGTH = 16;

/** Correlation Data as the key of a map. */
export function correlationKey(data: Uint8Array): string {
  let key = "";
  for (const byte of data) key += HEX[byte];
  return key;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A request until its response. */
export interface PendingRequest {
  /** Its own publish has settled: from then on only the channel, its deadline or its response can settle it. */
  readonly published: boolean;
  answered(message: Message): void;
  failed(error: MqttError): void;
}

type Subscribe = (
  topic: string,
  handler: MessageHandler,
  options: SubscribeCallbackOptions,
) => Promise<CallbackSubscription>;

/** One Response Topic, its subscription, and who waits there. Ends with the subscription. */
export class ResponseChannel {
  /** What the topic was made from. */
  readonly basis: string;
  readonly topic: string;
  /** Resolves when responses can be received; rejects with `not-sent`. */
  readonly opened: Promise<void>;
  ready = false;
  /** Why it has ended, once it has. */
  end: MqttError | undefined;
  readonly #pending = new Map<string, PendingRequest>();
  readonly #ignored: () => void;
  #retired = false;
  #subscription: CallbackSubscription | undefined;

  /** `ignored`: a message that answers nobody. */
  constructor(basis: string, topic: string, subscribe: Subscribe, ignored: () => void) {
    this.basis = basis;
    this.topic = topic;
    this.#ignored = ignored;
    this.opened = this.#open(subscribe);
    this.opened.catch(() => {}); // who waits for it handles it
  }

  has(key: string): boolean {
    return this.#pending.has(key);
  }

  add(key: string, request: PendingRequest): void {
    this.#pending.set(key, request);
  }

  remove(key: string): void {
    this.#pending.delete(key);
    this.#leaveIfDone();
  }

  /** No more requests: it goes when the last one is answered. */
  retire(): void {
    this.#retired = true;
    this.#leaveIfDone();
  }

  async #open(subscribe: Subscribe): Promise<void> {
    try {
      const subscription = await subscribe(this.topic, (message) => this.#receive(message), {
        qos: 1,
        whenOffline: "wait",
      });
      this.#subscription = subscription;
      this.ready = true;
      void subscription.closed.then((end) => this.#ended(end));
      this.#leaveIfDone();
    } catch (error) {
      const { code, message } = error as MqttError;
      this.end = new MqttError(code, `No response could be received: ${message}`, {
        cause: error,
        delivery: "not-sent",
      });
      throw this.end;
    }
  }

  /** Anybody may publish here: only the Correlation Data says whose response it is. */
  #receive(message: Message): void {
    const data = message.properties.correlationData;
    const request = data?.length === CORRELATION_LENGTH ? this.#pending.get(correlationKey(data)) : undefined;
    if (request === undefined) this.#ignored();
    else request.answered(message);
  }

  #ended({ reason, error }: SubscriptionEnd): void {
    this.end = new MqttError(error?.code ?? "CLOSED", `Responses can't be received any more: ${reason}`, {
      cause: error,
      delivery: "unknown",
    });
    for (const request of this.#pending.values()) if (request.published) request.failed(this.end);
  }

  #leaveIfDone(): void {
    if (this.#retired && this.#pending.size === 0) void this.#subscription?.[Symbol.asyncDispose]();
  }
}
