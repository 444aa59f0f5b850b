// SPDX-License-Identifier: Apache-2.0
import { viewOf } from "./bytes.js";
import { readText } from "./utf8.js";

/** A power of two. */
const slots = 1024;
/**
 * Of so many topics that find another in their place, one takes it. Where there are more topics than places, to keep each would
 * cost more than it saves; a place that is not asked for any more is still given up soon. Odd, as topics often come in turn.
 */
const patience = 17;
/** Longer topics are read anew each time: what a peer can make us hold is a few hundred kilobytes. */
const longest = 128;

interface Entry {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const entries: (Entry | undefined)[] = /* @__PURE__ */ Array.from({ length: slots }, () => undefined);
/** Since one took another's place. */
const turnedAway = { since: 0 };

/**
 * The string of a topic. A topic that came recently is the same string again: its bytes are compared, which takes less than
 * to make a string, and the string's hash is known to the maps it is looked up in.
 */
export function readTopic(bytes: Uint8Array, start: number, length: number): string {
  if (length > longest || length === 0) return readText(bytes, start, start + length);
  const end = start + length;
  // The ends of topics differ more than their beginnings.
  let hash = length;
  for (let i = length > 16 ? end - 16 : start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  const slot = (hash ^ (hash >>> 10)) & (slots - 1);
  const entry = entries[slot];
  if (entry !== undefined && entry.bytes.length === length) {
    const known = entry.bytes;
    let i = 0;
    while (i < length && known[i] === bytes[start + i]) i++;
    if (i === length) return entry.text;
  }
  const text = readText(bytes, start, end);
  if (entry !== undefined) {
    if (++turnedAway.since < patience) return text;
    turnedAway.since = 0;
  }
  entries[slot] = { bytes: viewOf(bytes, start, length).slice(), text }; // a Buffer's own slice would not copy
  return text;
}
