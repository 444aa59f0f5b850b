// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "./logger.js";
import type { Message } from "./message.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import type { MessageHandler } from "./subscribe/handler.js";
import type { SubscribeCallbackOptions } from "./subscribe/subscribe-options.js";

/** A response with properties of its own. Its topic and Correlation Data are the request's. */
export interface Response extends Omit<PublishOptions, "responseTopic" | "correlationData" | "topicAlias"> {
  /** Default: empty. */
  readonly payload?: Uint8Array | string | undefined;
}

/** What a request handler returns: the response, or nothing where none is due. */
export type ResponseValue = Uint8Array | string | Response | undefined | void;

/** Answers one request. If it throws or rejects, the request is refused with 0x80, and no response is sent. */
export type RequestHandler = (request: Message) => ResponseValue | PromiseLike<ResponseValue>;

/** How to answer requests. */
export interface RespondOptions extends SubscribeCallbackOptions {
  /** Handler calls that may be unfinished at the same time. Default 16: requests seldom depend on each other. */
  readonly concurrency?: number | undefined;
}

/** By default, see {@link RespondOptions}. */
export const RESPONSES_AT_A_TIME = 16;

type Publish = (topic: string, payload: Uint8Array | string, options: PublishOptions) => Promise<PublishResult>;

/**
 * The message handler that answers: what `handler` returns goes to the Response Topic with the Correlation Data, and
 * without a Response Topic of its own (section 4.10). The request is acked when the response has left for good.
 */
export function responder(handler: RequestHandler, publish: Publish, logger: Logger): MessageHandler {
  return async (request) => {
    const value = await handler(request);
    const topic = request.properties.responseTopic;
    if (value === undefined || topic === undefined) return; // without a Response Topic it was no request
    const { payload = "", ...options } =
      typeof value === "string" || value instanceof Uint8Array ? { payload: value } : value;
    const { correlationData } = request.properties;
    try {
      await publish(topic, payload, {
        qos: request.qos,
        whenOffline: "wait",
        ...options,
        responseTopic: undefined,
        topicAlias: undefined,
        correlationData,
      });
    } catch (error) {
      // The request was handled: refusing it now would say otherwise.
      logger.error?.(`The response to a request on ${request.topic} was not delivered`, error);
    }
  };
}
