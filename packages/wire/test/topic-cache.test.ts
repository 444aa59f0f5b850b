// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { readTopic } from "../src/topic-cache.js";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

// Topics that come again are not decoded again; nothing but the time that takes may show it.
describe("the string of a topic", () => {
  it("is that of its bytes, whether it came before or not, and however many others came in between", () => {
    const topics = Array.from({ length: 5000 }, (_, index) => `plant/${index % 7}/ürün/${index}`);
    const buffer = new Uint8Array(100); // of the same memory each time, as what a socket reads may be
    const read = (topic: string): string => {
      const bytes = bytesOf(topic);
      buffer.set(bytes, 3);
      return readTopic(buffer, 3, bytes.length);
    };
    for (let pass = 0; pass < 3; pass++) for (const topic of topics) expect(read(topic)).toBe(topic);
    for (const topic of topics.slice(0, 100)) for (let times = 0; times < 40; times++) expect(read(topic)).toBe(topic);
  });

  it("is not that of another with the same end, or the same length", () => {
    const end = "0123456789abcdef";
    const topics = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(3, "0")}/${end}`);
    for (let pass = 0; pass < 40; pass++) {
      for (const topic of topics) expect(readTopic(bytesOf(topic), 0, topic.length)).toBe(topic);
    }
  });
});
