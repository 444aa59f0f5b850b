// SPDX-License-Identifier: Apache-2.0

import type { Link } from "./link.js";

/** What a test may do to one end of a `linkPair`. Each fault concerns what this end sends. */
export interface Fault {
  /** Closes both ends now; all bytes under way are lost. Both receivers are told, with `error` if one is given. */
  cut(error?: Error): void;
  /** Delivers nothing more from this end, not even its closing: bytes pend, as if the network had gone silent. */
  stall(): void;
  /** Ends a {@link stall}. */
  unstall(): void;
  /** Delivers in chunks of at most `size` bytes from now on. Infinity: as they are sent. */
  split(size: number): void;
  /** XORs the byte at `offset` of the stream (0 is the first byte ever sent) with `xor`, by default all its bits. */
  corrupt(offset: number, xor?: number): void;
  /** Runs `action` when exactly `offset` bytes of the stream were delivered, before the next one is. */
  at(offset: number, action: () => void): void;
  /** All that this end ever sent, as it was sent. Empty if the pair was made without `transcript`. */
  readonly transcript: Uint8Array;
  /** How many bytes of what this end sent have been delivered. */
  readonly deliveredBytes: number;
}

/** One end of a `linkPair`. */
export type FaultyLink = Link & Fault;
