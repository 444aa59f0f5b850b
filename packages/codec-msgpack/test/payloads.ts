// SPDX-License-Identifier: Apache-2.0
import { MsgpackCodecError } from "../src/index.js";

/** The bytes of hexadecimal digits, as a plain Uint8Array. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

/** The MsgpackCodecError that `action` throws; anything else it throws fails the test. */
export function failure(action: () => unknown): MsgpackCodecError {
  try {
    action();
  } catch (error) {
    if (error instanceof MsgpackCodecError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
