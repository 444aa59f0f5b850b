// SPDX-License-Identifier: Apache-2.0
import { concatenate } from "./bytes.js";
import type { Link, LinkAcceptor, LinkReceiver } from "./link.js";

/** What every link of a {@link contractPeer} begins with: it comes right behind the handshake, whatever that is. */
export const GREETING: Uint8Array = Uint8Array.from("transport contract\n", (letter) => letter.charCodeAt(0));

/** Bytes that show where they were lost or mixed up. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (seed + index * 7 + (index >> 8)) & 0xff;
  return bytes;
}

/** What the links of one peer know of each other. */
interface Registry {
  /** Links that do not read, by name. */
  readonly held: Map<string, Link>;
  /** What was counted, by name. */
  readonly counts: Map<string, number>;
}

/**
 * The other end of `transportContract`: what each link is to do stands in its first line. Hand it to a listener of the kind of
 * link that is tried: `listen(contractPeer())`.
 */
export function contractPeer(): LinkAcceptor {
  const registry: Registry = { held: new Map(), counts: new Map() };
  return {
    accept: (link) => link.open(new PeerReceiver(link, registry)),
  };
}

/** One link of the peer. Ends with it. */
class PeerReceiver implements LinkReceiver {
  readonly #link: Link;
  readonly #registry: Registry;
  #line: Uint8Array = new Uint8Array(0);
  #handle: ((bytes: Uint8Array) => void) | undefined;
  #drain: () => void = () => {};

  constructor(link: Link, registry: Registry) {
    this.#link = link;
    this.#registry = registry;
    link.send(GREETING);
  }

  received(chunk: Uint8Array): void {
    if (this.#handle === undefined) this.#command(chunk);
    else this.#handle(chunk);
  }

  #command(chunk: Uint8Array): void {
    this.#line = concatenate([this.#line, chunk]);
    const end = this.#line.indexOf(10);
    if (end === -1) return;
    const rest = this.#line.slice(end + 1);
    this.#obey(String.fromCharCode(...this.#line.subarray(0, end)).split(" "));
    if (rest.length > 0) this.#handle?.(rest);
  }

  drained(): void {
    this.#drain();
  }

  closed(): void {
    this.#drain = () => {};
  }

  #obey([command, argument = "", then = ""]: readonly string[]): void {
    const { held, counts } = this.#registry;
    this.#handle = () => {};
    if (command === "echo") this.#handle = (bytes) => void this.#link.send(bytes.slice());
    else if (command === "send") this.#send(Number(argument), then === "end");
    else if (command === "drop") this.#link.destroy();
    else if (command === "count") {
      counts.set(argument, 0);
      this.#handle = ({ length }) => void counts.set(argument, (counts.get(argument) ?? 0) + length);
    } else if (command === "report") {
      const count = counts.get(argument) ?? 0;
      this.#link.send(new Uint8Array([count >> 24, count >> 16, count >> 8, count]));
    } else if (command === "hold") {
      held.set(argument, this.#link);
      this.#link.pause();
    } else if (command === "release") held.get(argument)?.resume();
  }

  /** As fast as it is taken. */
  #send(length: number, end: boolean): void {
    const all = pattern(Math.min(length, 300_000), 0);
    let sent = 0;
    this.#drain = () => {
      while (sent < length) {
        const piece = all.subarray(0, Math.min(all.length, length - sent));
        sent += piece.length;
        if (!this.#link.send(piece)) return;
      }
      if (end) this.#link.end();
    };
    this.#drain();
  }
}
