// SPDX-License-Identifier: Apache-2.0
// A session against a model of a correct broker, in random steps: publishes both ways, acks in random order, cuts that lose what
// is under way, sessions kept or lost. A seed that fails is named; MODEL_SEED=<seed> runs it alone.
import { expect, it } from "vitest";
import { type Accepted, seeded, SessionBench } from "./session-bench.js";

const SEEDS = 20_000;
/** Random steps of a seed; then the network is calm until everything is settled. */
const STEPS = 120;
const MESSAGES = 30;

/** A message of the broker's in the session of the moment, and how far its exchange has come. */
interface Outgoing {
  readonly topic: string;
  readonly number: number;
  readonly qos: 1 | 2;
  released: boolean;
}

class Model {
  readonly #random: () => number;
  readonly #receiveMaximum: number;
  /** Whether the broker sets DUP on what it resends. Most do. */
  readonly #flagged: boolean;
  readonly #bench: SessionBench;
  readonly #accepted: Accepted[] = [];
  #produced = 0;
  /** Topics of the client's that the broker took, and of the broker's that the client was given, in any session. */
  readonly #taken = new Set<string>();
  readonly #delivered = new Set<string>();
  /** Topics as they were delivered, beside `bench.delivered`; those that were acked; those that went with a session. */
  readonly #deliveries: string[] = [];
  readonly #acked = new Set<string>();
  readonly #lost = new Set<string>();
  // Of one session
  /** The identifier under which a publish was handed to a connection. */
  readonly #handed = new Map<string, number>();
  /** Identifiers of the client's that are not free. */
  readonly #live = new Map<number, string>();
  readonly #takenNow = new Set<string>();
  /** QoS 2 identifiers that the broker received and that were not released. */
  readonly #remembered = new Set<number>();
  readonly #outgoing = new Map<number, Outgoing>();
  #lastAnswered = -1;
  readonly #answered = new Set<number>();
  // Of one connection
  /** Received by the client and not answered. */
  readonly #given = new Set<number>();
  #up = false;
  #everUp = false;
  #window = 0;
  readonly #unanswered = new Set<number>();
  #lastPublished = -1;
  #toBroker: string[] = [];
  #toClient: (() => void)[] = [];

  constructor(seed: number) {
    this.#random = seeded(seed * 7927 + 13);
    for (let n = 0; n < 3; n++) this.#random(); // near seeds begin alike
    this.#flagged = this.#below(8) > 0;
    this.#receiveMaximum = 1 + this.#below(8);
    this.#bench = new SessionBench({ receiveMaximum: this.#receiveMaximum, highestPacketId: 4 + this.#below(28) });
  }

  run(): void {
    const { session, stats } = this.#bench;
    for (let step = 0; step < STEPS || session.hasState || this.#outgoing.size > 0; step++) {
      if (step === 20_000) throw new Error("not settled on a calm network");
      this.#step(step < STEPS);
      this.#observe();
    }
    check(
      this.#accepted.every(({ ack }) => ack?.reasonCode === 0),
      "a publish was not acknowledged",
    );
    check(this.#taken.size === this.#accepted.length, "the broker did not get every message");
    for (let n = 0; n < this.#produced; n++) {
      const got = ["m1", "m2"].some((kind) => this.#delivered.has(`${kind}-${n}`) || this.#lost.has(`${kind}-${n}`));
      check(got, `message ${n} was not delivered`);
    }
    check(stats.publishesInflight === 0 && stats.protocolErrors === 0, "the counters are wrong");
  }

  #step(stormy: boolean): void {
    const choice = this.#random();
    if (!this.#up) this.#connect(stormy);
    else if (stormy && choice < 0.06) this.#cut();
    else if (stormy && choice < 0.22 && this.#accepted.length < MESSAGES) this.#publish();
    else if (stormy && choice < 0.38 && this.#outgoing.size < this.#receiveMaximum) this.#produce();
    else if (choice < 0.55) this.#ack();
    else if (choice < 0.78 && this.#toBroker.length > 0) this.#serve();
    else if (this.#toClient.length > 0) this.#toClient.shift()?.();
    else if (this.#toBroker.length > 0) this.#serve();
  }

  // The application

  #publish(): void {
    const qos = this.#below(2) === 0 ? 1 : 2;
    this.#accepted.push(this.#bench.publish(`q${qos}-${this.#accepted.length}`, qos));
  }

  #ack(): void {
    const open = this.#bench.delivered.flatMap((message, index) => (message.settled ? [] : [index]));
    const index = open[this.#below(open.length)];
    if (index === undefined) return;
    this.#acked.add(this.#deliveries[index] as string);
    this.#bench.delivered[index]?.settle(0);
  }

  // The network

  #connect(stormy: boolean): void {
    const present = this.#everUp && (!stormy || this.#random() < 0.75);
    if (!present) this.#lose();
    this.#up = true;
    this.#everUp = true;
    this.#lastPublished = -1;
    this.#unanswered.clear();
    this.#given.clear();
    this.#window = 1 + this.#below(8);
    this.#bench.connected(present, { receiveMaximum: this.#window });
    for (const [id, message] of this.#outgoing) {
      if (message.released) this.#toClient.push(() => this.#bench.pubrel(id));
      else this.#toClient.push(() => this.#give(message, id, this.#flagged));
    }
  }

  /** The broker gets a part of what was under way to it, the client nothing more: the packet that was cut in two is lost. */
  #cut(): void {
    this.#bench.session.disconnected();
    this.#toBroker.length = this.#below(this.#toBroker.length + 1);
    while (this.#toBroker.length > 0) this.#serve();
    this.#toClient = [];
    this.#up = false;
  }

  /** The broker forgets the session. */
  #lose(): void {
    for (const { topic } of this.#outgoing.values()) this.#lost.add(topic);
    for (const part of [this.#handed, this.#live, this.#takenNow, this.#remembered, this.#outgoing, this.#answered]) {
      part.clear();
    }
    this.#lastAnswered = -1;
  }

  // The client, checked as its packets leave

  #observe(): void {
    for (const event of this.#bench.take()) {
      const [name, idText, ...words] = event.split(" ");
      if (name === "deliver") {
        const topic = idText as string;
        check(!(topic.startsWith("m2") && this.#delivered.has(topic)), `${topic} was delivered twice`);
        this.#delivered.add(topic);
        this.#deliveries.push(topic);
        continue;
      }
      const id = Number(idText);
      if (name === "PUBLISH") this.#published(id, words.at(-1) as string, words.length === 2);
      else if (name === "PUBACK" || name === "PUBREC") this.#answers(id);
      this.#toBroker.push(event);
    }
  }

  #published(id: number, topic: string, duplicate: boolean): void {
    const number = Number(topic.split("-")[1]);
    check(number > this.#lastPublished, `${topic} is out of order`);
    this.#lastPublished = number;
    check(duplicate === this.#handed.has(topic), `the DUP flag of ${topic} is ${duplicate}`);
    check(!duplicate || this.#handed.get(topic) === id, `${topic} changed its identifier`);
    check((this.#live.get(id) ?? topic) === topic, `identifier ${id} of ${this.#live.get(id)} is used for ${topic}`);
    this.#handed.set(topic, id);
    this.#live.set(id, topic);
    this.#unanswered.add(id);
    check(this.#unanswered.size <= this.#window, `more than ${this.#window} unanswered publishes`);
  }

  #answers(id: number): void {
    const message = this.#outgoing.get(id);
    if (message === undefined) throw new Error(`an answer to ${id}, which was not sent`);
    check(this.#given.delete(id), `an answer to ${id}, which did not come on this connection, or a second one`);
    check(this.#acked.has(message.topic), `${message.topic} is answered before it was acked`);
    if (this.#answered.has(message.number)) return;
    check(message.number > this.#lastAnswered, `${message.topic} is answered out of order`);
    this.#answered.add(message.number);
    this.#lastAnswered = message.number;
  }

  // The broker

  #produce(): void {
    let id = 1;
    while (this.#outgoing.has(id)) id++;
    const qos = this.#below(2) === 0 ? 1 : 2;
    const number = this.#produced++;
    const message: Outgoing = { topic: `m${qos}-${number}`, number, qos, released: false };
    this.#outgoing.set(id, message);
    this.#toClient.push(() => this.#give(message, id, false));
  }

  #give({ topic, qos }: Outgoing, id: number, duplicate: boolean): void {
    this.#given.add(id);
    this.#bench.receive(topic, qos, id, duplicate);
  }

  /** Handles the next packet of the client's. */
  #serve(): void {
    const [name, idText, ...words] = (this.#toBroker.shift() as string).split(" ");
    const id = Number(idText);
    const own = this.#outgoing.get(id);
    if (name === "PUBLISH") {
      this.#take(id, words.at(-1) as string);
    } else if (name === "PUBREL") {
      this.#remembered.delete(id);
      this.#toClient.push(() => this.#ended(id, () => this.#bench.pubcomp(id)));
    } else if (name === "PUBACK") {
      check(own?.qos === 1, "PUBACK answers no QoS 1 message");
      this.#outgoing.delete(id);
    } else if (name === "PUBREC") {
      check(own?.qos === 2, "PUBREC answers no QoS 2 message");
      if (own !== undefined) own.released = true;
      this.#toClient.push(() => this.#bench.pubrel(id));
    } else if (name === "PUBCOMP") {
      check(
        own?.released === true,
        `PUBCOMP ${id} ends nothing: it could have met the next message of that identifier`,
      );
      this.#outgoing.delete(id);
    } else {
      throw new Error(`the client sent ${name}`);
    }
  }

  #take(id: number, topic: string): void {
    if (topic.startsWith("q1")) {
      this.#taken.add(topic);
      this.#toClient.push(() => this.#ended(id, () => this.#bench.puback(id)));
      return;
    }
    if (!this.#remembered.has(id)) {
      check(!this.#takenNow.has(topic), `${topic} came twice in one session`);
      this.#takenNow.add(topic);
      this.#taken.add(topic);
    }
    this.#remembered.add(id);
    this.#toClient.push(() => this.#bench.pubrec(id));
  }

  /** The client hears that an exchange is over: from now on the identifier and the slot are free. */
  #ended(id: number, tell: () => void): void {
    this.#live.delete(id);
    this.#unanswered.delete(id);
    tell();
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

function check(condition: boolean, violation: string): void {
  if (!condition) throw new Error(violation);
}

function run(seed: number): void {
  try {
    new Model(seed).run();
  } catch (error) {
    throw new Error(`MODEL_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

it(`a session and a model of a broker agree over ${SEEDS} random runs`, () => {
  const only = process.env["MODEL_SEED"];
  if (only !== undefined) run(Number(only));
  else for (let seed = 1; seed <= SEEDS; seed++) run(seed);
  expect(() => check(false, "checked")).toThrow("checked");
});
