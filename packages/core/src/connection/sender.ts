// SPDX-License-Identifier: Apache-2.0
import { encodeInto, encodePublishHeader, type Packet, type PublishPacket, withDuplicate, Writer } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import type { Link } from "../transport.js";

/** Bytes after which the chunk of a turn leaves at once instead of at its end. */
const FLUSH_AT = 64 * 1024;
/** Payloads from this size on are handed to the link as they are, not copied into the chunk. */
const UNCOPIED_FROM = 64 * 1024;
/** What may be accepted in one turn before callers wait: with less, an endless loop of awaited publishes starves the process. */
const TURN_BYTES = 64 * 1024;
const TURN_PACKETS = 256;

/**
 * The way out of one connection: packets of a turn are encoded into one growing chunk, which leaves in one write after the
 * turn's microtasks, or at once past a threshold. Ends with its connection.
 */
export class Sender {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #writer = new Writer();
  #scheduled = false;
  #open = true;
  /** The link's buffer is full; it says when it has drained. */
  #congested = false;
  #turnBytes = 0;
  #turnPackets = 0;
  /** One promise for all who have to wait for a later turn. */
  #room: { promise: Promise<void>; resolve: () => void } | undefined;
  /** When bytes were last handed to the link. */
  lastSent: number;

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    this.lastSent = clock.now();
  }

  /** Bytes accepted and not yet taken by the operating system. */
  get pendingBytes(): number {
    return this.#writer.length + this.#link.pendingBytes;
  }

  /** Sends a packet with this turn's chunk. Throws the codec's `EncodeError`, and then sends nothing. */
  send(packet: Packet): void {
    if (!this.#open) return;
    encodeInto(this.#writer, packet);
    this.#added();
  }

  /** Sends an encoded PUBLISH. */
  sendFrame(frame: Uint8Array, duplicate: boolean): void {
    if (!this.#open) return;
    const bytes = duplicate ? withDuplicate(frame) : frame;
    if (bytes.length >= UNCOPIED_FROM) {
      this.flush();
      this.#hand(bytes);
    } else {
      this.#writer.append(bytes);
      this.#added();
    }
  }

  /**
   * Sends a QoS 0 PUBLISH. Returns undefined if the caller may go on at once, else a promise that resolves in a later turn,
   * when the link has drained. The payload must not change before that. Throws the codec's `EncodeError`.
   */
  publish(packet: PublishPacket): Promise<void> | undefined {
    if (!this.#open) return undefined;
    const size = packet.payload.length;
    if (size >= UNCOPIED_FROM) {
      encodePublishHeader(this.#writer, packet);
      this.flush();
      this.#hand(packet.payload);
    } else {
      encodeInto(this.#writer, packet);
      this.#added();
    }
    this.#turnBytes += size;
    if (++this.#turnPackets < TURN_PACKETS && this.#turnBytes < TURN_BYTES && !this.#congested) return undefined;
    this.#schedule();
    return this.#wait();
  }

  /** Hands what has been encoded to the link now. */
  flush(): void {
    if (this.#writer.length > 0) this.#hand(this.#writer.take());
  }

  /** The link has room again. */
  drained(): void {
    this.#congested = false;
    this.#schedule();
  }

  /** Nothing more is sent; whoever waits goes on. */
  close(): void {
    this.#open = false;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #added(): void {
    if (this.#writer.length >= FLUSH_AT) this.flush();
    else this.#schedule();
  }

  #hand(chunk: Uint8Array): void {
    this.lastSent = this.#clock.now();
    if (!this.#link.send(chunk)) this.#congested = true;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.afterTurn(() => this.#turnOver());
  }

  #turnOver(): void {
    this.#scheduled = false;
    if (!this.#open) return;
    this.flush();
    if (this.#congested) return;
    this.#turnBytes = 0;
    this.#turnPackets = 0;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #wait(): Promise<void> {
    if (this.#room === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#room = { promise, resolve };
    }
    return this.#room.promise;
  }
}
