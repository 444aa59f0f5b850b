// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encode, PacketType, ReasonCode } from "@mqttv5/wire";
import { VirtualClock } from "@mqttv5/testing";
import { Client, type ClientOptions, type Link, type LinkReceiver } from "../src/index.js";

/** A broker that keeps nothing of what it sends: what the process holds, the client holds. */
export class ForgetfulLink implements Link {
  readonly pendingBytes = 0;
  paused = false;
  /** Takes nothing any more. */
  deaf = false;
  /** Bytes that were sent to it since. */
  unread = 0;
  ended = false;
  #receiver: LinkReceiver | undefined;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** A client that is connected over one. */
  static async client(
    options: Partial<ClientOptions> = {},
  ): Promise<{ clock: VirtualClock; client: Client; link: ForgetfulLink }> {
    const clock = new VirtualClock();
    const link = new ForgetfulLink(clock);
    const client = new Client({
      broker: "mqtt://test",
      clock,
      clientId: "client",
      transport: { connect: () => Promise.resolve(link) },
      ...options,
    });
    await clock.run(client.connect());
    return { clock, client, link };
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
  }

  send(chunk: Uint8Array): boolean {
    if (this.deaf) {
      this.unread += chunk.length;
      return false;
    }
    const type = (chunk[0] as number) >> 4;
    if (type === PacketType.Connect) {
      const reasonCode = ReasonCode.Success;
      this.#answer(encode({ type: PacketType.Connack, reasonCode, sessionPresent: false }));
    } else if (type === PacketType.Subscribe) {
      const packetId = ((chunk[2] as number) << 8) | (chunk[3] as number);
      this.#answer(encode({ type: PacketType.Suback, packetId, reasonCodes: [1] }));
    }
    return true;
  }

  receive(chunk: Uint8Array): void {
    this.#receiver?.received(chunk);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    this.destroy();
  }

  destroy(): void {
    this.#clock.afterTurn(() => this.#receiver?.closed());
  }

  #answer(chunk: Uint8Array): void {
    this.#clock.afterTurn(() => this.receive(chunk));
  }
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes of all buffers in use. What a collection frees is counted as freed a little later. */
export async function held(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}
