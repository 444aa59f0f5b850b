// SPDX-License-Identifier: Apache-2.0
/// <reference lib="esnext.disposable" preserve="true" />

export {
  PacketType,
  type Properties,
  type QoS,
  ReasonCode,
  type RetainHandling,
  type UserProperty,
} from "@mqttv5/wire";
export type { AuthenticationExchange, Authenticator } from "./auth/authenticator.js";
export { type ScramOptions, scramSha256 } from "./auth/scram.js";
export { type Backoff, constantBackoff, exponentialBackoff } from "./backoff.js";
export { Client } from "./client.js";
export type { ClientState } from "./client-state.js";
export { type Clock, systemClock, type Timer } from "./clock.js";
export { bytes, type Codec, text } from "./codec.js";
export type { Credentials, CredentialsProvider } from "./credentials.js";
export type { DisconnectOptions } from "./disconnect-options.js";
export {
  type Delivery,
  type ErrorCode,
  type FilterResult,
  InvalidArgumentError,
  MqttError,
  ProtocolError,
  ReasonCodeError,
  SubscribeError,
} from "./errors.js";
export type { MessageHandler } from "./subscribe/handler.js";
export type { DropReason, Overflow } from "./subscribe/inbox.js";
export type { Logger } from "./logger.js";
export { MemorySessionStore } from "./memory-store.js";
export type { Message } from "./message.js";
export type { ClientOptions, PublishMode, SessionLossPolicy } from "./options.js";
export type { PublishOptions, PublishResult, WhenOffline, WriteOverflow } from "./publish-options.js";
export type { PoolRouting, PublisherPoolOptions } from "./publisher-pool-options.js";
export type { RefusalContext, RefusalPolicy, RefusalVerdict } from "./refusals.js";
export type { RequestOptions } from "./request.js";
export type { RequestHandler, RespondOptions, Response, ResponseValue } from "./respond.js";
export type { ServerInfo } from "./server-info.js";
export type { ServerRedirect } from "./server-redirect.js";
export type { WaitOptions } from "./signal.js";
export type { Stats } from "./stats.js";
export {
  type CorruptRecord,
  Direction,
  Outcome,
  RecordPhase,
  type SessionKey,
  type SessionMeta,
  type SessionRecord,
  type SessionStore,
  type StoredSession,
} from "./store.js";
export type { SubscribeCallbackOptions, SubscribeOptions } from "./subscribe/subscribe-options.js";
export type {
  CallbackSubscription,
  MessageQueue,
  Subscription,
  SubscriptionEnd,
  SubscriptionState,
} from "./subscribe/subscription.js";
export type { DeliveryOptions, Filters, ParametersOf, TopicFilter } from "./subscribe/topic-filter.js";
export type { AnyParameters, TopicParameters } from "./topic-parameters.js";
export type { Link, LinkReceiver, TlsOptions, Transport, TransportConnectOptions } from "./transport.js";
export type { TypedOptions } from "./typed/decoder.js";
export type { Typed, TypedRequestHandler, TypedRequestOptions, TypedRespondOptions } from "./typed/typed.js";
export type { TypedMessage } from "./typed/typed-message.js";
export type { TypedQueue, TypedSubscription } from "./typed/typed-subscription.js";
export type { WillOptions } from "./will.js";
