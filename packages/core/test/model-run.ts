// SPDX-License-Identifier: Apache-2.0
// One seed of the random model: an application that does anything at any time, a network that breaks at any byte, a broker that
// forgets and refuses; then calm weather, in which everything has to come to its end.
import { VirtualClock } from "@mqttv5/testing";
import {
  type CallbackSubscription,
  Client,
  type ClientOptions,
  constantBackoff,
  type Message,
  MqttError,
  type PublishOptions,
  type Subscription,
} from "../src/index.js";
import { HIGHEST_PACKET_ID } from "../src/session/packet-identifiers.js";
import { codeOf, follow, type Outcome } from "./bench.js";
import { ModelBroker } from "./model-broker.js";
import type { Produced, Sent } from "./model-wire.js";
import { seeded } from "./session-bench.js";

/** Things that happen before the weather is calm. */
const STEPS = 16;
/** Milliseconds between looks at whether all is settled, and how many there may be. */
const CALM = 5;
const LOOKS = 400;

/** What a publish may fail with, by what is said of its delivery. */
const FAILURES: Readonly<Record<string, readonly string[]>> = {
  "not-sent": ["NOT_CONNECTED", "CLOSED", "ABORTED", "TIMEOUT", "PACKET_IDS_EXHAUSTED"],
  unknown: ["CLOSED", "ABORTED", "TIMEOUT", "SESSION_LOST"],
  refused: ["REFUSED", "NOT_AUTHORIZED", "QUOTA_EXCEEDED"],
};

/** A message that the application holds. */
interface Held {
  readonly produced: Produced;
  settle(code: number): void;
}

interface Extra {
  readonly filter: string;
  readonly outcome: Outcome<Subscription>;
  ended: boolean;
}

export class ModelRun {
  readonly #random: () => number;
  readonly #clock: VirtualClock;
  readonly #broker: ModelBroker;
  readonly #client: Client;
  readonly #sent: Sent[] = [];
  readonly #held: Held[] = [];
  readonly #extras: Extra[] = [];
  /** What each `connect` came to, and the consumer that went with it. */
  readonly #lives: { readonly connecting: Outcome<unknown>; readonly consuming: Outcome<unknown> }[] = [];
  readonly #lines: string[] | undefined;
  readonly #callback: boolean;
  readonly #flags: boolean;
  #step = 0;
  #restarting = false;
  #looks = 0;
  #violation: Error | undefined;
  #over = false;

  /** `lines`: what happens is written there. */
  constructor(seed: number, lines?: string[]) {
    const random = seeded(seed * 7927 + 13);
    for (let n = 0; n < 3; n++) random(); // near seeds begin alike
    this.#random = random;
    this.#lines = lines;
    this.#clock = new VirtualClock({ seed });
    const latency = this.#pick([0, 0, 1, 3]);
    const temper = {
      loses: this.#pick([0, 0.2, 0.5]),
      refuses: this.#pick([0, 0, 0.2]),
      cuts: this.#pick([0, 0.3, 0.7]),
      latency,
      shuffles: this.#chance(0.3),
      thought: this.#pick([0, 0, 1, 4]),
      chunk: this.#pick([Infinity, Infinity, 25, 7]),
      subscriptionIdentifiers: this.#chance(0.5),
      flags: this.#chance(0.9),
      lossFails: this.#chance(0.2),
    };
    this.#flags = temper.flags;
    this.#broker = new ModelBroker({
      sent: this.#sent,
      clock: this.#clock,
      temper,
      random,
      logging: lines !== undefined,
      log: (text) => this.#log(text),
      fail: (text) => this.#fail(text),
      publishesSent: () => this.#client.stats().publishesSent,
      stormy: () => this.#step < STEPS,
    });
    this.#callback = this.#chance(0.5);
    const options: ClientOptions = {
      broker: "mqtt://model",
      clientId: "client",
      transport: this.#broker.transport(),
      clock: this.#clock,
      receiveMaximum: 1 + this.#below(8),
      reconnectBackoff: constantBackoff(1 + this.#below(8)),
      retryInitialConnect: true,
      connectTimeout: 100,
      sessionLossPolicy: temper.lossFails ? "fail" : "republish",
      publishMode: this.#chance(0.8) ? "fire-and-forget" : "wait-for-flush",
    };
    this.#client = new Client({ ...options, [HIGHEST_PACKET_ID]: 4 + this.#below(28) } as ClientOptions);
  }

  /** Resolves when the seed has passed; rejects with what was violated. */
  async run(): Promise<void> {
    this.#connect();
    this.#next();
    const done = await this.#clock.until(() => this.#over || this.#violation !== undefined, 100_000);
    if (this.#violation !== undefined) throw this.#violation;
    if (!done) throw new Error("the model does not come to its end");
    await this.#clock.run(this.#client.disconnect());
    await this.#clock.advance(20); // what the network and the broker still do
    if (this.#violation !== undefined) throw this.#violation;
    const { publishesInflight, subscriptionsActive, sendQuota, ackHeadAge } = this.#client.stats();
    if (publishesInflight + subscriptionsActive + sendQuota + ackHeadAge > 0) throw new Error("a gauge is not at zero");
    if (this.#clock.pending > 0) throw new Error(`${this.#clock.pending} timers are left behind`);
  }

  // The application

  /** A step, and the next one in a moment. Between steps everything that is due has happened. */
  #next(): void {
    if (this.#step < STEPS) {
      this.#step++;
      this.#act(this.#random());
      this.#clock.schedule(this.#step === STEPS ? CALM : this.#below(4), () => this.#next());
      return;
    }
    if (this.#held.length === 0 && this.#settled()) {
      this.#verdict();
      this.#over = true;
      return;
    }
    if (++this.#looks > LOOKS) this.#fail(`not settled on a calm network: ${this.#open()}`);
    while (this.#held.length > 0) this.#settleOne();
    this.#clock.schedule(CALM, () => this.#next());
  }

  #act(choice: number): void {
    if (choice < 0.36) for (let n = this.#below(4); n >= 0; n--) this.#publish();
    else if (choice < 0.56) for (let n = this.#below(4); n >= 0; n--) this.#broker.produce(this.#pick([0, 1, 1, 2, 2]));
    else if (choice < 0.75) for (let n = this.#below(4); n >= 0; n--) this.#settleOne();
    else if (choice < 0.79) this.#sent[this.#below(this.#sent.length)]?.abort?.abort();
    else if (choice < 0.84) this.#subscribe();
    else if (choice < 0.96) this.#broker.break(this.#random());
    else if (choice < 0.98) this.#restart();
    // With what was just done under way; what a handler answers is not yet, a microtask later it would go to a dead line.
    if (this.#chance(0.05) && !(this.#callback && choice >= 0.56 && choice < 0.75)) this.#broker.break(0);
  }

  #publish(): void {
    const number = this.#sent.length;
    const qos = this.#pick([0, 1, 1, 2, 2] as const);
    const abort = this.#chance(0.2) ? new AbortController() : undefined;
    const options: PublishOptions = {
      qos,
      whenOffline: this.#chance(0.4) ? "wait" : "reject",
      ...(abort === undefined ? {} : { signal: abort.signal }),
      ...(this.#chance(0.05) ? { timeout: 1 + this.#below(20) } : {}),
    };
    const topic = `q${qos}-${number}`;
    this.#log(`publish ${topic}`);
    const message: Sent = {
      number,
      qos,
      abort,
      outcome: { status: "pending" },
      handed: false,
      excused: false,
      decided: false,
      answers: new Set(),
      forsaken: false,
    };
    this.#sent.push(message);
    void this.#client
      .publish(topic, "x".repeat(number % 5), options)
      .then(
        ({ reasonCode }) => {
          message.outcome = { status: "resolved", value: { reasonCode } };
          this.#resolved(message, reasonCode);
        },
        (error: unknown) => {
          message.outcome = { status: "rejected", error };
          this.#rejected(message, error);
        },
      )
      .catch(() => {}); // the violation is kept
  }

  #resolved(message: Sent, reasonCode: number): void {
    const { qos, number, answers } = message;
    this.#log(`resolved q${qos}-${number} ${reasonCode}`);
    if (qos > 0 && !(reasonCode < 0x80 && answers.has(reasonCode))) {
      this.#fail(`q${qos}-${number} resolved with ${reasonCode}, but the broker said ${[...answers].join()}`);
    }
  }

  #rejected(message: Sent, error: unknown): void {
    const { qos, number, answers, handed } = message;
    const name = `q${qos}-${number}`;
    if (!(error instanceof MqttError)) return this.#fail(`${name} failed with ${String(error)}`);
    const { code, delivery = "" } = error;
    this.#log(`rejected ${name} ${code} ${delivery}`);
    const allowed = FAILURES[delivery]?.includes(code) === true || (qos === 0 && code === "CONNECTION_LOST");
    if (!allowed) this.#fail(`${name} failed with ${code}, ${delivery}`);
    if (delivery === "not-sent" && handed) this.#fail(`${name} was sent, and "not-sent" is said of it`);
    if (delivery === "refused" && !handed) this.#fail(`${name} was not sent, and "refused" is said of it`);
    if (delivery === "unknown" && !handed && qos > 0) {
      this.#broker.tally.update();
      message.excused = this.#broker.tally.excuse();
      if (!message.excused) this.#fail(`${name} was not sent, and "unknown" is said of it`);
    }
    if (delivery === "refused") {
      const { reasonCode } = error as MqttError & { readonly reasonCode: number };
      if (!answers.has(reasonCode)) this.#fail(`${name} was refused with ${reasonCode}, which the broker did not say`);
    }
  }

  // Messages for the application

  /** How often a message may come: again only if the broker was to be told of it and may not have been. */
  #deliver(message: Message, settle: (code: number) => void): void {
    this.#broker.catchUp();
    const { topic, qos } = message;
    this.#log(`deliver ${topic}`);
    const produced = this.#broker.produced[Number(topic.slice(4))];
    if (produced?.topic !== topic || produced.qos !== qos) return this.#fail(`${topic} was never sent`);
    if (produced.delivered++ > 0) {
      // Without DUP it is taken for another message once the application is done with it.
      const done = this.#flags ? produced.answered : produced.code !== undefined;
      const again = done && (qos === 1 || (produced.code as number) >= 0x80);
      if (!again) this.#fail(`${topic} is delivered again`);
    }
    if (qos === 0) return;
    produced.code = undefined;
    produced.answered = false;
    this.#held.push({ produced, settle });
  }

  /** Any of those held, whatever their order. */
  #settleOne(): void {
    const held = this.#held.splice(this.#below(this.#held.length), 1)[0];
    if (held === undefined) return;
    const code = this.#chance(0.1) ? 0x80 : 0;
    this.#log(`settle ${held.produced.topic} ${code}`);
    held.produced.code = code;
    held.settle(code);
  }

  /** Connects, with the consumer in place before the first message of a resumed session can come. */
  #connect(): void {
    const connecting = follow(this.#client.connect());
    const consuming = follow(this.#consume());
    this.#lives.push({ connecting, consuming });
  }

  async #consume(): Promise<CallbackSubscription | undefined> {
    if (this.#callback) {
      return this.#client.subscribeCallback(
        "m/#",
        (message) =>
          new Promise((resolve, reject) => {
            this.#deliver(message, (code) => (code === 0 ? resolve() : reject(new Error("refused"))));
            if (message.qos === 0) resolve();
          }),
        { concurrency: 64, qos: 2 },
      );
    }
    const messages = await this.#client.subscribe("m/#", { qos: 2 });
    for await (const message of messages) {
      this.#deliver(message, (code) => (code === 0 ? message.ack() : message.reject(code)));
    }
    return undefined;
  }

  /** A subscription that comes and goes, and takes identifiers for it. */
  #subscribe(): void {
    const open = this.#extras.filter(({ outcome, ended }) => outcome.status === "resolved" && !ended);
    const old = open[this.#below(open.length + 1)];
    if (old !== undefined) {
      this.#log(`unsubscribe ${old.filter}`);
      old.ended = true;
      void old.outcome.value?.unsubscribe().catch((error: unknown) => this.#requestFailed(error));
      return;
    }
    const filter = `x/${this.#extras.length}`;
    this.#log(`subscribe ${filter}`);
    this.#extras.push({ filter, ended: false, outcome: follow(this.#client.subscribe(filter)) });
  }

  #requestFailed(error: unknown): void {
    if (codeOf(error) !== "CLOSED" && codeOf(error) !== "NOT_CONNECTED")
      this.#fail(`a request failed: ${String(error)}`);
  }

  /** Goodbye and back again, at times without the session. */
  #restart(): void {
    if (this.#restarting) return;
    this.#restarting = true;
    const forget = this.#chance(0.3);
    this.#log(`disconnect${forget ? " for good" : ""}`);
    for (const extra of this.#extras) extra.ended = true;
    if (forget) this.#broker.dismiss();
    void this.#client.disconnect(forget ? { sessionExpiryInterval: 0 } : {}).then(() => {
      this.#restarting = false;
      this.#log("connect again");
      this.#connect();
    });
  }

  // The end

  #settled(): boolean {
    if (!this.#broker.idle || this.#restarting || this.#client.stats().publishesInflight > 0) return false;
    return (
      this.#sent.every(({ outcome }) => outcome.status !== "pending") &&
      this.#extras.every(({ outcome }) => outcome.status !== "pending")
    );
  }

  #open(): string {
    const pending = this.#sent.filter(({ outcome }) => outcome.status === "pending").map(({ number }) => number);
    return `publishes ${pending.join()}; ${this.#client.state.status}; ${JSON.stringify(this.#client.stats())}`;
  }

  /** Everything is settled: is it also true? */
  #verdict(): void {
    for (const { number, qos, outcome, decided, forsaken } of this.#sent) {
      const withdrawn = outcome.error instanceof MqttError && outcome.error.delivery === "not-sent";
      if (qos > 0 && !withdrawn && !forsaken && !decided) this.#fail(`q${qos}-${number} was lost`);
    }
    for (const { topic, qos, delivered, lost } of this.#broker.produced) {
      if (qos > 0 && delivered === 0 && !lost) this.#fail(`${topic} was lost`);
    }
    this.#lives.forEach(({ connecting, consuming }, index) => {
      const ended = index < this.#lives.length - 1;
      if (connecting.status !== "resolved" && !(ended && codeOf(connecting.error) === "CLOSED")) {
        this.#fail(`connect is ${connecting.status}: ${String(connecting.error)}`);
      }
      const loop = this.#callback || ended ? "resolved" : "pending";
      if (consuming.status !== loop) this.#fail(`the consumer is ${consuming.status}: ${String(consuming.error)}`);
    });
    for (const { outcome } of this.#extras) if (outcome.status === "rejected") this.#requestFailed(outcome.error);
    const filters = this.#broker.session?.filters;
    const wanted = this.#extras.filter(({ outcome, ended }) => outcome.status === "resolved" && !ended);
    for (const filter of ["m/#", ...wanted.map((extra) => extra.filter)]) {
      if (filters?.has(filter) !== true) this.#fail(`${filter} is not subscribed`);
    }
    const { sendQuota, protocolErrors, inboundDropped, inboundUnmatched } = this.#client.stats();
    if (sendQuota !== this.#broker.window) this.#fail(`a quota of ${sendQuota} where it is ${this.#broker.window}`);
    if (protocolErrors + inboundDropped + inboundUnmatched > 0) this.#fail("the client counts what did not happen");
  }

  #log(text: string): void {
    this.#lines?.push(`${String(this.#clock.now()).padStart(5)} ${text}`);
  }

  /** Kept as well as thrown: a client may well live on after what its link throws. */
  #fail(text: string): never {
    const violation = new Error(text);
    this.#violation ??= violation;
    this.#log(`VIOLATION: ${text}`);
    throw this.#violation;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
