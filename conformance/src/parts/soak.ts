// SPDX-License-Identifier: Apache-2.0
import { type Client, constantBackoff, type MessageQueue, PacketType } from "@mqttv5/core";
import { expect } from "vitest";
import type { CuttingProxy, Step } from "../cutting-proxy.js";
import { within } from "../patience.js";
import type { Stage } from "../stage.js";
import type { Check } from "../suite.js";

const SEEDS = [1, 2];
/** As many as it takes for both links to be cut that often, in rounds; a broker that hangs must not have this go on for ever. */
const ROUND = 100;
const ROUNDS = 50;
const CUTS = 15;
/** Milliseconds for a round; reached only when something is lost. */
const LIMIT = 25_000;

const { Connack, Connect, Puback, Pubcomp, Publish, Pubrec, Pubrel } = PacketType;

const outward: readonly Step[] = [
  { from: "client", type: Publish },
  { from: "broker", type: Puback },
  { from: "broker", type: Pubrec },
  { from: "client", type: Pubrel },
  { from: "broker", type: Pubcomp },
];
const inward: readonly Step[] = outward.map(({ from, type }) => ({
  from: from === "client" ? "broker" : "client",
  type,
}));
const handshake: readonly Step[] = [
  { from: "client", type: Connect },
  { from: "broker", type: Connack },
];

/** Both links are cut again and again, at any step and within any packet, as a seed has it. */
export function soak(check: Check): void {
  for (const seed of SEEDS) {
    check(
      `messages over links that are cut anywhere, again and again: none is lost, none of QoS 2 comes twice (seed ${seed}) [parity 196]`,
      async (stage) => {
        const random = seeded(seed);
        const publishing = await party(stage);
        const subscribing = await party(stage);
        const queue = await subscribing.client.subscribeQueue(stage.topic("soak/#"), { qos: 2 });
        await publishing.client.subscribeQueue(stage.topic("anchor")); // some brokers keep a session only for a subscription
        const saboteurs = [
          new Saboteur(publishing.proxy, outward, random),
          new Saboteur(subscribing.proxy, inward, random),
        ];
        const received: string[] = [];
        let sent = 0;
        for (let round = 0; round < ROUNDS && saboteurs.some(({ done }) => !done); round++) {
          const missing = new Set(Array.from({ length: ROUND }, (_, n) => `${sent + n}`));
          const arriving = collect(queue, (text) => missing.delete(text) && missing.size === 0);
          arriving.catch(() => {}); // the publishes may fail first
          const published = [...missing].map((text) => {
            const qos = Number(text) % 2 === 0 ? 1 : 2;
            return publishing.client.publish(stage.topic(`soak/${qos}`), text, { qos });
          });
          sent += ROUND;
          const results = await within("all acknowledgements", Promise.all(published), LIMIT);
          for (const { reasonCode } of results) expect(reasonCode).toBe(0);
          received.push(...(await within("all messages", arriving, LIMIT)));
          for (const saboteur of saboteurs) saboteur.goOn();
        }
        const cuts = saboteurs.map((saboteur) => saboteur.stop());
        for (const count of cuts) expect(count).toBeGreaterThanOrEqual(CUTS);
        for (const { client } of [publishing, subscribing]) {
          await within("the connection", client.connected());
          expect(client.stats()).toMatchObject({ protocolErrors: 0, publishesInflight: 0 });
        }
        // What came twice at QoS 2, if anything did, has come by the time that this one has.
        await publishing.client.publish(stage.topic("soak/2"), "end", { qos: 2 });
        const rest = collect(queue, (text) => text === "end");
        received.push(...(await within("the rest", rest, LIMIT)).slice(0, -1));
        const exactlyOnce = received.filter((text) => Number(text) % 2 === 1);
        expect(new Set(received).size).toBe(sent);
        expect(exactlyOnce.length).toBe(sent / 2);
      },
      "exactly once with many in flight",
    );
  }
}

async function party(stage: Stage): Promise<{ client: Client; proxy: CuttingProxy }> {
  return stage.cuttable({ reconnectBackoff: constantBackoff(1) });
}

/** Cuts a link a fixed number of times: at the n-th packet of some kind, somewhere within it; or the next handshake. */
class Saboteur {
  readonly #proxy: CuttingProxy;
  readonly #steps: readonly Step[];
  readonly #random: () => number;
  #cuts = 0;
  #disarm: () => void = () => {};

  constructor(proxy: CuttingProxy, steps: readonly Step[], random: () => number) {
    this.#proxy = proxy;
    this.#steps = steps;
    this.#random = random;
    this.#arm();
  }

  /** It has cut as often as it is to. */
  get done(): boolean {
    return this.#cuts >= CUTS;
  }

  /** Looks for another moment: the one it waits for, such as a handshake that is over, may never come. */
  goOn(): void {
    this.#disarm();
    if (!this.done) this.#arm();
  }

  /** No more cuts. Gives how many there were. */
  stop(): number {
    this.#disarm();
    return this.#cuts;
  }

  #arm(): void {
    const random = this.#random;
    const next = this.#cuts > 0 && random() < 0.2;
    const steps = next ? handshake : this.#steps;
    const step = steps[Math.floor(random() * steps.length)] as Step;
    const nth = next ? 1 : 1 + Math.floor(random() * 6);
    this.#disarm = this.#proxy.arm(step, nth, random(), () => {
      if (++this.#cuts < CUTS) this.#arm();
    });
  }
}

/** What arrives, up to the first that is the last. */
async function collect(queue: MessageQueue, isLast: (text: string) => boolean): Promise<string[]> {
  const received: string[] = [];
  for (;;) {
    const message = await queue.dequeue();
    if (message === undefined) throw new Error("the subscription has ended");
    message.ack();
    received.push(message.text());
    if (isLast(message.text())) return received;
  }
}

/** Numbers from a seed. */
function seeded(seed: number): () => number {
  let state = (seed * 7919) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
