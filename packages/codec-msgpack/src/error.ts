// SPDX-License-Identifier: Apache-2.0
import { MqttError } from "@mqttv5/core";

/**
 * A value that has no MessagePack, or a payload that is not what it should be.
 *
 * `code` is `ENCODE_FAILED` (nothing was sent) or `DECODE_FAILED`; `cause` is the error underneath.
 */
export class MsgpackCodecError extends MqttError {
  declare readonly code: "ENCODE_FAILED" | "DECODE_FAILED";
}

/** Inside: becomes the cause of the error above, and the end of its message. */
export function fail(problem: string): never {
  throw new TypeError(problem);
}
