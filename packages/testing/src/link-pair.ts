// SPDX-License-Identifier: Apache-2.0

import type { Clock } from "./clock.js";
import type { FaultyLink } from "./fault.js";
import { MemoryLink } from "./memory-link.js";

/** Options of {@link linkPair}. */
export interface LinkPairOptions {
  /** Every delivery waits for this clock. */
  readonly clock: Clock;
  /** Milliseconds from `send` to delivery, in each direction. Default 0: the next turn. */
  readonly latency?: number | undefined;
  /** Bytes pending above which `send` returns false. Default 65536. */
  readonly highWaterMark?: number | undefined;
  /** Whether to keep what is sent, for {@link Fault.transcript}. Default true; a long run should say false. */
  readonly transcript?: boolean | undefined;
}

/**
 * Two links joined in memory: what one end sends, the other receives. They keep the contract of {@link Link} to the
 * letter (ordered, `closed` once and in a later turn, `pause` holds bytes back at the sender), and a test can break the
 * line between them through the {@link Fault} controls of each end. What the first end, the client's, receives is overwritten as
 * soon as its receiver returns, as a socket's memory may be.
 */
export function linkPair(options: LinkPairOptions): [FaultyLink, FaultyLink] {
  return MemoryLink.pair({
    clock: options.clock,
    latency: options.latency ?? 0,
    highWaterMark: options.highWaterMark ?? 65536,
    transcript: options.transcript ?? true,
  });
}
