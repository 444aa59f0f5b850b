// SPDX-License-Identifier: Apache-2.0
import { PacketType, type Publish } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import { type FilterResult, MqttError, SubscribeError } from "../errors.js";
import { LazySet } from "../lazy-set.js";
import { AckWatch, type AckWatchPort } from "./ack-watch.js";
import { LocalSubscription, type MessageSink, type SubscriptionHome } from "./local-subscription.js";
import { type BrokerFilter, BrokerFilters } from "./broker-filters.js";
import { HIGHEST_IDENTIFIER, subscribeProblem, unsubscribeProblem } from "./broker-limits.js";
import type { ServerInfo } from "../server-info.js";
import type { InboundMessage } from "../session/inbound-message.js";
import type { ControlOperation } from "../session/session.js";
import { bounded, deadline, identifiersExhausted, type WaitOptions } from "../signal.js";
import type { Stats } from "../stats.js";
import { SubscribeOperation, UnsubscribeOperation } from "./subscribe-operation.js";
import type { ResolvedFilter } from "./topic-filter.js";

/** What subscriptions ask of the client. */
export interface SubscriptionsPort extends AckWatchPort {
  request(operation: ControlOperation): void;
  forget(operation: ControlOperation): void;
  /** Whether it waits for a Packet Identifier, all of which are in use. */
  starved(operation: ControlOperation): boolean;
  /** What the broker granted; undefined while not connected. */
  serverInfo(): ServerInfo | undefined;
  /** Some filters of a SUBSCRIBE were refused, others granted. */
  partlyRefused(error: SubscribeError): void;
  resubscribeFailed(error: SubscribeError): void;
  /** A message that the broker kept for this session found nobody; not said again on this connection. */
  unmatched(topic: string): void;
}

/**
 * All subscriptions of a client: which local ones share which broker subscription, what has to be asked again after a
 * reconnect, and who gets a message. Lives as long as the client.
 */
export class Subscriptions implements SubscriptionHome {
  readonly #port: SubscriptionsPort;
  readonly #stats: Stats;
  readonly #filters = new BrokerFilters();
  /** Oldest first. */
  readonly #locals = new LazySet<LocalSubscription>();
  readonly #pending = new LazySet<SubscribeOperation | UnsubscribeOperation>();
  readonly #acks: AckWatch;
  #lastIdentifier: number;
  /** What comes may be of a session that an earlier process subscribed in; nobody was told of it yet. */
  #resumed = false;

  readonly clock: Clock;

  constructor(port: SubscriptionsPort, stats: Stats, clock: Clock) {
    this.#port = port;
    this.#stats = stats;
    this.clock = clock;
    this.#acks = new AckWatch(clock, port);
    // A random start: a resumed session may still send identifiers of an earlier process.
    this.#lastIdentifier = Math.floor(clock.random() * HIGHEST_IDENTIFIER);
  }

  /** Registers a subscription, so that no message can be missed, without asking the broker. */
  add(filters: readonly ResolvedFilter[], sink: MessageSink, strict = false): LocalSubscription {
    for (const options of filters) this.#filters.checkConflict(options);
    const local = new LocalSubscription(filters, sink, this, strict);
    this.#locals.add(local);
    this.#stats.subscriptionsActive = this.#locals.size;
    for (const options of filters) this.#filters.hold(local, options);
    return local;
  }

  /** Asks the broker for a registered subscription; resolves when at least one of its filters was granted. */
  subscribe(local: LocalSubscription, options: WaitOptions): Promise<void> {
    const problem = subscribeProblem(local.filters, this.#port.serverInfo());
    if (problem !== undefined) {
      this.#remove(local, { reason: "refused", error: problem });
      return Promise.reject(problem);
    }
    return new Promise((resolve, reject) => {
      let stop: (() => void) | undefined;
      const operation = this.#ask(this.#known(local.filters), local, {
        answered: (results, error) => {
          stop?.();
          const granted = this.#answered(local, results, error);
          if (error !== undefined && local.ended) {
            // A strict subscription is over when the broker has taken back what it granted of it.
            const rejected = (): void => reject(error);
            if (granted.length === 0) rejected();
            else this.#askToStop(granted).then(rejected, rejected);
            return;
          }
          if (error !== undefined) this.#port.partlyRefused(error);
          resolve();
        },
        failed: (error) => {
          stop?.();
          const granted = local.filters.filter(({ filter }) => this.#filters.get(filter)?.confirmed);
          const orphaned = this.#remove(local, { reason: "refused", error });
          // What was never granted is not asked for again, not even to be taken back.
          this.#giveBack(orphaned.filter((name) => granted.some(({ filter }) => filter === name)));
          reject(error);
        },
      });
      if (!bounded(options)) return;
      stop = deadline(this.clock, options, (stopped) => {
        const starved = this.#port.starved(operation);
        this.#forget(operation);
        this.abort(local);
        const error = stopped(operation.delivery);
        reject(starved ? identifiersExhausted(error) : error);
      });
    });
  }

  unsubscribe(local: LocalSubscription): Promise<void> {
    if (local.ended) return Promise.resolve();
    const orphaned = this.#remove(local, { reason: "unsubscribed" });
    return orphaned.length === 0 ? Promise.resolve() : this.#askToStop(orphaned);
  }

  starved(local: LocalSubscription): boolean {
    const names = new Set(local.filters.map(({ filter }) => filter));
    for (const operation of this.#pending) {
      const { type, filterNames } = operation;
      if (type === PacketType.Subscribe || !filterNames.some((name) => names.has(name))) continue;
      if (this.#port.starved(operation)) return true;
    }
    return false;
  }

  /** The broker may hold the subscription, now or when the session is resumed. */
  abort(local: LocalSubscription): void {
    this.#giveBack(this.#remove(local, { reason: "aborted" }));
  }

  /** A second received message waits to be acked. */
  watchAcks(): void {
    this.#acks.start();
  }

  /** See {@link Stats.ackHeadAge}. */
  get ackHeadAge(): number {
    return this.#acks.age;
  }

  /** A message for whoever subscribed to it. */
  deliver(publish: Publish, topic: string, inbound: InboundMessage | undefined): void {
    if (this.#filters.deliver(publish, topic, inbound)) return;
    this.#stats.inboundUnmatched++;
    if (inbound === undefined || !this.#resumed) return;
    this.#resumed = false;
    this.#port.unmatched(topic);
  }

  /** Before the session goes on over a new connection: what has to be asked again is. */
  connected(sessionPresent: boolean): void {
    this.#resumed = sessionPresent;
    if (!sessionPresent) {
      this.#filters.unconfirm();
      // A new session has nothing to unsubscribe from, and need not have what was unsubscribed meanwhile.
      for (const operation of this.#pending) {
        if (operation.type === PacketType.Unsubscribe) {
          this.#forget(operation);
          operation.succeed();
        } else if (!operation.wanted) {
          this.#forget(operation);
        }
      }
    }
    this.#checkPending(sessionPresent);
    const asked = new Set<string>();
    for (const operation of this.#pending) for (const name of operation.filterNames) asked.add(name);
    for (const local of this.#locals) {
      const missing = local.filters.filter(({ filter }) => this.#filters.lacks(local, filter) && !asked.has(filter));
      if (missing.length === 0) continue;
      for (const { filter } of missing) asked.add(filter);
      const problem = subscribeProblem(missing, this.#port.serverInfo());
      if (problem === undefined) this.#askAgain(missing, sessionPresent);
      else this.#refused(missing, problem);
    }
  }

  /** The client was closed or has failed: every subscription ends, and nothing is acked. */
  close(end: { reason: "disconnected" | "failed"; error?: MqttError }): void {
    this.#acks.stop();
    for (const local of this.#locals) this.#remove(local, end);
    for (const operation of this.#pending) {
      this.#forget(operation);
      const message = `The client was closed before the broker answered ${operation.type === PacketType.Subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE"}`;
      operation.fail(new MqttError("CLOSED", message, { cause: end.error, delivery: operation.delivery }));
    }
  }

  // Inside

  /** What would be asked again, and this broker does not take, is given up as if it were asked for the first time. */
  #checkPending(sessionPresent: boolean): void {
    const info = this.#port.serverInfo();
    for (const operation of this.#pending) {
      const problem = operation.problem(info);
      if (problem === undefined) continue;
      const asked = operation.type === PacketType.Subscribe && operation.delivery === "unknown";
      this.#forget(operation);
      operation.fail(problem);
      // A session that goes on may have come to hold it all the same.
      if (asked && sessionPresent) {
        this.#giveBack(operation.filterNames.filter((name) => this.#filters.get(name) === undefined));
      }
    }
  }

  /** Ends a local subscription. Returns the filters that nobody else holds. */
  #remove(local: LocalSubscription, end: Parameters<LocalSubscription["end"]>[0]): string[] {
    this.#locals.delete(local);
    this.#stats.subscriptionsActive = this.#locals.size;
    const orphaned = local.filters
      .filter(({ filter }) => this.#filters.release(local, filter))
      .map(({ filter }) => filter);
    const left = end.reason === "unsubscribed" || end.reason === "aborted";
    if (left) this.#forgetUnsent();
    local.end(end, left);
    return orphaned;
  }

  /** What no connection was handed and nobody wants any more. */
  #forgetUnsent(): void {
    for (const operation of this.#pending) {
      if (operation.type !== PacketType.Subscribe || operation.wanted || operation.delivery !== "not-sent") continue;
      this.#forget(operation);
    }
  }

  /** Sends a SUBSCRIBE; `by` brought it about, if one subscription did. */
  #ask(
    known: readonly BrokerFilter[],
    by: LocalSubscription | undefined,
    settle: Settle,
    resumed = false,
  ): SubscribeOperation {
    const operation = new SubscribeOperation(
      known,
      {
        sent: () => {
          const identifier = this.#nextIdentifier();
          for (const filter of known) filter.sent(identifier, by);
          return identifier;
        },
        answered: (results, reasonString, identifier) => {
          this.#pending.delete(operation);
          for (const [index, filter] of known.entries()) {
            filter.answered(identifier, (results[index] as FilterResult).reasonCode < 0x80);
          }
          settle.answered(results, refusal(results, reasonString));
        },
        failed: (error) => {
          this.#pending.delete(operation);
          settle.failed(error);
        },
      },
      resumed,
    );
    this.#pending.add(operation);
    this.#port.request(operation);
    return operation;
  }

  /** Brought about by the session, not by one of the holders: what comes of it is for all of them. */
  #askAgain(filters: readonly ResolvedFilter[], resumed: boolean): void {
    const known = this.#known(filters);
    const settle: Settle = {
      answered: (results, error) => this.#answeredAgain(known, results, error),
      failed: ({ code, message }) => {
        const results = filters.map(({ filter }) => ({ filter, reasonCode: 0x80 }));
        this.#answeredAgain(known, results, new SubscribeError(code, message, results));
      },
    };
    this.#ask(known, undefined, settle, resumed);
  }

  #askToStop(filters: readonly string[]): Promise<void> {
    const problem = unsubscribeProblem(filters, this.#port.serverInfo());
    if (problem !== undefined) return Promise.reject(problem);
    return new Promise((resolve, reject) => {
      const operation = new UnsubscribeOperation(filters, {
        done: () => {
          this.#pending.delete(operation);
          resolve();
        },
        failed: (error) => {
          this.#pending.delete(operation);
          reject(error);
        },
      });
      this.#pending.add(operation);
      this.#port.request(operation);
    });
  }

  #giveBack(filters: readonly string[]): void {
    if (filters.length > 0) this.#askToStop(filters).catch(() => {});
  }

  /**
   * The broker's answer for filters of one subscription; it ends, with `error`, if it has nothing left, or not all and is
   * strict. Returns what the broker then holds for nobody.
   */
  #answered(local: LocalSubscription, results: readonly FilterResult[], error: SubscribeError | undefined): string[] {
    let refused = false;
    const left: string[] = [];
    local.answered(results);
    for (const { filter, reasonCode } of results) {
      if (reasonCode < 0x80) continue;
      // An earlier grant stands: for its other holders, or, if they have left meanwhile, for nobody.
      const granted = this.#filters.get(filter)?.confirmed === true;
      if (this.#filters.release(local, filter) && granted) left.push(filter);
      local.active--;
      refused = true;
    }
    this.#giveBack(left);
    return local.active === 0 || (refused && local.strict) ? this.#remove(local, { reason: "refused", error }) : [];
  }

  /** The same for what was asked again: it concerns every subscription on these filters. */
  #answeredAgain(
    filters: readonly BrokerFilter[],
    results: readonly FilterResult[],
    error: SubscribeError | undefined,
  ): void {
    const holders = new Set(filters.flatMap((filter) => filter.holders));
    for (const local of holders) {
      const own = results.filter(({ filter }) => local.filters.some((asked) => asked.filter === filter));
      this.#giveBack(this.#answered(local, own, error));
    }
    if (error !== undefined && holders.size > 0) this.#port.resubscribeFailed(error);
  }

  /** Some filters can't be made again on this broker. */
  #refused(filters: readonly ResolvedFilter[], error: MqttError): void {
    const results = filters.map(({ filter }) => ({ filter, reasonCode: 0x80 }));
    this.#answeredAgain(this.#known(filters), results, refusal(results, error.message));
  }

  #known(filters: readonly ResolvedFilter[]): BrokerFilter[] {
    return filters.map(({ filter }) => this.#filters.get(filter)).filter((filter) => filter !== undefined);
  }

  #forget(operation: SubscribeOperation | UnsubscribeOperation): void {
    this.#pending.delete(operation);
    this.#port.forget(operation);
  }

  /** 0 where the broker has none; else the next one, never 0 (section 3.8.2.1.2). */
  #nextIdentifier(): number {
    if (this.#port.serverInfo()?.subscriptionIdentifierAvailable !== true) return 0;
    this.#lastIdentifier = (this.#lastIdentifier % HIGHEST_IDENTIFIER) + 1;
    return this.#lastIdentifier;
  }
}

/** Who waits for a SUBSCRIBE. */
interface Settle {
  /** With an error if any filter was refused. */
  answered(results: readonly FilterResult[], error: SubscribeError | undefined): void;
  failed(error: MqttError): void;
}

/** What the broker refused of these filters, if anything. */
function refusal(results: readonly FilterResult[], reasonString: string | undefined): SubscribeError | undefined {
  const refused = results.filter((result) => result.reasonCode >= 0x80);
  if (refused.length === 0) return undefined;
  const names = refused.map(({ filter, reasonCode }) => `${filter} (0x${reasonCode.toString(16)})`).join(", ");
  return new SubscribeError("SUBSCRIBE_REFUSED", `The broker refused ${names}`, results, reasonString);
}
