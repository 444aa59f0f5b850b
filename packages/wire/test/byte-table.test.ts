// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { decode, DecodeError, type DecodeOptions, encode, Framer, PacketType, type Sender } from "../src/index.js";
import { malformed, valid } from "./byte-table.js";
import { plain } from "./plain.js";

const end = Uint8Array.of(0xd0, 0); // a PINGRESP behind the packet shows that it ends where it should

/** The packets found in the stream, whole and copied, as a user of framer and decoder gets them. */
function receive(chunks: readonly Uint8Array[], options?: DecodeOptions): unknown[] {
  const framer = new Framer();
  const packets: unknown[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    while (framer.next()) packets.push(plain(decode(framer.buffer, framer.start, framer.end, options)));
  }
  expect(framer.bufferedBytes).toBe(0);
  return packets;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The rows with their names in front: a title made from `$name` would be cut. */
function rows<Row extends { readonly name: string }>(table: readonly Row[]): [string, Row][] {
  return table.map((row) => [row.name, row]);
}

function splits(bytes: Uint8Array): [Uint8Array, Uint8Array][] {
  return Array.from({ length: bytes.length - 1 }, (_, i) => [bytes.subarray(0, i + 1), bytes.subarray(i + 1)]);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function errorOf(action: () => unknown): DecodeError {
  try {
    action();
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a valid packet", () => {
  it("[parity 3] all fifteen types are in the table", () => {
    const types = new Set(valid.map(({ packet }) => packet.type));
    expect([...types].toSorted((a, b) => a - b)).toEqual(Object.values(PacketType));
  });

  describe.each(rows(valid))("%s", (_, { bytes, packet, foreign }) => {
    it("[parity 3] decodes", () => {
      expect(plain(decode(bytes))).toEqual(packet);
    });

    it("[parity 3] encodes, and its own decoded form encodes too", () => {
      expect(foreign ?? hex(encode(packet))).toEqual(foreign ?? hex(bytes));
      expect(plain(decode(encode(packet)))).toEqual(packet);
      expect(plain(decode(encode(decode(bytes))))).toEqual(packet);
    });

    it("[parity 23] decodes byte by byte", () => {
      const stream = join(bytes, end, bytes);
      expect(receive(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual([packet, { type: 13 }, packet]);
    });

    it("[parity 23] decodes when it is split at any byte", () => {
      for (const parts of splits(join(bytes, end))) expect(receive(parts)).toEqual([packet, { type: 13 }]);
    });

    it("decodes from the middle of a larger array", () => {
      const larger = join(Uint8Array.of(1, 2, 3), bytes, Uint8Array.of(4, 5));
      expect(plain(decode(larger, 3, 3 + bytes.length))).toEqual(packet);
      expect(plain(decode(Buffer.from(larger), 3, 3 + bytes.length))).toEqual(packet);
    });

    it("is malformed when a byte is missing or one too many", () => {
      expect(errorOf(() => decode(bytes, 0, bytes.length - 1)).reasonCode).toBe(0x81);
      expect(errorOf(() => decode(join(bytes, Uint8Array.of(0)))).reasonCode).toBe(0x81);
    });
  });
});

describe("a malformed packet", () => {
  describe.each(rows(malformed))("%s", (_, { bytes, reasonCode, says, sender }) => {
    it(`is refused with 0x${reasonCode.toString(16)}`, () => {
      const options = sender && { sender };
      const error = errorOf(() => decode(bytes, 0, bytes.length, options));
      expect(error.detail).toContain(says);
      expect(error.reasonCode).toBe(reasonCode);
      expect(error.packetType).toBe((bytes[0] as number) >> 4);
    });

    it("is refused the same wherever it is split", () => {
      const options = sender && { sender };
      for (const parts of [[bytes], ...splits(bytes)]) {
        expect(errorOf(() => receive(parts, options)).reasonCode).toBe(reasonCode);
      }
    });

    it("is allowed from the other side, if that is what is wrong", () => {
      if (sender === undefined) return;
      const other: Sender = sender === "client" ? "server" : "client";
      expect(() => decode(bytes, 0, bytes.length, { sender: other })).not.toThrow();
      expect(() => decode(bytes)).not.toThrow();
    });
  });
});
