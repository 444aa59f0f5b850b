// SPDX-License-Identifier: Apache-2.0
import { viewOf } from "./bytes.js";

/** A copy shares its memory with others, and so pins at most this many times its size. */
const sharing = 4;

/**
 * Memory for copies of short frames. Reserving memory takes several times as long as copying, so a few copies share a piece:
 * one that is kept pins at most four times its size. Lives as long as the module, and holds the latest piece.
 */
export class CopyMemory {
  /** The memory of the latest copy. */
  piece: Uint8Array = new Uint8Array(0);
  private used = 0;

  /** Copies `length` bytes, and returns where in `piece` the copy begins. */
  add(bytes: Uint8Array, start: number, length: number): number {
    let position = this.used;
    if (position + length > this.piece.length || this.piece.length > sharing * length) {
      this.piece = new Uint8Array(sharing * length);
      position = 0;
    }
    this.piece.set(viewOf(bytes, start, length), position);
    this.used = position + length;
    return position;
  }
}
