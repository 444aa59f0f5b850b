// SPDX-License-Identifier: Apache-2.0
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { decode, DecodeError, encode, Framer, Publish, type Sender } from "../src/index.js";
import { valid } from "./byte-table.js";
import { plain } from "./plain.js";

/** Reads a stream as a careful user would: stops at the first error, which has to be the one kind there is. */
function read(bytes: Uint8Array, chunk: number, sender: Sender | undefined): DecodeError | undefined {
  const framer = new Framer({ maximumPacketSize: 100_000 });
  try {
    for (let i = 0; i < bytes.length; i += chunk) {
      framer.push(bytes.subarray(i, i + chunk));
      while (framer.next()) {
        const packet = decode(framer.buffer, framer.start, framer.end, { sender });
        plain(packet); // reads every lazy field
        encode(packet); // what is accepted can be sent
        if (packet instanceof Publish) plain(packet.own());
      }
    }
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  return undefined;
}

const sender = fc.constantFrom<(Sender | undefined)[]>("client", "server", undefined);

it("random bytes give packets or a DecodeError, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 20 }), sender, (bytes, chunk, from) => {
      expect([undefined, 0x81, 0x82, 0x84, 0x94, 0x95]).toContain(read(bytes, chunk, from)?.reasonCode);
    }),
    { numRuns: 5000 },
  );
});

it("packets with random bytes in them do so too", () => {
  const spoilt = fc
    .tuple(
      fc.constantFrom(...valid.map((row) => row.bytes)),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([bytes, changes]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      return copy;
    });
  let refused = 0;
  fc.assert(
    fc.property(fc.array(spoilt, { maxLength: 3 }), fc.integer({ min: 1, max: 90 }), sender, (packets, chunk, from) => {
      if (read(Uint8Array.from(packets.flatMap((bytes) => [...bytes])), chunk, from)) refused++;
    }),
    { numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(1000);
});
