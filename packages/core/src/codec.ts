// SPDX-License-Identifier: Apache-2.0
import { decodeUtf8, encodeUtf8 } from "@mqttv5/wire";
import { MqttError } from "./errors.js";

/**
 * Turns values into payloads and back. Used by {@link Client.typed}. Either direction may throw; a value that can't be
 * encoded is never sent, a payload that can't be decoded is dropped as `TypedOptions` say.
 */
export interface Codec<T> {
  /** Sent as the Content Type property (section 3.3.2.3.9) of every message published through the codec. */
  readonly contentType?: string | undefined;
  /** Throws for a value that has no payload: the call then rejects with `ENCODE_FAILED`, and nothing is sent. */
  encode(value: T): Uint8Array;
  /** A promise for codecs whose validation is asynchronous; messages stay in order. */
  decode(payload: Uint8Array): T | Promise<T>;
}

/**
 * Payloads as they are: for `request` and `respond` over bytes, as a `responseCodec`, or behind code that takes any codec. No Content
 * Type. Throws `ENCODE_FAILED` for anything but a `Uint8Array`; decodes every payload.
 */
export function bytes(): Codec<Uint8Array> {
  return {
    encode(value) {
      if (value instanceof Uint8Array) return value;
      throw new MqttError("ENCODE_FAILED", `The value is no Uint8Array, but ${typeof value}`);
    },
    decode: (payload) => payload,
  };
}

/**
 * Text as UTF-8, Content Type `text/plain`. Throws `ENCODE_FAILED` for anything but a string without lone surrogates, and
 * `DECODE_FAILED` where a payload is not strict UTF-8.
 */
export function text(): Codec<string> {
  return {
    contentType: "text/plain",
    encode(value) {
      if (typeof value !== "string") throw new MqttError("ENCODE_FAILED", `The value is no text, but ${typeof value}`);
      try {
        return encodeUtf8(value);
      } catch (cause) {
        throw new MqttError("ENCODE_FAILED", "The text has a lone surrogate", { cause });
      }
    },
    decode(payload) {
      try {
        return decodeUtf8(payload);
      } catch (cause) {
        throw new MqttError("DECODE_FAILED", "The payload is not UTF-8", { cause });
      }
    },
  };
}
