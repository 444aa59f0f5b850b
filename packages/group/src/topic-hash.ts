// SPDX-License-Identifier: Apache-2.0

const encoder = /* @__PURE__ */ new TextEncoder();

/** FNV-1a, 32 bits, over the topic's UTF-8: the same topic goes to the same member in every program that lists the same members. */
export function topicHash(topic: string): number {
  let hash = 0x811c9dc5;
  for (const byte of encoder.encode(topic)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
