// SPDX-License-Identifier: Apache-2.0
import { encodeInto, encodePublishHeader, type Packet, type PublishPacket, withDuplicate, Writer } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import { MqttError } from "../errors.js";
import { LazySet } from "../lazy-set.js";
import type { WriteOverflow } from "../publish-options.js";
import type { Link } from "../transport.js";
import { Latch } from "./latch.js";

/** Bytes after which the chunk of a turn leaves at once instead of at its end. */
const FLUSH_AT = 64 * 1024;
/** Payloads from this size on are handed to the link as they are, not copied into the chunk. */
const UNCOPIED_FROM = 64 * 1024;
/** The same for callers who wait for the flush: below this a copy costs less than a second write. */
const UNCOPIED_WHEN_WAITING = 4 * 1024;

/** What may be accepted in one turn before callers wait: without it an endless loop of awaited publishes starves the process. */
export interface TurnLimits {
  readonly maximumTurnBytes: number;
  readonly maximumTurnPackets: number;
  /** Whether callers also wait for a link whose buffer is full. */
  readonly writeOverflow: WriteOverflow;
}

const RESOLVED = /* @__PURE__ */ Promise.resolve();

interface FlushWaiter {
  resolve(): void;
  reject(error: MqttError): void;
}

/**
 * The way out of one connection: packets of a turn are encoded into one growing chunk, which leaves in one write after the
 * turn's microtasks, or at once past a threshold; a lone PUBLISH at QoS 1 or 2 a little earlier. Ends with its connection.
 */
export class Sender {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #handed: () => void;
  readonly #maximumTurnBytes: number;
  readonly #maximumTurnPackets: number;
  /** Whether callers wait for a full link. */
  readonly #patient: boolean;
  readonly #writer = new Writer();
  #scheduled = false;
  /** A flush is due behind the microtasks that wait now. */
  #hurried = false;
  #flushHurried: (() => void) | undefined;
  #open = true;
  /** The link's buffer is full; it says when it has drained. */
  #congested = false;
  #unread = 0;
  #turnBytes = 0;
  #turnPackets = 0;
  /** Who waits for the next turn, and who for the one that finds the link with room. */
  readonly #next = new Latch();
  readonly #room = new Latch();
  /** Who waits for the chunk of this turn to be flushed, and for chunks that were handed over. */
  #flushing: FlushWaiter[] = [];
  readonly #unflushed = new LazySet<FlushWaiter>();
  /** When bytes were last handed to the link. */
  lastSent: number;

  /** `handed` is called when what has been encoded goes to the link: from then on it may be written. */
  constructor(link: Link, clock: Clock, limits: TurnLimits, handed: () => void) {
    this.#link = link;
    this.#clock = clock;
    this.#handed = handed;
    this.#maximumTurnBytes = limits.maximumTurnBytes;
    this.#maximumTurnPackets = limits.maximumTurnPackets;
    this.#patient = limits.writeOverflow === "wait";
    this.lastSent = clock.now();
  }

  /** Bytes accepted and not yet taken by the operating system. */
  get pendingBytes(): number {
    return this.#writer.length + this.#link.pendingBytes;
  }

  /** Bytes that a link which takes no more has left behind; 0 while it takes them. */
  get backlog(): number {
    return this.#congested ? this.pendingBytes : 0;
  }

  /** Bytes of what is no PUBLISH, accepted since the link takes no more: answers, above all. */
  get unread(): number {
    return this.#unread;
  }

  /** Resolves in a later turn, when the link takes bytes again or the connection has ended. */
  room(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#schedule();
    return this.#room.wait();
  }

  /** Resolves in a later turn, whatever the link does. */
  turn(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#schedule();
    return this.#next.wait();
  }

  /** Sends a packet with this turn's chunk. Throws the codec's `EncodeError`, and then sends nothing. */
  send(packet: Packet): void {
    if (!this.#open) return;
    const before = this.#writer.length;
    encodeInto(this.#writer, packet);
    if (this.#congested) this.#unread += this.#writer.length - before;
    this.#added();
  }

  /**
   * Sends an encoded PUBLISH. One that is `alone` leaves behind the microtasks that wait now: who awaits each acknowledgement sends
   * nothing more in this turn, and has a turn less to wait for.
   */
  sendFrame(frame: Uint8Array, duplicate: boolean, alone: boolean): void {
    if (!this.#open) return;
    const bytes = duplicate ? withDuplicate(frame) : frame;
    if (bytes.length >= UNCOPIED_FROM) {
      this.flush();
      this.#hand(bytes);
    } else {
      this.#writer.append(bytes);
      if (alone && !this.#scheduled && this.#writer.length < FLUSH_AT) this.#hurry();
      else this.#added();
    }
  }

  /**
   * Sends a QoS 0 PUBLISH. Returns undefined if the caller may go on at once, else a promise that resolves in a later turn,
   * when the link has drained, if callers are to wait for that. The payload must not change before that. Throws the codec's `EncodeError`.
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
    this.#turnPackets++;
    const more = this.#turnPackets < this.#maximumTurnPackets && this.#turnBytes < this.#maximumTurnBytes;
    if (more && !(this.#congested && this.#patient)) return undefined;
    return this.#patient ? this.room() : this.turn();
  }

  /**
   * Sends a QoS 0 PUBLISH and resolves when all of it was handed to the operating system; rejects if the link is lost before.
   * A payload worth it is not copied, and must not change until then. Throws the codec's `EncodeError`.
   */
  publishAndFlush(packet: PublishPacket): Promise<void> {
    const uncopied = packet.payload.length >= UNCOPIED_WHEN_WAITING;
    if (uncopied) {
      encodePublishHeader(this.#writer, packet);
      this.flush();
    } else {
      encodeInto(this.#writer, packet);
    }
    return new Promise((resolve, reject) => {
      this.#flushing.push({ resolve, reject });
      if (uncopied) this.#hand(packet.payload);
      else this.#added();
    });
  }

  /** Hands what has been encoded to the link now. */
  flush(): void {
    if (this.#writer.length > 0) this.#hand(this.#writer.take());
  }

  /** Sends a packet now, and gives back the memory for more: it is a while until there is more to send. */
  sendAlone(packet: Packet): void {
    this.send(packet);
    this.flush();
    this.#writer.release();
  }

  /** The link has room again. */
  drained(): void {
    this.#congested = false;
    this.#unread = 0;
    this.#schedule();
  }

  /** Nothing more is sent; whoever waits goes on. */
  close(): void {
    this.#open = false;
    this.#next.release();
    this.#room.release();
  }

  /** The link is gone, and with it what it had not handed over. */
  lost(cause: unknown): void {
    for (const waiter of [...this.#flushing, ...this.#unflushed]) {
      const text = "The connection was lost before all of the message was handed over";
      waiter.reject(new MqttError("CONNECTION_LOST", text, { cause, delivery: "unknown" }));
    }
    this.#flushing = [];
    this.#unflushed.clear();
  }

  #added(): void {
    if (this.#writer.length >= FLUSH_AT) this.flush();
    else this.#schedule();
  }

  #hand(chunk: Uint8Array): void {
    this.lastSent = this.#clock.now();
    this.#handed();
    if (!this.#link.send(chunk, this.#flushing.length === 0 ? undefined : this.#flushed())) this.#congested = true;
  }

  /** What tells those who wait for the chunk that is being handed over. */
  #flushed(): () => void {
    const waiters = this.#flushing;
    this.#flushing = [];
    for (const waiter of waiters) this.#unflushed.add(waiter);
    return () => {
      for (const waiter of waiters) {
        this.#unflushed.delete(waiter);
        waiter.resolve();
      }
    };
  }

  #hurry(): void {
    if (this.#hurried) return;
    this.#hurried = true;
    this.#flushHurried ??= () => {
      this.#hurried = false;
      if (this.#open) this.flush();
    };
    void RESOLVED.then(this.#flushHurried);
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
    this.#next.release();
    if (this.#congested && this.#patient) return;
    this.#turnBytes = 0;
    this.#turnPackets = 0;
    if (!this.#congested) this.#room.release();
  }
}
