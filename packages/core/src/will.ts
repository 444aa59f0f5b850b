// SPDX-License-Identifier: Apache-2.0
import type { QoS, Will, WillProperties } from "@mqttv5/wire";
import { asBytes, asText, flag, having, noNull, qos } from "./check.js";

/** A message that the broker publishes when the connection ends without a DISCONNECT of 0x00 (section 3.1.2.5). */
export interface WillOptions extends WillProperties {
  readonly topic: string;
  /** Default: empty. */
  readonly payload?: Uint8Array | string | undefined;
  /** Default 0. */
  readonly qos?: QoS | undefined;
  /** Default false. */
  readonly retain?: boolean | undefined;
}

/** The Will of CONNECT from what the user passed. */
export function will(options: WillOptions): Will {
  having("will", options);
  noNull("will.", options);
  return {
    topic: asText("will.topic", options.topic),
    payload: asBytes("will.payload", options.payload ?? ""),
    qos: qos("will.qos", options.qos ?? 0),
    retain: flag("will.retain", options.retain) ?? false,
    properties: willProperties(options),
  };
}

/** Picked by name: the codec refuses what is no property. */
function willProperties(options: WillOptions): WillProperties {
  const { willDelayInterval, payloadFormatIndicator, messageExpiryInterval, contentType } = options;
  const { responseTopic, correlationData, userProperties } = options;
  return {
    willDelayInterval,
    payloadFormatIndicator,
    messageExpiryInterval,
    contentType,
    responseTopic,
    correlationData,
    userProperties,
  };
}
