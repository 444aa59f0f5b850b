// SPDX-License-Identifier: Apache-2.0
import {
  type Client,
  type Clock,
  type DisconnectOptions,
  type Filters,
  type Logger,
  MqttError,
  type ParametersOf,
  type PublishResult,
  type ServerInfo,
  systemClock,
  type WaitOptions,
} from "@mqttv5/core";
import { CallBounds, checkWait } from "./deadline.js";
import { gather } from "./gather.js";
import { failure, type MemberResult, successes } from "./group-error.js";
import { type GroupMember, type GroupOptions, invalid, makeMembers, type PublishPolicy } from "./group-options.js";
import { type GroupStats, groupStats } from "./group-stats.js";
import { GroupCallbackSubscription, GroupMessageQueue, GroupSubscription } from "./group-subscription.js";
import type { Member } from "./member.js";
import { GroupPublisher, type GroupPublishOptions } from "./publishing.js";
import {
  type GroupMessageHandler,
  type GroupSubscribeCallbackOptions,
  type GroupSubscribeOptions,
  subscribeHandler,
  type SubscribingGroup,
  subscribeMerged,
} from "./subscribing.js";
import { type GroupSuccess, needed } from "./success.js";

/** How long `connect` may take, and how many members it needs. */
export interface GroupConnectOptions extends WaitOptions {
  /** How many members must connect. Default: the group's `success`, else `all`. */
  readonly success?: GroupSuccess | undefined;
}

const POLICIES: readonly PublishPolicy[] = ["broadcast", "round-robin", "hash-by-topic"];

/**
 * Several brokers behind one handle: a client for each, all of them connected at the same time, each with a session of its own. For brokers
 * that share their sessions use `brokers` of one `Client`; both fit together. A group is used once: after `disconnect` every call rejects with `CLOSED`.
 */
export class ClientGroup {
  readonly #list: readonly Member[];
  readonly #success: GroupSuccess;
  readonly #sequential: boolean;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #publisher: GroupPublisher;
  readonly #subscribing: SubscribingGroup;
  #connecting = false;
  #ending: Promise<void> | undefined;
  /** The members' clients, by name, in the order given. Each may be used by itself: its state, its stats, a publish to it alone. */
  readonly members: ReadonlyMap<string, Client>;

  /** Throws an `InvalidArgumentError` that names the first wrong option, such as `members[1].keepAlive`. Opens nothing. */
  constructor(members: readonly GroupMember[], options: GroupOptions = {}) {
    if (typeof options !== "object" || options === null) throw invalid("options", options, "must be an object");
    const { shared = {}, policy = "broadcast", success, sequential = false } = options;
    if (!POLICIES.includes(policy)) throw invalid("policy", policy, `must be one of ${POLICIES.join(", ")}`);
    if (typeof sequential !== "boolean") throw invalid("sequential", sequential, "must be true or false");
    this.#list = makeMembers(members, shared);
    if (success !== undefined) needed("success", success, this.#list.length);
    this.members = new Map(this.#list.map(({ name, client }) => [name, client]));
    this.#success = success ?? "all";
    this.#sequential = sequential;
    this.#clock = shared.clock ?? systemClock();
    this.#logger = quiet(shared.logger);
    this.#publisher = new GroupPublisher(this.#list, policy, success ?? "any", this.#clock);
    this.#subscribing = {
      members: this.#list,
      success: this.#success,
      sequential,
      clock: this.#clock,
      logger: this.#logger,
    };
  }

  /**
   * Connects every member that is not. Resolves when so many are connected as `success` asks for, and each other one is, too, has failed, or,
   * with `retryInitialConnect`, has failed once and goes on trying. Rejects with a `GroupError` if too few are; those that are stay connected
   * and can be used, and another call tries the others again. `ALREADY_CONNECTED` while a call is under way, and when no member is left to
   * connect; `CLOSED` after `disconnect`. A signal or timeout ends the attempts of those that are not connected yet.
   */
  async connect(options: GroupConnectOptions = {}): Promise<readonly MemberResult<ServerInfo>[]> {
    checkWait(options);
    const { success = this.#success } = options;
    const need = needed("success", success, this.#list.length);
    if (this.#ending !== undefined) throw closed();
    if (this.#connecting || !this.#list.some(({ down }) => down)) {
      throw new MqttError("ALREADY_CONNECTED", "The members of the group are connected, or about to be");
    }
    this.#connecting = true;
    const bounds = new CallBounds(this.#clock, options);
    const results = await gather<ServerInfo>({
      members: this.#list,
      needed: need,
      sequential: this.#sequential,
      waitsFor: ({ failing }) => !failing,
      run: async ({ client, down }) => {
        if (this.#ending !== undefined) throw closed();
        try {
          return await (down ? client.connect(bounds) : client.connected(bounds));
        } catch (error) {
          throw CallBounds.errorOf(error);
        }
      },
    });
    bounds.over();
    this.#connecting = false;
    if (successes(results) < need) throw failure("connect", need, results);
    for (const result of results) {
      if (result.status === "rejected") this.#logger.warn?.(`${result.member}: could not connect`, result.error);
      if (result.status === "pending")
        this.#logger.warn?.(`${result.member}: could not connect yet, and goes on trying`);
    }
    return results;
  }

  /**
   * Says goodbye at every member, and closes the group for good: subscriptions end, waiting calls reject with `CLOSED` and what is known of
   * them. Idempotent, and bounded by the members' `disconnectTimeout`. Rejects for wrong options only, and then stays open, unless they are
   * wrong for some of the members: those are disconnected without them.
   */
  disconnect(options: DisconnectOptions = {}): Promise<void> {
    this.#ending ??= this.#end(options);
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  /**
   * Publishes as the group's `policy` says. Resolves with one result for each member that was asked. A broadcast resolves when so many members
   * accepted it as `success` asks for, and each other one has answered or lost its connection; in turn, when one member did. Rejects with
   * a `GroupError` otherwise, whose `delivery` speaks of all members together and whose `results` of each. What a wrong argument brings is what it
   * brings at a client. The payload must not change until every outcome is known.
   */
  publish(
    topic: string,
    payload?: Uint8Array | string,
    options: GroupPublishOptions = {},
  ): Promise<readonly MemberResult<PublishResult>[]> {
    // Asked to wait, a client that was closed says so, and lets other work have its turn when it is asked without end.
    const own = this.#ending === undefined ? options : ({ ...options, whenOffline: "wait" } as const);
    return this.#publisher.publish(topic, payload, own);
  }

  /**
   * Subscribes at every member; the messages of all come from the async iterable it resolves with. Resolves when so many members granted it as
   * `success` asks for, by default all, and each other one has answered or has no connection; with `whenOffline: "wait"` the latter are added
   * when they are back. Else what was granted is taken back, and it rejects with a `GroupError`. As `client.subscribe` otherwise.
   */
  async subscribe<const F extends Filters>(
    filters: F,
    options: GroupSubscribeOptions = {},
  ): Promise<GroupSubscription<ParametersOf<F>>> {
    const { parts, merge } = await subscribeMerged(this.#subscribing, filters, options);
    return new GroupSubscription(parts, merge);
  }

  /** Subscribes at every member; messages wait to be pulled. As {@link ClientGroup.subscribe} otherwise. */
  async subscribeQueue<const F extends Filters>(
    filters: F,
    options: GroupSubscribeOptions = {},
  ): Promise<GroupMessageQueue<ParametersOf<F>>> {
    const { parts, merge } = await subscribeMerged(this.#subscribing, filters, options);
    return new GroupMessageQueue(parts, merge);
  }

  /**
   * Subscribes at every member; messages go to `handler` as they arrive, and are acked when it returns or its promise resolves. As
   * {@link ClientGroup.subscribe} and `client.subscribeCallback` otherwise.
   */
  async subscribeCallback<const F extends Filters>(
    filters: F,
    handler: GroupMessageHandler<ParametersOf<F>>,
    options: GroupSubscribeCallbackOptions = {},
  ): Promise<GroupCallbackSubscription> {
    return new GroupCallbackSubscription(await subscribeHandler(this.#subscribing, filters, handler, options));
  }

  /** The counters at this moment: the group's own, each member's, and their sum. */
  stats(): GroupStats {
    return groupStats(this.#list, this.#publisher);
  }

  async #end(options: DisconnectOptions): Promise<void> {
    const results = await gather({
      members: this.#list,
      needed: this.#list.length,
      sequential: this.#sequential,
      waitsFor: () => true,
      run: ({ client }) => client.disconnect(options),
    });
    const error = successes(results) < results.length ? failure("disconnect", results.length, results) : undefined;
    if (error !== undefined && successes(results) === 0) {
      this.#ending = undefined;
      throw error;
    }
    await Promise.all(this.#list.map(({ client }) => client[Symbol.asyncDispose]()));
    if (error !== undefined) throw error;
  }
}

/** Diagnostics must not change what happens. */
function quiet(logger: Logger | undefined): Logger {
  const guard = (level: keyof Logger) => (message: string, details?: unknown) => {
    try {
      logger?.[level]?.(message, details);
    } catch {
      // Nobody is left to tell.
    }
  };
  return { warn: guard("warn"), error: guard("error") };
}

function closed(): MqttError {
  return new MqttError("CLOSED", "The group was closed", { delivery: "not-sent" });
}
