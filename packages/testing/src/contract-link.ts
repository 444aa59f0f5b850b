// SPDX-License-Identifier: Apache-2.0
import { concatenate } from "./bytes.js";
import { GREETING } from "./contract-peer.js";
import type { Link } from "./link.js";

/** Who waits for so many bytes. */
interface Wait {
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A link on trial: opened, greeted, told what its other end is to do, and watched. Ends with the link. */
export class ContractLink {
  readonly #link: Link;
  /** Resolves with what `closed` said; rejects if the contract was broken. */
  readonly closed: Promise<Error | undefined>;
  /** Resolves when `drained` is first called. */
  readonly drained: Promise<void>;
  /** How often `drained` was called. */
  drains = 0;
  /** Bytes behind the greeting. */
  received = 0;
  /** Overwrites what it received, once it has a copy. */
  erasing = false;
  /** Keeps no bytes from here on. */
  counting = false;
  #greeting = 0;
  #chunks: Uint8Array[] = [];
  #waits: Wait[] = [];
  /** A call to the link is under way. */
  #calling = false;
  #over = false;
  #broken: Error | undefined;
  #resolveClosed!: (error: Error | undefined) => void;
  #rejectClosed!: (error: Error) => void;
  #resolveDrained!: () => void;

  constructor(link: Link, command: string) {
    this.#link = link;
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    this.closed.catch(() => {});
    this.drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
    const receiver = {
      received: (chunk: Uint8Array): void => this.#arrived(chunk),
      drained: (): void => {
        this.drains++;
        this.#resolveDrained();
      },
      closed: (error?: Error): void => this.#ended(error),
    };
    this.#call(() => link.open(receiver));
    this.send(Uint8Array.from(`${command}\n`, (letter) => letter.charCodeAt(0)));
  }

  get pendingBytes(): number {
    return this.#link.pendingBytes;
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    return this.#call(() => {
      return this.#link.send(
        chunk,
        flushed &&
          (() => {
            if (this.#calling) this.#breach("flushed was called from within a call to the link");
            if (this.#over) this.#breach("flushed was called after closed");
            flushed();
          }),
      );
    });
  }

  pause(): void {
    this.#call(() => this.#link.pause());
  }

  resume(): void {
    this.#call(() => this.#link.resume());
  }

  end(): void {
    this.#call(() => this.#link.end());
  }

  destroy(): void {
    this.#call(() => this.#link.destroy());
  }

  /** Destroys it and waits for its end. */
  async destroyed(): Promise<void> {
    this.destroy();
    await this.closed;
  }

  /** Waits for so many bytes in all, and gives those that were kept. */
  async bytes(count: number): Promise<Uint8Array> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.received < count) {
      if (this.#over) throw new Error(`it closed after ${this.received} of ${count} bytes`);
      await new Promise<void>((resolve, reject) => this.#waits.push({ count, resolve, reject }));
    }
    return concatenate(this.#chunks);
  }

  #call<T>(call: () => T): T {
    this.#calling = true;
    try {
      return call();
    } finally {
      this.#calling = false;
    }
  }

  #arrived(chunk: Uint8Array): void {
    if (this.#calling) this.#breach("received was called from within a call to the link");
    if (this.#over) this.#breach("received was called after closed");
    const from = Math.min(GREETING.length - this.#greeting, chunk.length);
    for (let index = 0; index < from; index++) {
      if (chunk[index] !== GREETING[this.#greeting + index]) this.#breach("the first bytes were lost");
    }
    this.#greeting += from;
    this.received += chunk.length - from;
    if (!this.counting) this.#chunks.push(new Uint8Array(chunk.subarray(from)));
    else if (this.#chunks.length > 0) this.#chunks = [];
    if (this.erasing) chunk.fill(0);
    for (const { resolve } of this.#waits.filter(({ count }) => count <= this.received)) resolve();
    this.#waits = this.#waits.filter(({ count }) => count > this.received);
  }

  #ended(error: Error | undefined): void {
    if (this.#calling) this.#breach("closed was called from within a call to the link");
    if (this.#over) this.#breach("closed was called twice");
    this.#over = true;
    for (const { count, reject } of this.#waits)
      reject(new Error(`it closed after ${this.received} of ${count} bytes`));
    if (this.#broken === undefined) this.#resolveClosed(error);
  }

  #breach(text: string): void {
    this.#broken ??= new Error(text);
    this.#rejectClosed(this.#broken);
    for (const { reject } of this.#waits) reject(this.#broken);
  }
}
