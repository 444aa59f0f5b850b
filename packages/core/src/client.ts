// SPDX-License-Identifier: Apache-2.0
import { BufferedBytes } from "./buffered-bytes.js";
import { Callbacks } from "./callbacks.js";
import { type ClientState, StateFeed } from "./client-state.js";
import { bound, callable, flag, invalid, waiting } from "./check.js";
import type { Clock } from "./clock.js";
import type { Codec } from "./codec.js";
import type { Connection } from "./connection/connection.js";
import type { DisconnectOptions } from "./disconnect-options.js";
import { MqttError } from "./errors.js";
import { Lifecycle } from "./lifecycle.js";
import { HandlerRunner, type MessageHandler } from "./subscribe/handler.js";
import { Inbox } from "./subscribe/inbox.js";
import type { LocalSubscription, MessageSink } from "./subscribe/local-subscription.js";
import { type ClientOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import type { Message } from "./message.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import { memberOptions, PublisherPool } from "./publisher-pool.js";
import { Publisher } from "./publisher.js";
import { Requester, type RequestOptions } from "./request.js";
import { type RequestHandler, type RespondOptions, RESPONSES_AT_A_TIME, responder } from "./respond.js";
import type { ServerInfo } from "./server-info.js";
import { highestPacketId } from "./session/packet-identifiers.js";
import { Session } from "./session/session.js";
import type { SessionStore } from "./store.js";
import { StoreDriver, type StoreDriverPort } from "./store-driver.js";
import { abortError, type WaitOptions } from "./signal.js";
import { countDrop, newStats, type Stats } from "./stats.js";
import { inboxSettings, type SubscribeCallbackOptions, type SubscribeOptions } from "./subscribe/subscribe-options.js";
import { StragglerWatch } from "./subscribe/straggler-watch.js";
import { CallbackSubscription, MessageQueue, Subscription } from "./subscribe/subscription.js";
import { Subscriptions } from "./subscribe/subscriptions.js";
import { type Filters, type ParametersOf, resolveFilters } from "./subscribe/topic-filter.js";
import type { TypedOptions } from "./typed/decoder.js";
import { Typed } from "./typed/typed.js";
import { Wiring } from "./wiring.js";

/**
 * A MQTT 5 client. Making one validates the options and opens nothing; `connect` starts it, and from then on it keeps a
 * connection coming back until `disconnect`. Use it with `await using`, or call `disconnect` at the end.
 */
export class Client {
  readonly #options: ResolvedOptions;
  readonly #stats: Stats = newStats();
  readonly #state = new StateFeed();
  readonly #buffered: BufferedBytes;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #publisher: Publisher;
  /** Made for the first request: most clients make none. */
  #requester: Requester | undefined;
  readonly #lifecycle: Lifecycle;
  readonly #pool: PublisherPool | undefined;

  /** Throws an `InvalidArgumentError` that names the first wrong option. */
  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    this.#options = resolved;
    const callbacks = new Callbacks(resolved.clock, resolved.logger);
    this.#buffered = new BufferedBytes(resolved.maximumBufferedBytes, () => this.#connection?.regulate());
    const store = resolved.store === undefined ? undefined : this.#driver(resolved.store, resolved.clock);
    const wiring = new Wiring(resolved, callbacks, store);
    this.#session = new Session(wiring, this.#stats, resolved.receiveMaximum, highestPacketId(options), this.#buffered);
    this.#subscriptions = new Subscriptions(wiring, this.#stats, resolved.clock);
    this.#lifecycle = new Lifecycle({
      options: resolved,
      stats: this.#stats,
      state: this.#state,
      callbacks,
      buffered: this.#buffered,
      session: this.#session,
      subscriptions: this.#subscriptions,
      store,
    });
    wiring.session = this.#session;
    wiring.subscriptions = this.#subscriptions;
    wiring.lifecycle = this.#lifecycle;
    this.#publisher = new Publisher(resolved, this.#session, this.#stats, this.#state, () => this.#connection);
    this.#pool = this.#publisherPool({ ...options });
  }

  // Life

  /**
   * Connects. Resolves with what the broker granted; rejects with the first failure (`CONNECT_FAILED`, `CONNECT_TIMEOUT`,
   * `CONNECT_REFUSED`, …) unless `retryInitialConnect`, `ABORTED` when the signal does, `TIMEOUT` when the time is up,
   * `ALREADY_CONNECTED` while a life is under way, `CLOSED` after dispose. Waits for an earlier `disconnect` to finish.
   */
  async connect(options: WaitOptions = {}): Promise<ServerInfo> {
    const since = this.#options.clock.now();
    const info = await this.#lifecycle.connect(options);
    await this.#pool?.ready(options, since);
    return info;
  }

  /** Resolves when there is a connection, at once if there is one. Rejects with `CLOSED` when the client ends first, with `ABORTED` or `TIMEOUT`. */
  connected(options: WaitOptions = {}): Promise<ServerInfo> {
    return this.#lifecycle.connected(options);
  }

  /**
   * Authenticates again on this connection (section 4.12.1), for credentials that expire: AUTH 0x19 with a fresh exchange of the
   * `authenticator`, while other traffic goes on. Resolves when the broker accepts. Rejects with `NO_AUTHENTICATOR` without
   * one, `NOT_CONNECTED` without a connection or when it ends first, `REAUTH_IN_PROGRESS` while an earlier one is not
   * concluded (also if its caller gave up), `REAUTH_REJECTED` with the broker's reason when it disconnects,
   * `AUTHENTICATION_FAILED` when the authenticator fails (the connection then ends, unless nothing was sent), `ABORTED` and
   * `TIMEOUT`. Afterwards the client reconnects as always.
   */
  async reauthenticate(options: WaitOptions = {}): Promise<void> {
    const { signal } = waiting(options);
    if (signal?.aborted) throw abortError(signal, "not-sent");
    if (this.#options.authenticator === undefined) {
      throw new MqttError("NO_AUTHENTICATOR", "The client has no authenticator", { delivery: "not-sent" }); // [MQTT-4.12.0-7]
    }
    if (this.#connection === undefined) {
      throw new MqttError("NOT_CONNECTED", "There is no connection to authenticate on", { delivery: "not-sent" });
    }
    await this.#connection.reauthenticate(options);
  }

  /**
   * Says goodbye and closes: acks given so far and publishes accepted at QoS 0 leave first, all subscriptions end, waiting
   * calls reject with `CLOSED` and what is known of them. The session stays with the broker for its expiry interval.
   * Idempotent, and bounded by `disconnectTimeout`. Rejects only for wrong options, and then stays connected.
   */
  async disconnect(options: DisconnectOptions = {}): Promise<void> {
    await this.#lifecycle.disconnect(options);
    await this.#pool?.stopped();
  }

  /** `disconnect`, after which the client can't be used again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifecycle.dispose();
    await this.#pool?.stopped();
  }

  /**
   * Other brokers from the next dial on, in the order given; the connection of the moment stays. May be called at any time,
   * also from a callback: what `onConnectionDown` or `onReconnectAttempt` sets is dialled at once. Throws what the constructor throws.
   */
  setBrokers(urls: readonly string[]): void {
    this.#lifecycle.setBrokers(urls);
    this.#pool?.setBrokers(urls);
  }

  /** Where the client stands. */
  get state(): ClientState {
    return this.#state.current;
  }

  /** Every change of `state` from now on, up to `closed`. */
  states(): AsyncIterableIterator<ClientState, undefined> {
    return this.#state.changes();
  }

  /** What the broker granted; undefined while there is no connection. */
  get serverInfo(): ServerInfo | undefined {
    return this.#connection?.info;
  }

  /** The Client Identifier in effect: the configured one, or the one the broker assigned. */
  get clientId(): string {
    return this.#lifecycle.clientId;
  }

  /** The counters at this moment. */
  stats(): Readonly<Stats> {
    const stats = { ...this.#stats, ackHeadAge: this.#subscriptions.ackHeadAge };
    return this.#pool === undefined ? stats : this.#pool.addTo(stats);
  }

  // Messages

  /**
   * Publishes (section 3.3). QoS 0 resolves once the message is on its way; QoS 1 and 2 when the broker has acknowledged,
   * over as many connections as it takes. Rejects with `NOT_CONNECTED` while there is no connection, or waits for one with
   * `whenOffline: "wait"`; with `code` and `delivery` on everything else. The payload must not change until the promise has settled.
   */
  publish(topic: string, payload?: Uint8Array | string, options?: PublishOptions): Promise<PublishResult> {
    return (this.#pool ?? this.#publisher).publish(topic, payload, options);
  }

  /**
   * Subscribes (section 3.8); messages come from the async iterable it resolves with. Resolves when the broker has granted
   * at least one filter; rejects with a `SubscribeError` if it granted none, with `NOT_CONNECTED` while the connection is
   * lost, or waits for the next with `whenOffline: "wait"`. Before the first connection it resolves at once, and the broker is asked when there is one.
   */
  async subscribe<const F extends Filters>(
    filters: F,
    options: SubscribeOptions = {},
  ): Promise<Subscription<ParametersOf<F>>> {
    const inbox = this.#inbox(options);
    const handle = await this.#subscribe(filters, options, inbox);
    return new Subscription(handle, inbox);
  }

  /** Subscribes; messages wait in a queue to be pulled. As {@link Client.subscribe} otherwise. */
  async subscribeQueue<const F extends Filters>(
    filters: F,
    options: SubscribeOptions = {},
  ): Promise<MessageQueue<ParametersOf<F>>> {
    const inbox = this.#inbox(options);
    const handle = await this.#subscribe(filters, options, inbox);
    return new MessageQueue(handle, inbox);
  }

  /**
   * Subscribes; messages go to `handler` as they arrive, and are acked when it returns or its promise resolves. If it
   * throws or rejects, the message is refused with 0x80 and the error logged. As {@link Client.subscribe} otherwise.
   */
  async subscribeCallback<const F extends Filters>(
    filters: F,
    handler: MessageHandler<ParametersOf<F>>,
    options: SubscribeCallbackOptions = {},
  ): Promise<CallbackSubscription> {
    if (callable("handler", handler) === undefined) throw invalid("handler", handler, "must be a function");
    const inbox = this.#inbox(options);
    const concurrency = bound("concurrency", options.concurrency ?? 1);
    const zeroCopy = flag("zeroCopy", options.zeroCopy) ?? false;
    const { clock, logger } = this.#options;
    const stragglers = new StragglerWatch(clock, () =>
      logger.warn?.("A message handler has not finished 5 s after its subscription ended", { filters }),
    );
    const runner = new HandlerRunner(handler as MessageHandler, inbox, concurrency, zeroCopy, stragglers, (error) => {
      logger.error?.("A message handler failed", error);
    });
    return new CallbackSubscription(await this.#subscribe(filters, options, runner));
  }

  /**
   * Asks (section 4.10): publishes with a Response Topic and Correlation Data, and resolves with the one response, already
   * acked. Rejects as `publish` does; with `TIMEOUT` after 30 s unless `timeout` says otherwise; with
   * `NO_MATCHING_SUBSCRIBERS` if the broker says that a QoS 1/2 request reached nobody; with `CLOSED` when the client ends first.
   */
  request(topic: string, payload: Uint8Array | string = "", options: RequestOptions = {}): Promise<Message> {
    this.#requester ??= this.#newRequester();
    return this.#requester.request(topic, payload, options);
  }

  /**
   * Answers requests: what `handler` returns goes to the request's Response Topic, at the request's QoS unless it says
   * otherwise. The request is acked when that is done. As {@link Client.subscribeCallback} otherwise.
   */
  respond(filters: Filters, handler: RequestHandler, options: RespondOptions = {}): Promise<CallbackSubscription> {
    if (callable("handler", handler) === undefined)
      return Promise.reject(invalid("handler", handler, "must be a function"));
    const answer = responder(handler, (...call) => this.publish(...call), this.#options.logger);
    return this.subscribeCallback(filters, answer, {
      ...options,
      concurrency: options.concurrency ?? RESPONSES_AT_A_TIME,
      zeroCopy: false, // Correlation Data is used when the handler has answered
    });
  }

  /**
   * The same client over values instead of payloads. A message that the codec can't decode never reaches a consumer: it is
   * logged (at most once a second), counted, told to `onDecodeError`, and answered as `undecodable` says.
   */
  typed<T>(codec: Codec<T>, options: TypedOptions = {}): Typed<T> {
    const { clock, logger } = this.#options;
    return new Typed(this, codec, options, { clock, logger, stats: this.#stats });
  }

  // Inside

  get #connection(): Connection | undefined {
    return this.#lifecycle.connection;
  }

  #newRequester(): Requester {
    const { clock, responseTopic, whenOffline, logger } = this.#options;
    return new Requester({
      clock,
      stats: this.#stats,
      responseTopic,
      clientId: () => this.clientId,
      serverInfo: () => this.serverInfo,
      connected: (options) => this.#lifecycle.connected(options, "not-sent"),
      mayWait: (options) => (options.whenOffline ?? whenOffline) === "wait",
      publish: (...call) => this.publish(...call),
      subscribe: (...call) => this.subscribeCallback(...call),
      await: (more) => {
        this.#session.awaited += more;
        this.#connection?.regulate();
      },
      warn: (text) => logger.warn?.(text),
    });
  }

  #publisherPool(options: ClientOptions): PublisherPool | undefined {
    const { publisherPool, clock, logger } = this.#options;
    if (publisherPool === undefined) return undefined;
    return new PublisherPool(publisherPool, {
      clock,
      logger,
      stats: this.#stats,
      state: this.#state,
      member: (clientId, failed) => newClient(memberOptions(options, clientId, failed)),
      publish: (topic, payload, publishOptions) => this.#publisher.publish(topic, payload, publishOptions),
    });
  }

  #driver(store: SessionStore, clock: Clock): StoreDriver {
    const port: StoreDriverPort = {
      stored: (owner) => this.#session.stored(owner),
      deleted: (owner) => this.#session.deleted(owner),
      failed: (publish, error) => this.#session.failed(publish, error),
      settled: (publish, done) => this.#session.settled(publish, done),
      restore: (session) => {
        this.#session.restore(session.publishes, session.received);
        this.#lifecycle.restored(session);
      },
      broken: (error) => this.#lifecycle.storeFailed(error),
    };
    return new StoreDriver(store, clock, port, this.#stats);
  }

  #inbox(options: SubscribeOptions): Inbox {
    return new Inbox(
      inboxSettings(options, this.#options.clock, this.#options.logger, (reason) => countDrop(this.#stats, reason)),
      this.#buffered,
    );
  }

  /** Registers the route first, so that retained messages can't be missed; then asks the broker, if there is one. */
  async #subscribe(filters: Filters, options: SubscribeOptions, sink: MessageSink): Promise<LocalSubscription> {
    const resolved = resolveFilters(filters, options);
    if (options.signal?.aborted) throw abortError(options.signal, "not-sent");
    const where = this.#lifecycle.admit(options.whenOffline ?? this.#options.whenOffline);
    const local = this.#subscriptions.add(resolved, sink, flag("strict", options.strict));
    if (where !== "early") await this.#subscriptions.subscribe(local, options);
    if (options.signal !== undefined) local.endWith(options.signal);
    return local;
  }
}

/** Outside of the class: one that names itself gets another name when it is bundled, and stack traces show that. */
function newClient(options: ClientOptions): Client {
  return new Client(options);
}
