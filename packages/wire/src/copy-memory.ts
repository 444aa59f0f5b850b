// SPDX-License-Identifier: Apache-2.0
import { viewOf } from "./bytes.js";

/** A copy shares its memory with others, and so pins at most this many times its size. */
const sharing = 4;
/** Memory larger than this is not held on to for the frames that may follow. */
const largestSource = 262_144;

/**
 * Memory for copies of short frames. Reserving memory takes several times as long as copying, so a few copies share a piece:
 * one that is kept pins at most four times its size. Lives as long as the module, and holds the latest piece.
 */
export class CopyMemory {
  /** The memory of the latest copy. */
  piece: Uint8Array = new Uint8Array(0);
  private used = 0;
  /** What the piece is a copy of, from where on, where that was not a frame alone. */
  private source: Uint8Array | undefined = undefined;
  private from = 0;

  /** Copies `length` bytes, and returns where in `piece` the copy begins. */
  add(bytes: Uint8Array, start: number, length: number): number {
    let position = this.used;
    if (position + length > this.piece.length || this.piece.length > sharing * length) {
      this.piece = new Uint8Array(sharing * length);
      position = 0;
      this.source = undefined;
    }
    this.piece.set(viewOf(bytes, start, length), position);
    this.used = position + length;
    return position;
  }

  /**
   * The same, where all of `bytes` is there and does not change any more: what follows, most likely the next frames, is
   * copied together with this one, and then waits for them.
   */
  addAhead(bytes: Uint8Array, start: number, length: number): number {
    const position = start - this.from;
    // What has been given away once is not given away again, and a piece that was transferred has no length.
    if (this.source === bytes && position >= this.used && position + length <= this.piece.length) {
      if (this.piece.length <= sharing * length) {
        this.used = position + length;
        return position;
      }
    }
    if (bytes.length - start < 2 * length || bytes.buffer.byteLength > largestSource)
      return this.add(bytes, start, length);
    this.piece = viewOf(bytes, start, Math.min(sharing * length, bytes.length - start)).slice();
    this.source = bytes;
    this.from = start;
    this.used = length;
    return 0;
  }
}
