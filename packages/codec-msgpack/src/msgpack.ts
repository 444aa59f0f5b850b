// SPDX-License-Identifier: Apache-2.0
import type { Codec } from "@mqttv5/core";
// This entry comes without Node's streams, and without the native reader that msgpackr's main one loads where it is installed.
import { Packr, RESET_BUFFER_MODE } from "msgpackr/pack";
import { checkEncodable } from "./encodable.js";
import { fail, MsgpackCodecError } from "./error.js";
import { type MsgpackOptions, resolveOptions } from "./options.js";
import { checkStructure } from "./structure.js";

/**
 * Values as MessagePack, content type `application/msgpack`, in plain formats that any peer can read; unchecked, the
 * payload is taken to be a `T`. Throws a `TypeError` for a wrong option.
 *
 * Encoding leaves out members that are `undefined`; what has no MessagePack (`undefined` itself, a function, a symbol, a
 * BigInt of more than 64 bits, an invalid date, a cycle) throws a {@link MsgpackCodecError} with `code` `ENCODE_FAILED`.
 * Decoding throws one with `DECODE_FAILED` for anything but one whole value with valid UTF-8, extension types other than
 * those of the options included, for more than `maximumBytes`, and for more than `maximumDepth`; it allocates for what is
 * there, not for what is declared. A member named `__proto__` arrives as `__proto_`, so that it can't change a prototype.
 */
export function msgpack<T>(options: MsgpackOptions = {}): Codec<T> {
  const { maximumBytes, packr: settings, ...limits } = resolveOptions(options);
  const packr = new Packr(settings);
  return {
    contentType: "application/msgpack",
    encode(value) {
      try {
        if (value === undefined) fail("undefined");
        checkEncodable(value, settings);
        // A copy: what msgpackr returns is a part of its buffer, which the next message overwrites.
        return new Uint8Array(packr.pack(value, RESET_BUFFER_MODE));
      } catch (cause) {
        throw failure("ENCODE_FAILED", "the value has no", cause);
      }
    },
    decode(payload) {
      try {
        if (payload.length > maximumBytes) fail(`maximumBytes is ${maximumBytes}`);
        if (!settings.useRecords) checkStructure(payload, limits);
        // A view of our own: msgpackr leaves a property on what it is given.
        return packr.unpack(payload.subarray()) as T;
      } catch (cause) {
        throw failure("DECODE_FAILED", "the payload is not", cause);
      }
    },
  };
}

function failure(code: MsgpackCodecError["code"], what: string, cause: unknown): MsgpackCodecError {
  const problem = (cause as Error | null | undefined)?.message ?? cause;
  return new MsgpackCodecError(code, `${what} MessagePack: ${String(problem)}`, { cause });
}
