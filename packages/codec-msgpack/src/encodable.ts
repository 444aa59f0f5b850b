// SPDX-License-Identifier: Apache-2.0
import { fail } from "./error.js";
import type { MsgpackOptions } from "./options.js";

/**
 * Throws for what msgpackr would write as something else: text with a lone surrogate (as invalid UTF-8, or as U+FFFD), and a
 * typed array (as the lowest byte of each element, followed by whatever was in the buffer before).
 */
export function checkEncodable(value: unknown, options: MsgpackOptions): void {
  if (typeof value === "string") {
    if (!(value as unknown as Text).isWellFormed()) fail("a lone surrogate");
  } else if (typeof value !== "object" || value === null) {
    return;
  } else if (ArrayBuffer.isView(value)) {
    if (!options.moreTypes && !(value instanceof Uint8Array)) fail("a typed array, without moreTypes");
  } else if (Array.isArray(value) || value instanceof Set || value instanceof Map) {
    for (const element of value) checkEncodable(element, options);
  } else if (speaks(value) && value.constructor !== Object && options.useToJSON !== false) {
    checkEncodable(value.toJSON(), options);
  } else {
    for (const name in value) checkEncodable([name, (value as Record<string, unknown>)[name]], options);
  }
}

/** ES2024, and in every runtime that we support. */
interface Text {
  isWellFormed(): boolean;
}

function speaks(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}
