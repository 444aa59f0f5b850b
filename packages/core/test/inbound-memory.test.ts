// SPDX-License-Identifier: Apache-2.0
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encode, PacketType, ReasonCode, type QoS } from "@mqttv5/wire";
import { VirtualClock } from "@mqttv5/testing";
import { describe, expect, it } from "vitest";
import { Client, type Link, type LinkReceiver } from "../src/index.js";
import { publish } from "./bench.js";

const MIB = 1 << 20;

/** A broker that keeps nothing of what it sends: what the process holds, the client holds. */
class ForgetfulLink implements Link {
  readonly pendingBytes = 0;
  paused = false;
  #receiver: LinkReceiver | undefined;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
  }

  send(chunk: Uint8Array): boolean {
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
async function held(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}

describe("received messages of 1 MiB [decision 2]", () => {
  it.each<[QoS, number | undefined]>([
    [0, 8],
    [1, 8],
    [0, undefined],
    [1, undefined],
  ])("at QoS %i occupy no more than maximumBufferedBytes (%s MiB, by default 64), measured", async (qos, mebibytes) => {
    const limit = mebibytes ?? 64;
    const clock = new VirtualClock();
    const link = new ForgetfulLink(clock);
    const client = new Client({
      broker: "mqtt://test",
      clock,
      clientId: "client",
      transport: { connect: () => Promise.resolve(link) },
      ...(mebibytes === undefined ? {} : { maximumBufferedBytes: mebibytes * MIB }),
    });
    await clock.run(client.connect());
    const queue = await clock.run(client.subscribeQueue("a", { qos }));
    const payload = "x".repeat(MIB);
    const before = await held();
    let sent = 0;
    while (sent < 100 && !link.paused)
      link.receive(encode(publish("a", payload, qos === 0 ? {} : { qos, packetId: ++sent })));
    await clock.settle();
    const grown = (await held()) - before;
    expect(queue.size).toBe(limit);
    expect(grown).toBeGreaterThan(limit * MIB);
    expect(grown).toBeLessThan((limit + 0.5) * MIB);
    await clock.run(client.disconnect());
  });
});
