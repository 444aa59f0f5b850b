// SPDX-License-Identifier: Apache-2.0
import type { Clock, Link, LinkReceiver } from "@mqttv5/core";
import type { RawData, WebSocket } from "ws";
import { closedByPeer, frameTooLarge, textFrame, WsError } from "./error.js";

/** Bytes in the socket's buffer above which `send` returns false. */
const HIGH_WATER = 65_536;

/** MQTT needs no compression of ours, and every write is one binary frame, whole [MQTT-6.0.0-1]. */
const WHOLE = { binary: true, compress: false, fin: true };

/** A WebSocket of the package `ws` as a link. Made when it has opened; ends with the socket. */
export class NodeLink implements Link {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #maximumFrameSize: number;
  #receiver: LinkReceiver | undefined;
  #drainWanted = false;
  /** `end` or `destroy` was called, or the other side broke the rules: nothing more is sent. */
  #ended = false;
  /** Nothing more is delivered either. */
  #deaf = false;
  /** Why it is closing, if anything is wrong. */
  #error: Error | undefined;
  #closed = false;

  constructor(socket: WebSocket, clock: Clock, maximumFrameSize: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#maximumFrameSize = maximumFrameSize;
    // What came with the handshake waits in the socket until somebody listens.
    socket.pause();
    socket.on("message", (data, isBinary) => this.#message(data, isBinary));
    socket.on("error", (error) => this.#failed(error));
    socket.on("close", (code, reason) => this.#gone(code, reason.toString()));
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount;
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    if (this.#closed) this.#clock.afterTurn(() => receiver.closed(this.#error));
    else this.#socket.resume();
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    const socket = this.#socket;
    if (this.#ended || socket.readyState !== socket.OPEN) return false;
    socket.send(chunk, WHOLE, flushed === undefined ? this.#written : (error) => this.#written(error, flushed));
    if (socket.bufferedAmount <= HIGH_WATER) return true;
    this.#drainWanted = true;
    return false;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    // The wait for the other side's close frame is bounded; that for what is pending is not.
    if (this.#socket.bufferedAmount === 0) this.#socket.close(1000);
  }

  destroy(): void {
    this.#ended = true;
    this.#deaf = true;
    this.#socket.terminate();
  }

  /** A write has left, or has failed with the socket. */
  readonly #written = (error?: Error | null, flushed?: () => void): void => {
    if ((error !== undefined && error !== null) || this.#closed) return;
    flushed?.();
    if (this.#socket.bufferedAmount > 0) return;
    if (this.#drainWanted) {
      this.#drainWanted = false;
      if (!this.#deaf) this.#receiver?.drained();
    }
    if (this.#ended && this.#error === undefined) this.#socket.close(1000);
  };

  /** Packets may span and share frames [MQTT-6.0.0-2]: to the receiver it is all one stream. */
  #message(data: RawData, isBinary: boolean): void {
    if (this.#deaf) return;
    if (!isBinary) {
      this.#refuse(textFrame());
      this.#socket.close(1003, "MQTT needs binary frames");
      return;
    }
    for (const part of data as Buffer[]) {
      if (part.length > 0) this.#receiver?.received(part);
      if (this.#deaf) return;
    }
  }

  #failed(error: Error & { readonly code?: string }): void {
    if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.#refuse(frameTooLarge(this.#maximumFrameSize, error));
    else if (error.code?.startsWith("WS_ERR_") === true) {
      this.#refuse(new WsError("BAD_FRAME", error.message, "frame", error.code, { cause: error }));
    } else this.#refuse(error);
  }

  #refuse(error: Error): void {
    this.#error ??= error;
    this.#ended = true;
    this.#deaf = true;
    this.#socket.resume(); // to see the other side close
  }

  #gone(code: number, reason: string): void {
    if (!this.#ended) this.#error ??= closedByPeer(code, reason);
    this.#ended = true;
    this.#closed = true;
    this.#receiver?.closed(this.#error);
  }
}
