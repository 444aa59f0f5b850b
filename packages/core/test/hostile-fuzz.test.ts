// SPDX-License-Identifier: Apache-2.0
import { encode } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { valid } from "../../wire/test/byte-table.js";
import { publish } from "./bench.js";
import { type Scene, states } from "./connection-states.js";
import { seeded } from "./session-bench.js";

/** Of each kind, in each state. */
const SEEDS = 15;

/** Packets as a broker sends them; some of them only at another time. */
const good: readonly Uint8Array[] = [
  ...valid.map(({ bytes }) => bytes).filter(([first = 0]) => ![1, 8, 10, 12].includes(first >> 4)),
  encode(publish("t", "x", { qos: 1, packetId: 2 })),
  encode(publish("t", "x", { qos: 2, packetId: 1 })),
];

const kinds: Readonly<Record<string, (random: () => number) => Uint8Array>> = {
  "random bytes": (random) => Uint8Array.from({ length: 1 + below(random, 400) }, () => below(random, 256)),
  "good packets with something wrong": (random) => {
    const bytes: number[] = [];
    for (let n = 1 + below(random, 5); n > 0; n--) {
      const packet = [...(good[below(random, good.length)] as Uint8Array)];
      const at = below(random, packet.length);
      const how = below(random, 4);
      if (how === 0) packet[at] = below(random, 256);
      if (how === 1) packet.splice(at, 1 + below(random, 3));
      if (how === 2) packet.splice(at, 0, below(random, 256));
      bytes.push(...packet); // or, a quarter of the time, as it is
    }
    return Uint8Array.from(bytes);
  },
};

describe("whatever bytes come in whatever state [parity 196]", () => {
  for (const state of states) {
    for (const [kind, make] of Object.entries(kinds)) {
      it(`${state.name}: ${kind} throw nothing, leave nothing waiting, and disconnect still ends it all`, async () => {
        for (let seed = 1; seed <= SEEDS; seed++) {
          const scene = await state.enter({ maximumPacketSize: 65_536, topicAliasMaximum: 3 });
          const fate = await survive(scene, make, seeded(seed * 104_729)).catch((error: unknown) => error);
          expect({ seed, fate }).toEqual({ seed, fate: "closed, nothing waits" });
        }
      });
    }
  }
});

async function survive(
  scene: Scene,
  make: (random: () => number) => Uint8Array,
  random: () => number,
): Promise<string> {
  const { bench, client, connection, calls, ahead, deliver, release } = scene;
  if (ahead !== undefined) connection.send(ahead);
  const bytes = make(random);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + below(random, bytes.length));
    if (deliver === undefined) connection.link.send(bytes.slice(at, end));
    else deliver(bytes.slice(at, end));
    if (random() < 0.3) await bench.clock.settle();
    at = end;
  }
  await bench.clock.settle();
  release?.();
  connection.link.resume();
  await bench.clock.advance(random() < 0.5 ? 0 : 50);
  if (random() < 0.5) connection.cut();
  await bench.clock.settle();
  await bench.end(client); // which fails if a timer is left
  await bench.clock.settle();
  const waiting = Object.entries(calls).filter(([, { status }]) => status === "pending");
  return `${client.state.status}, ${waiting.map(([name]) => name).join(" and ") || "nothing"} waits`;
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}
