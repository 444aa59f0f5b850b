// SPDX-License-Identifier: Apache-2.0
import { PacketType, type PublishPacket, type PublishProperties, type QoS, type UserProperty } from "@mqttv5/wire";
import { asBytes, asText, flag, oneOf, qos, waiting } from "./check.js";
import { InvalidArgumentError } from "./errors.js";

/** What a call does while there is no connection: reject with `NOT_CONNECTED`, or wait for one. */
export type WhenOffline = "reject" | "wait";

/** What a QoS 0 publish does for which there is no room: wait, or reject with `WRITE_QUEUE_FULL`. */
export type WriteOverflow = "wait" | "drop-newest";

/** How to publish. */
export interface PublishOptions {
  /** 0 at most once (default), 1 at least once, 2 exactly once (section 4.3). */
  readonly qos?: QoS | undefined;
  /** The broker keeps the message for later subscribers (section 3.3.1.3). Default false. */
  readonly retain?: boolean | undefined;
  /** 1 says that the payload is UTF-8 text (section 3.3.2.3.2). */
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  /** Seconds after which nobody wants the message any more; the time it waits here counts (section 3.3.2.3.3). */
  readonly messageExpiryInterval?: number | undefined;
  /** What the payload is, such as `application/json` (section 3.3.2.3.9). */
  readonly contentType?: string | undefined;
  /** Where an answer is expected (section 3.3.2.3.5). */
  readonly responseTopic?: string | undefined;
  /** Comes back with the answer (section 3.3.2.3.6). */
  readonly correlationData?: Uint8Array | undefined;
  /** Name and value pairs; order and duplicates are kept (section 3.3.2.3.7). */
  readonly userProperties?: readonly UserProperty[] | undefined;
  /**
   * QoS 0: the Topic Alias to set, or, with an empty topic, to use (section 3.3.2.3.4); at most what the broker takes. At QoS 1
   * and 2 it is left out, as a message that is sent again must carry its topic.
   */
  readonly topicAlias?: number | undefined;
  /** Aborting stops the waiting; a message no connection was handed yet is withdrawn. */
  readonly signal?: AbortSignal | undefined;
  /** Without a connection: reject at once, or wait for one. Default: the client's `whenOffline`. */
  readonly whenOffline?: WhenOffline | undefined;
  /** Milliseconds to wait for the acknowledgement; then as if aborted, with `TIMEOUT`. */
  readonly timeout?: number | undefined;
}

/**
 * What the broker answered to a publish. QoS 0 has no answer: its code is 0. At QoS 2 it is what PUBREC said, or, if that said
 * nothing but success, PUBCOMP.
 */
export interface PublishResult {
  /** 0, or 0x10: no matching subscribers (section 3.4.2.1). */
  readonly reasonCode: number;
  /** The broker's own words, if it had any. */
  readonly reasonString?: string | undefined;
  /** Name and value pairs that came with the acknowledgement. */
  readonly userProperties?: readonly UserProperty[] | undefined;
}

/** The PUBLISH for a call, checked as far as the codec does not. The identifier is a placeholder. */
export function publishPacket(topic: string, payload: Uint8Array | string, options: PublishOptions): PublishPacket {
  waiting(options);
  if (options.whenOffline !== undefined) whenOffline(options.whenOffline);
  const level = options.qos === undefined ? 0 : qos("qos", options.qos);
  return {
    type: PacketType.Publish,
    topic: asText("topic", topic),
    payload: asBytes("payload", payload),
    qos: level,
    retain: flag("retain", options.retain) ?? false,
    duplicate: false,
    packetId: level === 0 ? 0 : 1,
    properties: publishProperties(options, aliasOf(options, level, topic)),
  };
}

/** An alias is for QoS 0 only: alone it stands for nothing in a message that may be sent again. */
function aliasOf({ topicAlias }: PublishOptions, level: QoS, topic: string): number | undefined {
  if (topicAlias === undefined || level === 0) return topicAlias;
  if (topic !== "") return undefined;
  const limit = `must come with a topic at QoS ${level}`;
  throw new InvalidArgumentError("TOPIC_ALIAS_INVALID", "topicAlias", topicAlias, limit);
}

export function whenOffline(value: unknown): WhenOffline {
  return oneOf("whenOffline", value, ["reject", "wait"]);
}

/** Only what a client may send, picked by name: no Subscription Identifier leaves [MQTT-3.3.4-6]. */
function publishProperties(options: PublishOptions, topicAlias: number | undefined): PublishProperties | undefined {
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData, userProperties } =
    options;
  if (
    payloadFormatIndicator === undefined &&
    messageExpiryInterval === undefined &&
    contentType === undefined &&
    responseTopic === undefined &&
    correlationData === undefined &&
    userProperties === undefined &&
    topicAlias === undefined
  ) {
    return undefined;
  }
  return {
    payloadFormatIndicator,
    messageExpiryInterval,
    contentType,
    responseTopic,
    correlationData,
    userProperties,
    topicAlias,
  };
}
