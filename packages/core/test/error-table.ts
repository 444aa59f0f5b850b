// SPDX-License-Identifier: Apache-2.0
// Every code of an `MqttError`: the one list of when it comes and what may be done about it. `docs/errors.md` is made from it.
import type { Delivery, ErrorCode } from "../src/index.js";

export type ErrorType =
  | "GroupError"
  | "MqttError"
  | "InvalidArgumentError"
  | "ProtocolError"
  | "ReasonCodeError"
  | "SubscribeError";

/** What one code means. */
export interface ErrorRow {
  readonly when: string;
  /** What `delivery` may say. `none`: it is undefined, as nothing of the caller's was to be delivered. */
  readonly delivery: readonly (Delivery | "none")[];
  /** Whether the same call may succeed later, and what has to happen first. */
  readonly retry: string;
  /** The class, where it is not `MqttError` itself; several where it depends on who refuses. */
  readonly types?: readonly ErrorType[];
}

const BY_THE_CLIENT = "the client goes on by itself";
const FIX = "no: the argument has to change";
const OTHER_BROKER = "no, on this broker";

/** In the order of the alphabet. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  ABORTED: {
    when: "`signal` aborted; its reason is the `cause`, `name` is `AbortError`",
    delivery: ["not-sent", "unknown", "none"],
    retry: "yes, if the caller still wants it",
  },
  ALREADY_CONNECTED: {
    when: "`connect` while the client is connected or about to be",
    delivery: ["none"],
    retry: "no: use `connected`, or `disconnect` first",
  },
  AUTHENTICATION_FAILED: {
    when: "the authenticator threw, gave no usable answer or does not believe the broker; or the broker did not conclude after 32 challenges",
    delivery: ["not-sent", "none"],
    retry: "with other credentials",
  },
  CLOSED: {
    when: "`disconnect` or dispose, the end of the client while the call waited, or a call after it; the `cause` says why, if the client failed",
    delivery: ["not-sent", "unknown", "none"],
    retry: "after another `connect`; never after dispose",
  },
  CONNECTION_LOST: {
    when: "the link ended without a DISCONNECT; the `cause` is the link's error",
    delivery: ["unknown", "none"],
    retry: BY_THE_CLIENT,
  },
  CONNECT_FAILED: {
    when: "the broker could not be dialled: name, port, network, TLS; the `cause` is the transport's error",
    delivery: ["none"],
    retry: "yes; `retryInitialConnect` does it",
  },
  CONNECT_REFUSED: {
    when: "CONNACK with a Reason Code of 0x80 or above (section 3.2.2.2)",
    delivery: ["refused"],
    retry: "as the table of refusals in the README of core says",
    types: ["ReasonCodeError"],
  },
  CONNECT_TIMEOUT: {
    when: "no CONNACK within `connectTimeout`",
    delivery: ["none"],
    retry: "yes; `retryInitialConnect` does it",
  },
  CREDENTIALS_FAILED: {
    when: "`credentials` threw, rejected or gave something unusable; the `cause` says what",
    delivery: ["none"],
    retry: "when the provider works again",
  },
  DECODE_FAILED: {
    when: "`message.text()`, `message.json()` or a codec can't read a payload; `typed.request` can't read the response",
    delivery: ["none"],
    retry: "no",
  },
  EMPTY_FILTER_LIST: {
    when: "a subscribe call without a filter",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  ENCODE_FAILED: {
    when: "the codec can't write the value; the `cause` is the codec's error",
    delivery: ["not-sent"],
    retry: FIX,
  },
  FIELD_TOO_LONG: {
    when: "a text or binary field of more than 65,535 bytes (sections 1.5.4 and 1.5.6)",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  GROUP_FAILED: {
    when: "a call of `@mqttv5/group` to which too few members agreed, for reasons that differ; `results` has each of them",
    delivery: ["not-sent", "unknown", "refused", "none"],
    retry: "depends on the codes in `results`",
    types: ["GroupError"],
  },
  INVALID_BROKER_URL: {
    when: "a broker's address that is no URL, has an unknown scheme or names no host; `field` has its index",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  INVALID_FIELD: {
    when: "any other option or argument of the wrong type or outside its limits",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  INVALID_QOS: {
    when: "a QoS other than 0, 1 and 2",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  INVALID_SESSION_EXPIRY: {
    when: "`disconnect` with a session expiry above 0 on a session that had 0 [MQTT-3.14.2-1]; the client stays connected",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  INVALID_TOPIC: {
    when: "a Topic Name or Topic Filter that the standard forbids (section 4.7)",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  KEEP_ALIVE_TIMEOUT: {
    when: "nothing came within `pingTimeout` after a PINGREQ",
    delivery: ["none"],
    retry: BY_THE_CLIENT,
  },
  MESSAGE_EXPIRED: {
    when: "`messageExpiryInterval` passed while the message waited here",
    delivery: ["not-sent", "unknown"],
    retry: "if it is still of use to anybody",
  },
  MISSING_BROKER: {
    when: "neither `broker` nor a URL in `brokers`",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  NOT_AUTHORIZED: {
    when: "a publish that was answered with 0x87",
    delivery: ["refused"],
    retry: "with other credentials or rights",
    types: ["ReasonCodeError"],
  },
  NOT_CONNECTED: {
    when: 'there is no connection, and the call does not wait for one (`whenOffline: "wait"`); or a re-authentication whose connection ended',
    delivery: ["not-sent", "unknown"],
    retry: "after `client.connected()`",
  },
  NO_AUTHENTICATOR: {
    when: "`reauthenticate` of a client without `authenticator`",
    delivery: ["not-sent"],
    retry: FIX,
  },
  NO_MATCHING_SUBSCRIBERS: {
    when: "the broker said (0x10) that nobody is there to answer a request",
    delivery: ["refused"],
    retry: "yes, later: the responder may come back",
  },
  PACKET_IDS_EXHAUSTED: {
    when: "`signal` or `timeout` ended a call that waited because all 65,535 Packet Identifiers are in use; the `cause` is the signal's reason or `TIMEOUT`",
    delivery: ["not-sent"],
    retry: "yes, when the broker has acknowledged others",
  },
  PACKET_ID_REQUIRED: {
    when: "a packet of this client's has no Packet Identifier: a bug of ours, please report it",
    delivery: ["not-sent"],
    retry: "no",
    types: ["InvalidArgumentError"],
  },
  PACKET_TOO_LARGE: {
    when: "the packet is larger than the broker's Maximum Packet Size, or was answered with 0x95",
    delivery: ["not-sent", "unknown", "refused", "none"],
    retry: OTHER_BROKER,
    types: ["MqttError", "InvalidArgumentError", "ReasonCodeError"],
  },
  PAYLOAD_FORMAT_INVALID: {
    when: "a publish that was answered with 0x99: the payload is not the UTF-8 it says it is",
    delivery: ["refused"],
    retry: FIX,
    types: ["ReasonCodeError"],
  },
  PROTOCOL_ERROR: {
    when: "the broker broke the protocol (section 4.13); the connection was closed with the error's `reasonCode`",
    delivery: ["none"],
    retry: BY_THE_CLIENT,
    types: ["ProtocolError"],
  },
  QOS_NOT_SUPPORTED: {
    when: "the QoS is above the broker's Maximum QoS, or was answered with 0x9B; see `qosDowngrade`",
    delivery: ["not-sent", "unknown", "refused"],
    retry: OTHER_BROKER,
    types: ["MqttError", "InvalidArgumentError", "ReasonCodeError"],
  },
  QUOTA_EXCEEDED: {
    when: "a publish that was answered with 0x97",
    delivery: ["refused"],
    retry: "yes, later",
    types: ["ReasonCodeError"],
  },
  REAUTH_IN_PROGRESS: {
    when: "`reauthenticate` while the broker has not concluded the one before",
    delivery: ["not-sent"],
    retry: "when that one is over",
  },
  REAUTH_REJECTED: {
    when: "the broker answered a re-authentication with a DISCONNECT; the `cause` is `SERVER_DISCONNECTED`",
    delivery: ["refused"],
    retry: "with other credentials; the client connects again by itself",
    types: ["ReasonCodeError"],
  },
  REFUSED: {
    when: "a publish that was answered with another Reason Code of 0x80 or above",
    delivery: ["refused"],
    retry: "depends on `reasonCode`",
    types: ["ReasonCodeError"],
  },
  REJECTED_BY_DISCONNECT: {
    when: "a subscribe or unsubscribe to which the broker answered three times with a DISCONNECT that blames the client",
    delivery: ["refused"],
    retry: FIX,
    types: ["ReasonCodeError"],
  },
  RETAIN_NOT_SUPPORTED: {
    when: "`retain` on a broker without retained messages, or answered with 0x9A",
    delivery: ["not-sent", "unknown", "refused"],
    retry: OTHER_BROKER,
    types: ["MqttError", "InvalidArgumentError", "ReasonCodeError"],
  },
  SERVER_DISCONNECTED: {
    when: "the broker sent a DISCONNECT; `reasonCode` and `reasonString` say why",
    delivery: ["none"],
    retry: BY_THE_CLIENT,
    types: ["ReasonCodeError"],
  },
  SESSION_LOST: {
    when: '`sessionLossPolicy: "fail"`, or `cleanStart: true`: the session went, and with it what became of the message',
    delivery: ["not-sent", "unknown"],
    retry: "yes, if a duplicate does no harm",
  },
  SHARED_SUBS_UNSUPPORTED: {
    when: "`$share/…` on a broker without shared subscriptions; nothing is sent",
    delivery: ["not-sent"],
    retry: OTHER_BROKER,
    types: ["InvalidArgumentError"],
  },
  STORE_FAILED: {
    when: "the session store failed; its error is the `cause`",
    delivery: ["not-sent", "unknown", "none"],
    retry: "when the store works again",
  },
  SUBSCRIBE_REFUSED: {
    when: "the broker granted no filter, or, with `strict`, not all; `results` has every code",
    delivery: ["refused"],
    retry: "depends on the codes",
    types: ["SubscribeError"],
  },
  SUBSCRIPTION_CONFLICT: {
    when: "another subscription of this client holds the filter with other `noLocal` or `retainAsPublished`",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  TIMEOUT: {
    when: "`timeout` passed; `name` is `TimeoutError`",
    delivery: ["not-sent", "unknown", "none"],
    retry: "yes; at QoS 1/2 a message with `unknown` may still be delivered",
  },
  TOPIC_ALIAS_INVALID: {
    when: "a `topicAlias` of 0 or above what the broker takes, or one that stands for no topic",
    delivery: ["not-sent"],
    retry: FIX,
    types: ["InvalidArgumentError"],
  },
  TOPIC_NAME_INVALID: {
    when: "a publish that was answered with 0x90",
    delivery: ["refused"],
    retry: FIX,
    types: ["ReasonCodeError"],
  },
  UNSUBSCRIBE_REFUSED: {
    when: "UNSUBACK with a Reason Code of 0x80 or above; the subscription has ended here all the same",
    delivery: ["refused"],
    retry: "no",
    types: ["SubscribeError"],
  },
  WILDCARD_SUBS_UNSUPPORTED: {
    when: "`+` or `#` on a broker without wildcard subscriptions; nothing is sent",
    delivery: ["not-sent"],
    retry: OTHER_BROKER,
    types: ["InvalidArgumentError"],
  },
  WRITE_QUEUE_FULL: {
    when: "not connected, and what waits for a connection would pass `maximumPendingBytes`",
    delivery: ["not-sent"],
    retry: "yes, when some of it was sent",
  },
};
