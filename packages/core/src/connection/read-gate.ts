// SPDX-License-Identifier: Apache-2.0
import { ReasonCode } from "@mqttv5/wire";
import type { BufferedBytes } from "../buffered-bytes.js";
import { ProtocolError } from "../errors.js";
import { ENTRY } from "../session/control-queue.js";
import type { Link } from "../transport.js";

/** Two answers for each Packet Identifier: a broker that keeps to the protocol never has more to wait for, so they always fit. */
const LEAST = 2 * 65_535 * ENTRY;

/**
 * Whether a link is read. It is not while received messages fill their memory or a full subscription asks for a pause, and
 * the broker then waits; but an answer that is waited for is always read, and so is one chunk a keep-alive interval,
 * when the other side has to show that it is alive. Ends with its connection.
 */
export class ReadGate {
  readonly #link: Link;
  readonly #buffered: BufferedBytes;
  /** Whether an answer is waited for. */
  readonly #asking: () => boolean;
  /** Bytes of our own answers that can't leave. */
  readonly #unread: () => number;
  #reading = true;
  #probing = false;

  constructor(link: Link, buffered: BufferedBytes, asking: () => boolean, unread: () => number) {
    this.#link = link;
    this.#buffered = buffered;
    this.#asking = asking;
    this.#unread = unread;
  }

  /** False while silence proves nothing. */
  get reading(): boolean {
    return this.#reading;
  }

  /** Something it depends on may have changed. */
  update(): void {
    const reading = !this.#buffered.stopped || this.#asking() || this.#probing;
    if (reading === this.#reading) return;
    this.#reading = reading;
    if (reading) this.#link.resume();
    else this.#link.pause();
  }

  /** A chunk was read. Throws a `ProtocolError` if the other side asks for answers and does not take them. */
  received(): void {
    const unread = this.#unread();
    if (unread > LEAST && unread > this.#buffered.maximum) {
      const text = `${unread} bytes of answers wait: the broker asks for more than it reads`;
      throw new ProtocolError(ReasonCode.QuotaExceeded, text);
    }
    this.#probing = false;
    if (this.#buffered.stopped || !this.#reading) this.update();
  }

  /** Reads one chunk, to see whether the other side is alive. */
  probe(): void {
    this.#probing = true;
    this.update();
  }
}
