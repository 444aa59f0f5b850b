// SPDX-License-Identifier: Apache-2.0

import { DecodeError, type DecodedPacket, decode, type Sender } from "@mqttv5/wire";

/**
 * The bytes one side of a script received and has not looked at yet. Nothing is decoded before a script asks for it, so
 * that bytes and packets can be expected in any mixture. Lives as long as its connection.
 */
export class Inbox {
  readonly #sender: Sender;
  #buffer: Uint8Array = new Uint8Array(1024);
  #start = 0;
  #end = 0;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** A view of what is there, until the next change. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (this.#end + chunk.length > this.#buffer.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(this.bytes);
      this.#buffer = larger;
      this.#start = 0;
      this.#end = length - chunk.length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Whether the next packet is there as a whole. A length that can't be read counts as one: taking it explains. */
  get hasPacket(): boolean {
    const end = this.#packetEnd();
    return end !== undefined && end <= this.length;
  }

  /** Takes the next packet, which must be there. */
  takePacket(): DecodedPacket {
    const end = this.#packetEnd() ?? this.length;
    return decode(this.take(end), 0, end, { sender: this.#sender });
  }

  /** The packets that are there, decoded but not taken; an error in place of one that can't be decoded. */
  peekPackets(): readonly (DecodedPacket | DecodeError)[] {
    const ahead = new Inbox(this.#sender);
    ahead.add(this.bytes);
    const packets: (DecodedPacket | DecodeError)[] = [];
    while (ahead.hasPacket) {
      try {
        packets.push(ahead.takePacket());
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        packets.push(error);
      }
    }
    return packets;
  }

  /** Takes exactly that many bytes, which must be there. */
  take(length: number): Uint8Array {
    const taken = this.#buffer.slice(this.#start, this.#start + length);
    this.#start += length;
    return taken;
  }

  /** Where the next packet ends, which may be beyond what is there; undefined while its length isn't known. */
  #packetEnd(): number | undefined {
    let length = 0;
    for (let index = 1; index <= 4; index++) {
      const byte = this.bytes[index];
      if (byte === undefined) return undefined;
      length += (byte & 0x7f) << (7 * (index - 1));
      if (byte < 0x80) return index + 1 + length;
    }
    return this.length; // a fifth length byte: malformed
  }
}
