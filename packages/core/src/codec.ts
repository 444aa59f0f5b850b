// SPDX-License-Identifier: Apache-2.0

/**
 * Turns values into payloads and back. Used by {@link Client.typed}. Either direction may throw; a value that can't be
 * encoded is never sent, a payload that can't be decoded is logged, acknowledged and dropped.
 */
export interface Codec<T> {
  /** Sent as the Content Type property (section 3.3.2.3.9) of every message published through the codec. */
  readonly contentType?: string | undefined;
  /** Throws for a value that has no payload: the call then rejects with `ENCODE_FAILED`, and nothing is sent. */
  encode(value: T): Uint8Array;
  /** A promise for codecs whose validation is asynchronous; messages stay in order. */
  decode(payload: Uint8Array): T | Promise<T>;
}
