// SPDX-License-Identifier: Apache-2.0
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decode,
  type DecodedDisconnect,
  DecodeError,
  decodeUtf8,
  encode,
  EncodeError,
  encodeUtf8,
  isUtf8,
  isWellFormed,
  PacketType,
  utf8Length,
} from "../src/index.js";
import { isText, readText, textReader } from "../src/utf8.js";

const judge = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the platform says of bytes; `undefined` if they are not UTF-8. */
function judged(bytes: Uint8Array): string | undefined {
  try {
    return judge.decode(bytes);
  } catch {
    return undefined;
  }
}

function verdict(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    if (error instanceof DecodeError && error.reasonCode === 0x81) return undefined;
    throw error;
  }
}

function decodes(bytes: Uint8Array): boolean {
  try {
    decode(bytes);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** What an encoder makes of a text; `undefined` if it refuses it. */
function encoded(encoder: () => Uint8Array): Uint8Array | undefined {
  try {
    return encoder();
  } catch (error) {
    if (error instanceof EncodeError) return undefined;
    throw error;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

describe("UTF-8", () => {
  it.each<[string, number[]]>([
    ["a byte that begins nothing", [0x80]],
    ["a byte that is never there", [0xff]],
    ["an overlong form of /", [0xc0, 0xaf]],
    ["an overlong form of U+0000", [0xc0, 0x80]],
    ["an overlong form of three bytes", [0xe0, 0x80, 0xaf]],
    ["an overlong form of four bytes", [0xf0, 0x80, 0x80, 0xaf]],
    ["the first surrogate", [0xed, 0xa0, 0x80]],
    ["the last surrogate", [0xed, 0xbf, 0xbf]],
    ["a pair of surrogates", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ["U+110000", [0xf4, 0x90, 0x80, 0x80]],
    ["five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ["a character cut after 1 of 2 bytes", [0x61, 0xc3]],
    ["a character cut after 2 of 3 bytes", [0xe2, 0x82]],
    ["a character cut after 3 of 4 bytes", [0xf0, 0x9f, 0x98]],
    ["a character followed by a letter too early", [0xe2, 0x82, 0x61]],
    ["a character of four bytes with a letter inside", [0xf0, 0x9f, 0x61, 0x80]],
  ])("[parity 14] %s is refused [MQTT-1.5.4-1]", (_, list) => {
    const bytes = Uint8Array.from(list);
    expect(judged(bytes)).toBeUndefined();
    expect(verdict(bytes)).toBeUndefined();
    expect(isUtf8(bytes)).toBe(false);
  });

  it("[parity 14] keeps a byte order mark, wherever it stands [MQTT-1.5.4-3]", () => {
    const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xef, 0xbb, 0xbf);
    expect(decodeUtf8(bytes)).toBe("\ufeffa\ufeff");
    expect(textReader(undefined)(bytes, 0, bytes.length)).toBe("\ufeffa\ufeff");
    expect(encodeUtf8("\ufeffa\ufeff")).toEqual(bytes);
  });

  it("[parity 14] agrees with the platform on every sequence of one and two bytes, and on what is at the borders of longer ones", () => {
    const edge = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed];
    edge.push(0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
    const disagreements: number[][] = [];
    const check = (...list: number[]): void => {
      const bytes = Uint8Array.from(list);
      if (verdict(bytes) !== judged(bytes)) disagreements.push(list);
    };
    for (let a = 0; a < 256; a++) {
      check(a);
      for (let b = 0; b < 256; b++) check(a, b);
    }
    for (const a of edge) for (const b of edge) for (const c of edge) check(a, b, c);
    for (const a of edge.filter((byte) => byte >= 0xe0)) {
      for (const b of edge) for (const c of edge) for (const d of edge) check(a, b, c, d);
    }
    expect(disagreements).toEqual([]);
  });

  it("[parity 14] agrees with the platform on any bytes, in any place", () => {
    const almost = fc.string({ unit: "binary", maxLength: 40 }).chain((text) => {
      const bytes = new TextEncoder().encode(text);
      return fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255), fc.boolean()).map(([at, byte, spoil]) => {
        if (spoil && bytes.length > 0) bytes[at] = byte;
        return bytes;
      });
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 20 }), almost), fc.nat(9), (bytes, before) => {
        const padded = new Uint8Array(before + bytes.length + 3).fill(0xff);
        padded.set(bytes, before);
        const end = before + bytes.length;
        const expected = judged(bytes);
        expect(isUtf8(bytes)).toBe(expected !== undefined);
        expect(verdict(bytes)).toBe(expected);
        expect(isText(viewOf(padded), before, end)).toBe(expected !== undefined && !expected.includes("\0"));
        if (expected === undefined) return;
        expect(decodeUtf8(padded, before, end)).toBe(expected);
        expect(readText(padded, before, end)).toBe(expected);
        expect(textReader(undefined)(padded, before, end)).toBe(expected);
        expect(textReader(Buffer)(padded, before, end)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it("falls back to the platform's decoder where a Buffer lacks what is needed", () => {
    const bytes = Uint8Array.of(0xc3, 0xa4);
    expect(textReader({ prototype: {} })(bytes, 0, 2)).toBe("ä");
  });

  it("[parity 14] finds the one wrong byte at any place of a text of any length [MQTT-1.5.4-2]", () => {
    for (let length = 1; length <= 40; length++) {
      for (let at = 0; at < length; at++) {
        const bytes = new Uint8Array(length + 8).fill(0x61, 4, 4 + length);
        const view = viewOf(bytes);
        expect(isText(view, 4, 4 + length)).toBe(true);
        for (const wrong of [0x00, 0x80, 0xff]) {
          bytes[4 + at] = wrong;
          expect(isText(view, 4, 4 + length)).toBe(false);
        }
        bytes[4 + at] = 0x61;
      }
    }
  });

  it("[parity 15] finds the one wildcard at any place of a topic of any length [MQTT-3.3.2-2]", () => {
    for (let length = 1; length <= 24; length++) {
      for (let at = 0; at < length; at++) {
        const topic = "s".repeat(length);
        const packet = { type: PacketType.Publish, payload: new Uint8Array(0), qos: 0, retain: false } as const;
        const bytes = encode({ ...packet, duplicate: false, packetId: 0, topic });
        for (const [byte, allowed] of [
          [0x2b, false],
          [0x23, false],
          [0x2a, true],
          [0x2c, true],
          [0x22, true],
          [0x24, true],
          [0xa3, false],
          [0xab, false],
        ] as const) {
          bytes[4 + at] = byte;
          expect([length, at, byte, decodes(bytes)]).toEqual([length, at, byte, allowed]);
        }
      }
    }
  });
});

describe("strings", () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc
      .array(fc.constantFrom(0x61, 0xe4, 0x20ac, 0xd83d, 0xde00, 0xdbff, 0xdc00))
      .map((units) => String.fromCharCode(...units)),
  );

  it("[parity 14] are well-formed exactly if they survive the platform's encoder [MQTT-1.5.4-1]", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const bytes = new TextEncoder().encode(text);
        const survives = judge.decode(bytes) === text;
        expect(isWellFormed(text)).toBe(survives);
        expect(utf8Length(text)).toBe(bytes.length);
        expect(encoded(() => encodeUtf8(text))).toEqual(survives ? bytes : undefined);
      }),
      { numRuns: 3000 },
    );
  });

  it("are written into packets as the platform's encoder writes them, or refused", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const packet = { type: PacketType.Disconnect, reasonCode: 0x80, properties: { reasonString: text } } as const;
        const bytes = encoded(() => encode(packet));
        const allowed = isWellFormed(text) && !text.includes("\0");
        const utf8 = new TextEncoder().encode(text);
        expect(bytes?.slice(bytes.length - utf8.length)).toEqual(allowed ? utf8 : undefined);
        const back = bytes && (decode(bytes) as DecodedDisconnect);
        expect(back?.properties.reasonString).toBe(allowed ? text : undefined);
      }),
      { numRuns: 2000 },
    );
  });
});
