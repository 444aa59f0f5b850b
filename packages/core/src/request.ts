// SPDX-License-Identifier: Apache-2.0
import { topicNameProblem } from "@mqttv5/wire";
import { waiting } from "./check.js";
import type { Clock } from "./clock.js";
import { MqttError } from "./errors.js";
import type { Message } from "./message.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import { CORRELATION_LENGTH, correlationKey, ResponseChannel } from "./response-channel.js";
import type { ServerInfo } from "./server-info.js";
import { abortError, deadline, remaining, type WaitOptions, within } from "./signal.js";
import type { Stats } from "./stats.js";
import type { MessageHandler } from "./subscribe/handler.js";
import type { SubscribeCallbackOptions } from "./subscribe/subscribe-options.js";
import type { CallbackSubscription } from "./subscribe/subscription.js";

/** How to ask. Response Topic and Correlation Data are the client's. */
export interface RequestOptions extends Omit<PublishOptions, "responseTopic" | "correlationData" | "topicAlias"> {
  /** Milliseconds to wait for the response. Default 30,000: nobody says that a responder is gone. */
  readonly timeout?: number | undefined;
}

/** What requests ask of the client. */
export interface RequesterPort {
  readonly clock: Clock;
  readonly stats: Stats;
  /** The configured basis of Response Topics. */
  readonly responseTopic: string | undefined;
  clientId(): string;
  serverInfo(): ServerInfo | undefined;
  /** Resolves when there is a connection; rejects with `not-sent`. */
  connected(options: WaitOptions): Promise<ServerInfo>;
  mayWait(options: RequestOptions): boolean;
  publish(topic: string, payload: Uint8Array | string, options: PublishOptions): Promise<PublishResult>;
  subscribe(topic: string, handler: MessageHandler, options: SubscribeCallbackOptions): Promise<CallbackSubscription>;
  /** So many more answers, or fewer, are awaited: they have to be read, however much is buffered. */
  await(more: 1 | -1): void;
  warn(text: string): void;
}

/** Milliseconds. */
const DEFAULT_TIMEOUT = 30_000;
/** Section 3.4.2.1: accepted, but nobody has it. */
const NO_MATCHING_SUBSCRIBERS = 0x10;

/**
 * Requests of one client (section 4.10): a Response Topic of its own, made at the first one, and who waits for which
 * Correlation Data. Lives as long as the client.
 */
export class Requester {
  readonly #port: RequesterPort;
  #channel: ResponseChannel | undefined;

  constructor(port: RequesterPort) {
    this.#port = port;
  }

  async request(topic: string, payload: Uint8Array | string, options: RequestOptions): Promise<Message> {
    const { clock } = this.#port;
    const since = clock.now();
    const { signal, timeout = DEFAULT_TIMEOUT } = waiting(options);
    const bounds: WaitOptions = { signal, timeout };
    if (signal?.aborted === true) throw abortError(signal, "not-sent");
    const info = this.#port.serverInfo() ?? (await this.#connection(options, bounds));
    const channel = this.#channelFor(info);
    if (!channel.ready) await within(clock, remaining(clock, bounds, since), channel.opened, "not-sent");
    return this.#ask(channel, topic, payload, options, bounds, since);
  }

  // Inside

  #connection(options: RequestOptions, bounds: WaitOptions): Promise<ServerInfo> {
    if (this.#port.mayWait(options)) return this.#port.connected(bounds);
    throw new MqttError("NOT_CONNECTED", "There is no connection to ask on", { delivery: "not-sent" });
  }

  #ask(
    channel: ResponseChannel,
    topic: string,
    payload: Uint8Array | string,
    options: RequestOptions,
    bounds: WaitOptions,
    since: number,
  ): Promise<Message> {
    const { clock } = this.#port;
    const correlationData = clock.randomBytes(CORRELATION_LENGTH);
    const key = correlationKey(correlationData);
    return new Promise((resolve, reject) => {
      let callOff: (() => void) | undefined;
      const done = (): void => {
        callOff?.();
        channel.remove(key);
        this.#port.await(-1);
      };
      const pending = {
        published: false,
        answered: (message: Message): void => {
          done();
          resolve(message);
        },
        failed: (error: unknown): void => {
          done();
          reject(error);
        },
      };
      channel.add(key, pending);
      this.#port.await(1);
      const sent = this.#port.publish(topic, payload, {
        ...options,
        ...remaining(clock, bounds, since),
        responseTopic: channel.topic,
        correlationData,
      });
      sent.then(
        ({ reasonCode }) => {
          if (!channel.has(key)) return; // a response may overtake the acknowledgement
          if (reasonCode === NO_MATCHING_SUBSCRIBERS) {
            pending.failed(nobody(topic));
          } else if (channel.end !== undefined) {
            pending.failed(channel.end);
          } else {
            pending.published = true;
            callOff = deadline(clock, remaining(clock, bounds, since), (stopped) => pending.failed(stopped("unknown")));
          }
        },
        (error: unknown) => {
          if (channel.has(key)) pending.failed(error);
        },
      );
    });
  }

  /** The channel for this broker: another one where its Response Information is another. */
  #channelFor(info: ServerInfo): ResponseChannel {
    const basis = this.#basis(info);
    const current = this.#channel;
    if (current !== undefined && current.end === undefined && current.basis === basis) return current;
    current?.retire();
    const port = this.#port;
    const random = correlationKey(port.clock.randomBytes(8));
    const topic = `${basis}${basis.endsWith("/") ? "" : "/"}${random}`;
    this.#channel = new ResponseChannel(
      basis,
      topic,
      (...call) => port.subscribe(...call),
      () => port.stats.responsesIgnored++,
    );
    return this.#channel;
  }

  /** Configured, or the broker's Response Information (section 3.2.2.3.15), or made of the Client Identifier. */
  #basis(info: ServerInfo): string {
    const { responseTopic } = this.#port;
    if (responseTopic !== undefined) return responseTopic;
    const { responseInformation } = info;
    if (responseInformation !== undefined && responseInformation !== "") {
      const problem = topicNameProblem(responseInformation);
      if (problem === undefined) return responseInformation;
      this.#port.warn(`The broker's Response Information is no basis for a topic: ${problem}`);
    }
    return `responses/${this.#port.clientId().replaceAll(/[+#]/g, "_")}`;
  }
}

function nobody(topic: string): MqttError {
  const text = `Nobody is subscribed to ${topic}: the broker said No matching subscribers (0x10)`;
  return new MqttError("NO_MATCHING_SUBSCRIBERS", text, { delivery: "refused" });
}
