// SPDX-License-Identifier: Apache-2.0
import { type FaultyLink, TestBroker, VirtualClock } from "@mqttv5/testing";
import { type Clock, constantBackoff, MqttError, type Timer, type Transport } from "@mqttv5/core";
import {
  ClientGroup,
  type GroupMember,
  type GroupMessage,
  type GroupOptions,
  type MemberResult,
  type SharedOptions,
} from "../src/index.js";

/** Names of the members and, as hosts, of their brokers. */
export const NAMES = ["emea", "apac", "amer"] as const;
export type Name = (typeof NAMES)[number];

/** Three brokers on one virtual clock, and what each was sent. */
export class GroupBench {
  readonly clock: VirtualClock = new VirtualClock();
  /** Timers of the group and its clients that wait; the brokers have their own. */
  readonly timers = new Set<Timer>();
  readonly brokers: Readonly<Record<Name, TestBroker>>;
  /** Every message that a broker took, in the order of arrival: `emea topic`. */
  readonly seen: string[] = [];
  /** Every CONNECT, in the order of arrival: `emea client-id`. */
  readonly connects: string[] = [];
  /** Of the same: Client Identifier, user name and keep-alive. */
  readonly asked: unknown[][] = [];
  /** `warn` and `error` of the shared logger. */
  readonly log: string[] = [];
  /** The brokers' ends of all links. */
  readonly ends: FaultyLink[] = [];
  /** Brokers that refuse CONNECT, and SUBSCRIBE. */
  readonly refused = new Set<Name>();
  readonly ungranted = new Set<Name>();
  /** Brokers that never answer a SUBSCRIBE. */
  readonly silent = new Set<Name>();
  /** Codes to answer a publish with, by broker. */
  readonly refusals = new Map<Name, number>();

  constructor() {
    const broker = (name: Name): TestBroker => {
      return new TestBroker({
        clock: this.clock,
        authenticate: ({ clientId, keepAlive, username }) => {
          this.asked.push([clientId, username, keepAlive]);
          this.connects.push(`${name} ${clientId}`);
          return this.refused.has(name) ? 0x87 : 0;
        },
        authorizePublish: ({ topic }, { clientId }) => {
          if (clientId !== "") this.seen.push(`${name} ${topic}`);
          return this.refusals.get(name);
        },
        authorizeSubscribe: () => {
          if (this.silent.has(name)) return new Promise(() => {});
          return this.ungranted.has(name) ? 0x87 : undefined;
        },
      });
    };
    this.brokers = { emea: broker("emea"), apac: broker("apac"), amer: broker("amer") };
  }

  readonly #counted: Clock = {
    now: () => this.clock.now(),
    wallTime: () => this.clock.wallTime(),
    afterTurn: (callback) => this.clock.afterTurn(callback),
    random: () => this.clock.random(),
    randomBytes: (length) => this.clock.randomBytes(length),
    schedule: (delay, callback) => {
      const timer = this.clock.schedule(delay, () => {
        this.timers.delete(counted);
        callback();
      });
      const counted: Timer = {
        cancel: () => {
          this.timers.delete(counted);
          timer.cancel();
        },
      };
      this.timers.add(counted);
      return counted;
    },
  };

  readonly transport: Transport = {
    connect: (url, options) =>
      this.brokers[url.hostname as Name]
        .transport({ onConnect: (_, end) => this.ends.push(end) })
        .connect(url, options),
  };

  get members(): GroupMember[] {
    return NAMES.map((name) => ({ name, broker: `mqtt://${name}` }));
  }

  get shared(): SharedOptions {
    const note = (message: string): void => void this.log.push(message);
    return {
      clientId: "fleet",
      clock: this.#counted,
      transport: this.transport,
      reconnectBackoff: constantBackoff(100),
      logger: { warn: note, error: note },
    };
  }

  group(options: GroupOptions = {}, members: readonly GroupMember[] = this.members): ClientGroup {
    return new ClientGroup(members, { ...options, shared: { ...this.shared, ...options.shared } });
  }

  async connect(options: GroupOptions = {}, members?: readonly GroupMember[]): Promise<ClientGroup> {
    const group = this.group(options, members);
    await this.clock.run(group.connect({ success: "all" }));
    return group;
  }

  /** The broker dies, and is back after so long; the group has noticed. */
  async kill(name: Name, downtime = 10_000): Promise<void> {
    void this.brokers[name].restart({ downtime });
    await this.clock.settle();
  }

  /** The brokers read nothing of what their clients send. */
  set stuck(stuck: boolean) {
    for (const end of this.ends) {
      if (stuck) end.pause();
      else end.resume();
    }
  }

  /** What was seen since the last call. */
  take(): string[] {
    return this.seen.splice(0);
  }

  /** Ends the groups; nothing may be left behind. */
  async end(...groups: ClientGroup[]): Promise<void> {
    await this.clock.run(Promise.all(groups.map((group) => group.disconnect())), 5000);
    await this.clock.settle();
    if (this.timers.size > 0) throw new Error(`${this.timers.size} timers left behind`);
  }
}

/** How a promise stands. */
export interface Outcome<T> {
  status: "pending" | "resolved" | "rejected";
  value?: T;
  error?: unknown;
}

/** Follows a promise; a rejection counts as handled. */
export function follow<T>(promise: Promise<T>): Outcome<T> {
  const outcome: Outcome<T> = { status: "pending" };
  promise.then(
    (value) => Object.assign(outcome, { status: "resolved", value }),
    (error: unknown) => Object.assign(outcome, { status: "rejected", error }),
  );
  return outcome;
}

export function codeOf(error: unknown): string | undefined {
  return MqttError.is(error) ? error.code : undefined;
}

/** `emea ok`, `apac NOT_CONNECTED not-sent`, `amer pending`: one a member. */
export function told(results: readonly MemberResult<unknown>[] | undefined): string[] {
  return (results ?? []).map((result) => {
    if (result.status === "fulfilled") return `${result.member} ok`;
    if (result.status === "pending") return `${result.member} pending`;
    return `${result.member} ${result.error.code} ${result.error.delivery ?? ""}`.trimEnd();
  });
}

/** Reads a subscription in the background: `emea topic=payload` of each message, and how the loop ended. */
export function collect(
  messages: AsyncIterable<GroupMessage>,
  each: (message: GroupMessage) => void = (message) => message.ack(),
): { readonly got: string[]; readonly end: Outcome<void> } {
  const got: string[] = [];
  const loop = async (): Promise<void> => {
    for await (const message of messages) {
      got.push(`${message.member} ${message.topic}=${message.text()}`);
      each(message);
    }
  };
  return { got, end: follow(loop()) };
}

/** The error that `make` throws. */
export function thrown(make: () => unknown): unknown {
  try {
    make();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Every broker publishes `<topic>=<payload>`. */
export function everywhere(bench: GroupBench, topic: string, payload: string, names: readonly Name[] = NAMES): void {
  for (const name of names) bench.brokers[name].publish(topic, payload, { qos: 1 });
}

/** Filters that a broker holds for its member. */
export function heldBy(bench: GroupBench, name: Name): number {
  return bench.brokers[name].sessions.reduce((sum, { filters }) => sum + filters.length, 0);
}
