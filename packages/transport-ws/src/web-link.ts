// SPDX-License-Identifier: Apache-2.0
import type { Clock, Link, LinkReceiver, Timer } from "@mqttv5/core";
import { closedByPeer, frameTooLarge, textFrame, WsError } from "./error.js";

/** What every platform's WebSocket has. */
export interface PlatformSocket {
  binaryType: string;
  readonly protocol: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

const OPEN = 1;

/** Bytes in the socket's buffer above which `send` returns false: the look at whether they left comes only with a timer. */
const HIGH_WATER = 262_144;

/** Milliseconds between looks at `bufferedAmount`, of which no platform tells when it falls: doubled while it does not. */
const SHORTEST_LOOK = 4;
const LONGEST_LOOK = 128;

/** While it is paused a platform's WebSocket goes on reading: this many frames of the largest size may wait here. */
const HELD_FRAMES = 4;

/** A code of our own (4000 to 4999): pages may not send 1003 or 1009. */
const REFUSED = 4003;

/** A platform's WebSocket as a link. Made when it has opened; ends when either side has closed. */
export class WebLink implements Link {
  readonly #socket: PlatformSocket;
  readonly #clock: Clock;
  readonly #maximumFrameSize: number;
  #receiver: LinkReceiver | undefined;

  // What was read and not delivered.
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #paused = true;
  #delivering = false;

  // What was sent and has not left.
  #sentBytes = 0;
  #drainWanted = false;
  #flushes: { readonly offset: number; readonly flushed: () => void }[] = [];
  #lookTimer: Timer | undefined;
  #lookDelay = SHORTEST_LOOK;
  #lastBuffered = 0;

  /** Nothing more is sent. */
  #ended = false;
  /** The socket is gone, or we are done with it. */
  #closed = false;
  #error: Error | undefined;
  #told = false;

  constructor(socket: PlatformSocket, clock: Clock, maximumFrameSize: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#maximumFrameSize = maximumFrameSize;
    socket.onopen = null;
    let told = "";
    socket.onerror = ({ message }) => {
      told = message ?? ""; // browsers say nothing; `close` follows in any case
    };
    socket.onmessage = ({ data }) => this.#message(data);
    socket.onclose = ({ code, reason }) => {
      if (!this.#ended) this.#error ??= closedByPeer(code, reason || told);
      this.#close();
    };
  }

  get pendingBytes(): number {
    return this.#closed ? 0 : this.#socket.bufferedAmount;
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.resume();
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    const socket = this.#socket;
    if (this.#ended || socket.readyState !== OPEN) return false;
    socket.send(chunk); // one binary frame [MQTT-6.0.0-1]
    this.#sentBytes += chunk.length;
    const full = socket.bufferedAmount > HIGH_WATER;
    this.#drainWanted ||= full;
    if (flushed !== undefined) this.#flushes.push({ offset: this.#sentBytes, flushed });
    if (full || flushed !== undefined) this.#look();
    return !full;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.close(1000); // leaves behind all that was sent
  }

  destroy(): void {
    if (this.#closed && this.#held.length === 0) return;
    this.#ended = true;
    this.#abandon(1000, "");
  }

  /** Packets may span and share frames [MQTT-6.0.0-2]: to the receiver it is all one stream. */
  #message(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.#refuse(textFrame());
    const size = data.byteLength;
    if (size > this.#maximumFrameSize) return this.#refuse(frameTooLarge(this.#maximumFrameSize));
    if (size === 0) return;
    if (!this.#paused && this.#held.length === 0) {
      this.#receiver?.received(new Uint8Array(data));
      return;
    }
    this.#held.push(new Uint8Array(data));
    this.#heldBytes += size;
    const limit = HELD_FRAMES * this.#maximumFrameSize;
    if (this.#heldBytes <= limit) return;
    const text = `The broker sent more than ${limit} bytes while reading was paused`;
    this.#refuse(new WsError("READ_OVERFLOW", text, "maximumFrameSize", this.#maximumFrameSize));
  }

  /** One chunk a turn, as a socket would. */
  #deliver(): void {
    if (this.#delivering || (this.#held.length === 0 && !this.#closed)) return;
    this.#delivering = true;
    this.#clock.afterTurn(() => {
      this.#delivering = false;
      if (this.#receiver === undefined || (this.#paused && !(this.#closed && this.#held.length === 0))) return;
      const chunk = this.#held.shift();
      if (chunk === undefined) {
        if (this.#closed) this.#tell();
        return;
      }
      this.#heldBytes -= chunk.length;
      this.#receiver.received(chunk);
      this.#deliver();
    });
  }

  #refuse(error: Error): void {
    this.#error ??= error;
    this.#ended = true;
    this.#abandon(REFUSED, error.message.slice(0, 100));
  }

  /** The platform may take its time to close, which must not keep anybody waiting. */
  #abandon(code: number, reason: string): void {
    const socket = this.#socket;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(code, reason);
    this.#held.length = 0;
    this.#heldBytes = 0;
    this.#close();
  }

  /** The end comes behind what was read before it. */
  #close(): void {
    this.#closed = true;
    this.#ended = true;
    this.#lookTimer?.cancel();
    this.#flushes = [];
    this.#deliver();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#receiver?.closed(this.#error);
  }

  /** Looks again, as long as there is something to see. */
  #look(): void {
    this.#lookTimer ??= this.#clock.schedule(this.#lookDelay, () => {
      this.#lookTimer = undefined;
      this.#looked(this.#socket.bufferedAmount);
      if (!this.#closed && (this.#drainWanted || this.#flushes.length > 0)) this.#look();
    });
  }

  #looked(buffered: number): void {
    this.#lookDelay = buffered < this.#lastBuffered ? SHORTEST_LOOK : Math.min(this.#lookDelay * 2, LONGEST_LOOK);
    this.#lastBuffered = buffered;
    const left = this.#sentBytes - buffered;
    const done = this.#flushes.filter(({ offset }) => offset <= left);
    this.#flushes = this.#flushes.filter(({ offset }) => offset > left);
    for (const { flushed } of done) flushed();
    if (buffered > 0 || !this.#drainWanted || this.#closed) return;
    this.#drainWanted = false;
    this.#lookDelay = SHORTEST_LOOK;
    this.#receiver?.drained();
  }
}
