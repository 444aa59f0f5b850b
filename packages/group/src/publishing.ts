// SPDX-License-Identifier: Apache-2.0
import type { Clock, ErrorCode, MqttError, PublishOptions, PublishResult, WhenOffline } from "@mqttv5/core";
import { remaining } from "./deadline.js";
import { gather } from "./gather.js";
import { failure, isWrongArgument, type MemberResult, successes } from "./group-error.js";
import { invalid, type PublishPolicy } from "./group-options.js";
import type { Member } from "./member.js";
import { type GroupSuccess, needed } from "./success.js";
import { topicHash } from "./topic-hash.js";

/** How to publish with a group. A Topic Alias belongs to one connection: `outboundTopicAliases` has each member give its own. */
export interface GroupPublishOptions extends Omit<PublishOptions, "topicAlias"> {
  /** Of a broadcast: how many members must accept it. Default: the group's `success`, else `any`. */
  readonly success?: GroupSuccess | undefined;
}

type Payload = Uint8Array | string | undefined;
type Results = readonly MemberResult<PublishResult>[];

/** What ended the call as a whole, or would be the same at every member. */
const ENDS_THE_CALL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ABORTED",
  "MESSAGE_EXPIRED",
  "PACKET_IDS_EXHAUSTED",
  "TIMEOUT",
]);

/** Publishes by one policy. Lives as long as its group. */
export class GroupPublisher {
  readonly #members: readonly Member[];
  readonly #policy: PublishPolicy;
  readonly #success: GroupSuccess;
  readonly #clock: Clock;
  /** Round robin: who is next. */
  #cursor = 0;
  /** See {@link GroupStats}. */
  moved = 0;
  failed = 0;

  constructor(members: readonly Member[], policy: PublishPolicy, success: GroupSuccess, clock: Clock) {
    this.#members = members;
    this.#policy = policy;
    this.#success = success;
    this.#clock = clock;
  }

  async publish(topic: string, payload: Payload, options: GroupPublishOptions): Promise<Results> {
    if (typeof options !== "object" || options === null) throw invalid("options", options, "must be an object");
    const { success = this.#success, ...own } = options;
    const { topicAlias } = own as PublishOptions;
    if (topicAlias !== undefined) throw invalid("topicAlias", topicAlias, "belongs to one connection: leave it out");
    const need = needed("success", success, this.#members.length);
    try {
      if (this.#policy === "broadcast") return await this.#broadcast(topic, payload, own, need);
      return await this.#inTurn(topic, payload, own);
    } catch (error) {
      this.failed++;
      throw error;
    }
  }

  async #broadcast(topic: string, payload: Payload, options: PublishOptions, need: number): Promise<Results> {
    const results = await gather({
      members: this.#members,
      needed: need,
      waitsFor: ({ connected }) => connected,
      run: ({ client }) => client.publish(topic, payload, options),
    });
    if (successes(results) >= need) return results;
    throw failure("publish", need, results);
  }

  /**
   * To one member only; on to another one only if the message was certainly not sent, because it must not arrive twice. Those with a
   * connection come first. If none of them takes it and the call may wait, it waits at the member whose turn it was, in that client's bounds.
   */
  async #inTurn(topic: string, payload: Payload, options: PublishOptions): Promise<Results> {
    const order = this.#order(topic);
    const since = this.#clock.now();
    const failures = new Map<Member, MemberResult<PublishResult>>();
    for (const [member, whenOffline] of attempts(order, options)) {
      const bounds = failures.size === 0 ? options : remaining(this.#clock, options, since);
      try {
        const value = await member.client.publish(topic, payload, { ...bounds, whenOffline });
        if (member !== order[0]) this.moved++;
        failures.delete(member);
        return [...failures.values(), { member: member.name, status: "fulfilled", value }];
      } catch (error) {
        failures.set(member, { member: member.name, status: "rejected", error: error as MqttError });
        if (!movesOn(error as MqttError)) break;
      }
    }
    throw failure("publish", 1, [...failures.values()]);
  }

  /** The members, beginning with the one whose turn it is. */
  #order(topic: string): readonly Member[] {
    const members = this.#members;
    if (this.#policy === "hash-by-topic") return from(members, typeof topic === "string" ? topicHash(topic) : 0);
    // A member that has no connection has no turn: the one after it would get twice its share.
    const order = from(members, this.#cursor);
    const skipped = Math.max(
      0,
      order.findIndex(({ connected }) => connected),
    );
    this.#cursor = (this.#cursor + skipped + 1) % members.length;
    return from(order, skipped);
  }
}

/** The same, beginning with another one. */
function from(members: readonly Member[], start: number): readonly Member[] {
  const index = start % members.length;
  return [...members.slice(index), ...members.slice(0, index)];
}

/** Whom to ask in which order, and what each is to do without a connection. */
function attempts(order: readonly Member[], options: PublishOptions): readonly (readonly [Member, WhenOffline])[] {
  const connected = order.filter((member) => member.connected);
  const wait = (options.whenOffline ?? order[0]?.whenOffline) === "wait";
  const others = wait ? order : order.filter((member) => !connected.includes(member));
  return [
    ...connected.map((member) => [member, "reject"] as const),
    ...others.map((member) => [member, wait ? "wait" : "reject"] as const),
  ];
}

/** Certainly not sent, and another member may take it. */
function movesOn(error: MqttError): boolean {
  return error.delivery === "not-sent" && !ENDS_THE_CALL.has(error.code) && !isWrongArgument(error);
}
