// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from "../clock.js";
import type { InboundMessage } from "../session/inbound-message.js";

/** The received messages whose answers are still to leave. */
export interface Unacked {
  /** The oldest one, for which all others wait. */
  readonly head: InboundMessage | undefined;
  readonly count: number;
}

export interface AckWatchPort {
  unacked(): Unacked;
  /** The oldest received message holds up the answers to others. */
  ackOverdue(text: string): void;
}

/** Milliseconds after which a message that holds up others is spoken of. */
const PATIENCE = 30_000;

/**
 * Warns once of a message that stays unacked while answers to others wait behind it: most likely somebody forgot an `ack`.
 * One timer while there are such others, none a message. Lives as long as the client.
 */
export class AckWatch {
  readonly #clock: Clock;
  readonly #port: AckWatchPort;
  #timer: Timer | undefined;
  #reported: InboundMessage | undefined;

  constructor(clock: Clock, port: AckWatchPort) {
    this.#clock = clock;
    this.#port = port;
  }

  /** Milliseconds since the oldest message arrived; 0 without one. */
  get age(): number {
    const { head } = this.#port.unacked();
    return head === undefined ? 0 : this.#clock.now() - head.arrivedAt;
  }

  /** A second message waits. */
  start(): void {
    if (this.#timer === undefined) this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#reported = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const { head, count } = this.#port.unacked();
    if (head === undefined || count < 2) return;
    let wait = head.arrivedAt + PATIENCE - this.#clock.now();
    if (wait <= 0) {
      if (head !== this.#reported) {
        this.#reported = head;
        this.#port.ackOverdue(
          `A message on ${head.topic} for ${head.heldBy} has not been acked for ${PATIENCE / 1000} s; ${count - 1} wait behind it`,
        );
      }
      wait = PATIENCE;
    }
    this.#timer = this.#clock.schedule(wait, () => this.#look());
  }
}
