// SPDX-License-Identifier: Apache-2.0
import { check } from "./error.js";

/** What is decoded. */
export interface JsonLimits {
  /** Payloads of more bytes are not. Default 16 MiB, as the client's `maximumPacketSize`. */
  readonly maximumBytes?: number | undefined;
  /** Payloads with more arrays and objects inside each other are not. Default 128. */
  readonly maximumDepth?: number | undefined;
}

/** Makes a function that gives the value of a payload, and throws for anything but valid JSON in valid UTF-8 within the limits. */
export function parser({ maximumBytes = 1 << 24, maximumDepth = 128 }: JsonLimits): (payload: Uint8Array) => unknown {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  check(maximumBytes > 0 && maximumDepth > 0, "json(schema, { maximumBytes, maximumDepth }): must be positive");
  return (payload) => {
    check(payload.length <= maximumBytes, `maximumBytes is ${maximumBytes}`);
    // Before anything that may recurse: the reviver, a schema, the application.
    check(payload.length <= maximumDepth || depthOf(payload) <= maximumDepth, `maximumDepth is ${maximumDepth}`);
    const text = utf8.decode(payload);
    // The slow way only where such a key is possible: written out, or with \u escapes.
    return JSON.parse(text, /__proto__|\\u00/.test(text) ? withoutProto : undefined);
  };
}

/** The most brackets that are open at a time. */
function depthOf(payload: Uint8Array): number {
  let open = 0;
  let deepest = 0;
  let quoted = false;
  let escaped = false;
  for (const byte of payload) {
    if (escaped) escaped = false;
    else if (byte === 0x22) quoted = !quoted;
    else if (quoted)
      escaped = byte === 0x5c; // \
    else if ((byte | 0x20) === 0x7b)
      deepest = Math.max(deepest, ++open); // [ and {
    else if ((byte | 0x20) === 0x7d) open--; // ] and }
  }
  return deepest;
}

function withoutProto(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}
