// SPDX-License-Identifier: Apache-2.0

import { concatenate } from "./bytes.js";
import type { Clock } from "./clock.js";
import type { Fault } from "./fault.js";
import { Fifo } from "./fifo.js";
import type { Link, LinkReceiver } from "./link.js";

/** No first byte of a packet, and no UTF-8. */
const OVERWRITTEN = 0xff;

interface Settings {
  readonly clock: Clock;
  readonly latency: number;
  readonly highWaterMark: number;
  readonly transcript: boolean;
}

/** Bytes under way, or the end of the stream. */
interface Parcel {
  readonly chunk: Uint8Array | undefined;
  /** When it may arrive. */
  readonly due: number;
}

/**
 * One end of a link pair: owns what it sends until the other end has it.
 *
 * Lives until both directions have ended, or one end was destroyed, or the pair was cut.
 */
export class MemoryLink implements Link, Fault {
  readonly #settings: Settings;
  #peer!: MemoryLink;

  // The outgoing stream.
  readonly #parcels: Fifo<Parcel> = new Fifo();
  /** Bytes of the first parcel that were delivered already. */
  #consumed = 0;
  #pendingBytes = 0;
  #deliveredBytes = 0;
  #drainWanted = false;
  #ended = false;
  #finished = false;
  #deliveryScheduled = false;
  /** Who wants to know when how many bytes were delivered, in that order. */
  readonly #flushes: Fifo<{ readonly offset: number; readonly flushed: () => void }> = new Fifo();

  // Faults.
  #stalled = false;
  #chunkSize = Infinity;
  readonly #corruptions: Map<number, number> = new Map();
  #actions: { readonly offset: number; readonly action: () => void }[] = [];
  readonly #sent: Uint8Array[] = [];

  // The receiving side.
  #receiver: LinkReceiver | undefined;
  #paused = false;
  #closing = false;
  #error: Error | undefined;
  /** What it receives is overwritten when its receiver has returned. */
  #overwrites = false;

  private constructor(settings: Settings) {
    this.#settings = settings;
  }

  static pair(settings: Settings): [MemoryLink, MemoryLink] {
    const one = new MemoryLink(settings);
    const other = new MemoryLink(settings);
    one.#overwrites = true;
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  open(receiver: LinkReceiver): void {
    if (this.#receiver) throw new Error("the link was opened already");
    this.#receiver = receiver;
    if (this.#closing) this.#scheduleClosed();
    else this.#peer.#scheduleDelivery();
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    if (this.#ended || this.#closing) return false;
    if (chunk.length === 0) return !this.#drainWanted;
    if (this.#settings.transcript) this.#sent.push(chunk.slice());
    this.#pendingBytes += chunk.length;
    if (flushed) this.#flushes.push({ offset: this.#deliveredBytes + this.#pendingBytes, flushed });
    this.#enqueue(chunk);
    if (this.#pendingBytes <= this.#settings.highWaterMark) return true;
    this.#drainWanted = true;
    return false;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#peer.#scheduleDelivery();
  }

  end(): void {
    if (this.#ended || this.#closing) return;
    this.#ended = true;
    this.#enqueue(undefined);
  }

  destroy(): void {
    if (this.#closing) return;
    this.#dropPending();
    this.#enqueue(undefined); // the other end learns of it when the line lets it
    this.#ended = true;
    this.#close(undefined);
  }

  cut(error?: Error): void {
    for (const end of [this, this.#peer]) {
      end.#dropPending();
      end.#ended = true;
      end.#close(error);
    }
  }

  stall(): void {
    this.#stalled = true;
  }

  unstall(): void {
    this.#stalled = false;
    this.#scheduleDelivery();
  }

  split(size: number): void {
    if (!(size >= 1)) throw new RangeError(`size must be at least 1, not ${size}`);
    this.#chunkSize = size;
  }

  corrupt(offset: number, xor: number = 0xff): void {
    this.#assertAhead(offset);
    this.#corruptions.set(offset, xor);
  }

  at(offset: number, action: () => void): void {
    this.#assertAhead(offset);
    this.#actions = [...this.#actions, { offset, action }].toSorted((one, other) => one.offset - other.offset);
  }

  get transcript(): Uint8Array {
    return concatenate(this.#sent);
  }

  get deliveredBytes(): number {
    return this.#deliveredBytes;
  }

  #assertAhead(offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`not an offset: ${offset}`);
    if (offset < this.#deliveredBytes) throw new RangeError(`byte ${offset} was delivered already`);
  }

  #enqueue(chunk: Uint8Array | undefined): void {
    this.#parcels.push({ chunk, due: this.#settings.clock.now() + this.#settings.latency });
    this.#scheduleDelivery();
  }

  /** One delivery a turn, so that the receiver's promise reactions run between two chunks, as with a socket. */
  #scheduleDelivery(): void {
    const first = this.#parcels.first;
    if (this.#deliveryScheduled || !first || !this.#deliverable) return;
    this.#deliveryScheduled = true;
    const deliver = (): void => {
      this.#deliveryScheduled = false;
      this.#deliver();
      this.#scheduleDelivery();
    };
    const delay = first.due - this.#settings.clock.now();
    if (delay > 0) this.#settings.clock.schedule(delay, deliver);
    else this.#settings.clock.afterTurn(deliver);
  }

  get #deliverable(): boolean {
    const peer = this.#peer;
    return !this.#stalled && peer.#receiver !== undefined && !peer.#paused && !peer.#closing;
  }

  #deliver(): void {
    this.#runActions();
    const parcel = this.#parcels.first;
    if (!parcel || !this.#deliverable || parcel.due > this.#settings.clock.now()) return;
    if (parcel.chunk === undefined) {
      this.#parcels.shift();
      this.#finish();
      return;
    }
    const chunk = this.#take(parcel.chunk);
    const drained = this.#pendingBytes === 0 && this.#drainWanted;
    if (drained) this.#drainWanted = false;
    this.#peer.#receive(chunk);
    this.#runActions();
    if (this.#closing) return;
    for (let next = this.#flushes.first; next && next.offset <= this.#deliveredBytes; next = this.#flushes.first) {
      this.#flushes.shift();
      next.flushed();
    }
    if (drained) this.#receiver?.drained();
  }

  #receive(chunk: Uint8Array): void {
    if (!this.#overwrites) {
      this.#receiver?.received(chunk);
      return;
    }
    const bytes = new Uint8Array(chunk);
    this.#receiver?.received(bytes);
    bytes.fill(OVERWRITTEN);
  }

  /** The next piece of the first parcel, no longer than a split or an action allows. */
  #take(chunk: Uint8Array): Uint8Array {
    const left = chunk.length - this.#consumed;
    const border = (this.#actions[0]?.offset ?? Infinity) - this.#deliveredBytes;
    const length = Math.min(left, this.#chunkSize, border);
    let piece = chunk.subarray(this.#consumed, this.#consumed + length);
    if (length === left) {
      this.#parcels.shift();
      this.#consumed = 0;
    } else {
      this.#consumed += length;
    }
    for (const [offset, xor] of this.#corruptions) {
      const index = offset - this.#deliveredBytes;
      if (index < 0 || index >= length) continue;
      piece = piece.slice(); // the sender may use a constant
      piece[index] = (piece[index] ?? 0) ^ xor;
      this.#corruptions.delete(offset);
    }
    this.#pendingBytes -= length;
    this.#deliveredBytes += length;
    return piece;
  }

  #runActions(): void {
    for (let next = this.#actions[0]; next && next.offset <= this.#deliveredBytes; next = this.#actions[0]) {
      this.#actions.shift();
      next.action();
    }
  }

  /** All that this end sent has arrived, and so did its end: the other end flushes and closes too. */
  #finish(): void {
    const peer = this.#peer;
    this.#finished = true;
    if (this.#closing) {
      peer.#dropPending();
      peer.#close(undefined);
      return;
    }
    peer.end();
    if (peer.#finished) {
      this.#close(undefined);
      peer.#close(undefined);
    }
  }

  #dropPending(): void {
    this.#parcels.clear();
    this.#flushes.clear();
    this.#consumed = 0;
    this.#pendingBytes = 0;
    this.#drainWanted = false;
  }

  #close(error: Error | undefined): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#error = error;
    if (this.#receiver) this.#scheduleClosed();
  }

  #scheduleClosed(): void {
    this.#settings.clock.afterTurn(() => this.#receiver?.closed(this.#error));
  }
}
