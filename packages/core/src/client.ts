// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, type DisconnectPacket, PacketType, ReasonCode } from "@mqttv5/wire";
import { BufferedBytes } from "./buffered-bytes.js";
import { Callbacks } from "./callbacks.js";
import { type ClientState, StateFeed } from "./client-state.js";
import { bound, callable, invalid, signalOf } from "./check.js";
import type { Codec } from "./codec.js";
import type { Connection } from "./connection/connection.js";
import { type DisconnectOptions, disconnectPacket } from "./disconnect-options.js";
import { type Delivery, MqttError } from "./errors.js";
import { HandlerRunner, type MessageHandler } from "./subscribe/handler.js";
import { Inbox } from "./subscribe/inbox.js";
import type { LocalSubscription, MessageSink } from "./subscribe/local-subscription.js";
import { type ClientOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import type { PublishOptions, PublishResult } from "./publish-options.js";
import { Publisher } from "./publisher.js";
import type { ServerInfo } from "./server-info.js";
import { delivery } from "./session/outbound-publish.js";
import { Session, type SessionPort } from "./session/session.js";
import { abortError, onAbort } from "./signal.js";
import { newStats, type Stats } from "./stats.js";
import { inboxSettings, type SubscribeCallbackOptions, type SubscribeOptions } from "./subscribe/subscribe-options.js";
import { CallbackSubscription, MessageQueue, Subscription, type WaitOptions } from "./subscribe/subscription.js";
import { Subscriptions } from "./subscribe/subscriptions.js";
import { Supervisor } from "./supervisor.js";
import { type Filters, resolveFilters } from "./subscribe/topic-filter.js";
import type { Transport } from "./transport.js";
import { Typed } from "./typed.js";

/**
 * A MQTT 5 client. Making one validates the options and opens nothing; `connect` starts it, and from then on it keeps a
 * connection coming back until `disconnect`. Use it with `await using`, or call `disconnect` at the end.
 */
export class Client {
  readonly #options: ResolvedOptions;
  readonly #stats: Stats = newStats();
  readonly #state = new StateFeed();
  readonly #callbacks: Callbacks;
  readonly #buffered: BufferedBytes;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #publisher: Publisher;
  /** From `connect` to the end of what it started. */
  #life: Life | undefined;
  #disposed = false;
  #clientId: string;
  /** The broker keeps a session of ours, as far as we know. */
  #sessionHeld = false;
  #transport: Promise<Transport> | undefined;

  /** Throws an `InvalidArgumentError` that names the first wrong option. */
  constructor(options: ClientOptions) {
    const resolved = resolveOptions(options);
    this.#options = resolved;
    this.#clientId = resolved.connect.clientId;
    this.#callbacks = new Callbacks(resolved.clock, resolved.logger);
    this.#buffered = new BufferedBytes(resolved.maximumBufferedBytes, () => this.#connection?.regulate());
    this.#session = new Session(this.#sessionPort(), this.#stats, resolved.receiveMaximum, undefined, this.#buffered);
    this.#subscriptions = new Subscriptions(
      {
        request: (operation) => {
          this.#session.request(operation);
          this.#connection?.regulate();
        },
        forget: (operation) => this.#session.forget(operation),
        serverInfo: () => this.#connection?.info,
        partlyRefused: (error) => resolved.logger.warn?.(error.message, error),
        resubscribeFailed: (error) => {
          resolved.logger.warn?.(error.message, error);
          void this.#callbacks.post(resolved.callbacks.onResubscribeError, error);
        },
      },
      this.#stats,
      () => resolved.clock.random(),
    );
    this.#publisher = new Publisher(resolved, this.#session, this.#stats, () => this.#connection);
  }

  // Life

  /**
   * Connects. Resolves with what the broker granted; rejects with the first failure (`CONNECT_FAILED`, `CONNECT_TIMEOUT`,
   * `CONNECT_REFUSED`, …) unless `retryInitialConnect`, `ABORTED` when the signal does, `ALREADY_CONNECTED` while a
   * life is under way, `CLOSED` after dispose. Waits for an earlier `disconnect` to finish.
   */
  async connect(options: WaitOptions = {}): Promise<ServerInfo> {
    const signal = signalOf(options);
    if (signal?.aborted) throw abortError(signal, "not-sent");
    if (this.#life?.stopping) await this.#life.over;
    if (this.#disposed) throw closed();
    if (this.#life !== undefined) throw new MqttError("ALREADY_CONNECTED", "The client is connected, or about to be");
    const { supervisor } = this.#start();
    if (signal === undefined) return supervisor.connected;
    const unlink = onAbort(signal, (error) => void this.#stop(GOODBYE, error));
    try {
      return await supervisor.connected;
    } finally {
      unlink();
    }
  }

  /** Resolves when there is a connection, at once if there is one. Rejects with `CLOSED` when the client ends first, with `ABORTED` when the signal does. */
  connected(options: WaitOptions = {}): Promise<ServerInfo> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(abortError(signal));
    const { current } = this.#state;
    if (current.status === "connected") return Promise.resolve(current.serverInfo);
    if (current.status === "closed") return Promise.reject(closed(current.cause));
    return new Promise((resolve, reject) => {
      const unfollow = this.#state.follow((state) => {
        if (state.status === "connected") finish(() => resolve(state.serverInfo));
        else if (state.status === "closed") finish(() => reject(closed(state.cause)));
      });
      const unlink = signal === undefined ? undefined : onAbort(signal, (error) => finish(() => reject(error)));
      const finish = (settle: () => void): void => {
        unfollow();
        unlink?.();
        settle();
      };
    });
  }

  /**
   * Says goodbye and closes: acks given so far and publishes accepted at QoS 0 leave first, all subscriptions end, waiting
   * calls reject with `CLOSED` and what is known of them. The session stays with the broker for its expiry interval.
   * Idempotent, and bounded by `disconnectTimeout`. Rejects only for wrong options, and then stays connected.
   */
  async disconnect(options: DisconnectOptions = {}): Promise<void> {
    const packet = disconnectPacket(options, this.#options.sessionExpiryInterval);
    if (this.#life === undefined) return;
    if (options.sessionExpiryInterval !== undefined) this.#sessionHeld = options.sessionExpiryInterval > 0;
    await this.#stop(packet, closed());
  }

  /** `disconnect`, after which the client can't be used again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.disconnect();
    if (this.#state.current.status !== "closed") this.#finish(undefined); // it never was connected
    this.#state.end();
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
    return this.#clientId;
  }

  /** The counters at this moment. */
  stats(): Readonly<Stats> {
    return { ...this.#stats };
  }

  // Messages

  /**
   * Publishes (section 3.3). QoS 0 resolves once the message is on its way; QoS 1 and 2 when the broker has acknowledged,
   * over as many connections as it takes. Rejects with `NOT_CONNECTED` while there is no connection, with `code` and
   * `delivery` on everything else. The payload must not change until the promise has settled.
   */
  publish(topic: string, payload?: Uint8Array | string, options?: PublishOptions): Promise<PublishResult> {
    return this.#publisher.publish(topic, payload, options);
  }

  /**
   * Subscribes (section 3.8); messages come from the async iterable it resolves with. Resolves when the broker has granted
   * at least one filter; rejects with a `SubscribeError` if it granted none, with `NOT_CONNECTED` while the connection is
   * lost. Before the first connection it resolves at once, and the broker is asked when there is one.
   */
  async subscribe(filters: Filters, options: SubscribeOptions = {}): Promise<Subscription> {
    const inbox = this.#inbox(options);
    const handle = await this.#subscribe(filters, options, inbox);
    return new Subscription(handle, inbox);
  }

  /** Subscribes; messages wait in a queue to be pulled. As {@link Client.subscribe} otherwise. */
  async subscribeQueue(filters: Filters, options: SubscribeOptions = {}): Promise<MessageQueue> {
    const inbox = this.#inbox(options);
    const handle = await this.#subscribe(filters, options, inbox);
    return new MessageQueue(handle, inbox);
  }

  /**
   * Subscribes; messages go to `handler` as they arrive, and are acked when it returns or its promise resolves. If it
   * throws or rejects, the message is refused with 0x80 and the error logged. As {@link Client.subscribe} otherwise.
   */
  async subscribeCallback(
    filters: Filters,
    handler: MessageHandler,
    options: SubscribeCallbackOptions = {},
  ): Promise<CallbackSubscription> {
    if (callable("handler", handler) === undefined) throw invalid("handler", handler, "must be a function");
    const inbox = this.#inbox(options);
    const concurrency = bound("concurrency", options.concurrency ?? 1);
    const runner = new HandlerRunner(handler, inbox, concurrency, (error) => {
      this.#options.logger.error?.("A message handler failed", error);
    });
    const sink: MessageSink = {
      offer: (message) => runner.offer(message),
      close: () => inbox.close(),
      discard: () => inbox.discard(),
    };
    return new CallbackSubscription(await this.#subscribe(filters, options, sink));
  }

  /** The same client over values instead of payloads. */
  typed<T>(codec: Codec<T>): Typed<T> {
    return new Typed(this, codec, this.#options.logger);
  }

  // Inside

  get #connection(): Connection | undefined {
    return this.#life?.supervisor.connection;
  }

  #stop(packet: DisconnectPacket, cause: MqttError): Promise<void> {
    const life = this.#life;
    if (life === undefined) return Promise.resolve();
    life.stopping = true;
    life.supervisor.stop(packet, cause);
    return life.over;
  }

  #sessionPort(): SessionPort {
    return {
      send: (packet) => this.#connection?.send(packet),
      sendPublish: (frame, duplicate) => this.#connection?.sender.sendFrame(frame, duplicate),
      deliver: (publish, inbound) =>
        this.#subscriptions.deliver(publish, this.#connection?.topic ?? publish.topic, inbound),
      ackIgnored: (packet, packetId) =>
        this.#options.logger.warn?.(`The broker sent ${packet} for packet identifier ${packetId}, which awaits none`),
    };
  }

  #start(): Life {
    const supervisor = new Supervisor(this.#options, this.#session, this.#stats, this.#buffered, this.#callbacks, {
      transport: () => this.#loadTransport(),
      connectPacket: () => this.#connectPacket(),
      established: (info) => this.#established(info),
      changed: (state) => this.#state.set(state),
    });
    const life: Life = {
      supervisor,
      stopping: false,
      resuming: false,
      over: supervisor.finished.then((cause) => this.#finish(cause)),
    };
    this.#life = life;
    return life;
  }

  /** Clean Start only if nothing would be lost by it, or if the first connect of a life was told so (section 3.1.2.4). */
  #connectPacket(): ConnectPacket {
    const held = this.#sessionHeld || this.#session.hasState;
    const cleanStart = this.#life?.resuming === true ? false : (this.#options.cleanStart ?? !held);
    return { ...this.#options.connect, clientId: this.#clientId, cleanStart };
  }

  /** CONNACK was good: the session goes on, or a new one begins. */
  #established(info: ServerInfo): void {
    const life = this.#life as Life;
    const discarded = !life.resuming && this.#options.cleanStart === true;
    life.resuming = true;
    this.#clientId = info.clientId; // an assigned identifier is kept [MQTT-3.1.3-2]
    this.#sessionHeld = info.sessionExpiryInterval > 0;
    if (!info.sessionPresent && (discarded || this.#options.sessionLossPolicy === "fail")) {
      this.#session.abandon(
        (publish) => discarded || publish.attempted,
        (publish) =>
          new MqttError("SESSION_LOST", "The broker lost the session before the message was acknowledged", {
            delivery: delivery(publish),
          }),
      );
    }
    this.#subscriptions.connected(info.sessionPresent);
    this.#session.connected(info.sessionPresent, {
      receiveMaximum: info.receiveMaximum,
      refusal: (publish) => Publisher.refusal(publish, info),
    });
  }

  /** A life is over: whoever waits is told. What a connection was handed stays with the session if the broker keeps that. */
  #finish(cause: MqttError | undefined): void {
    this.#life = undefined;
    this.#subscriptions.close(cause === undefined ? { reason: "disconnected" } : { reason: "failed", error: cause });
    this.#session.release(this.#sessionHeld, (publish) => closed(cause, delivery(publish)));
    this.#state.set({ status: "closed", cause });
    this.#options.logger.info?.("Closed", cause);
  }

  /** Our own transport is loaded only if there is none given, so that a browser build need not hold it. */
  #loadTransport(): Promise<Transport> {
    const { transport, tls } = this.#options;
    this.#transport ??=
      transport === undefined ? import("#tcp").then(({ tcp }) => tcp(tls)) : Promise.resolve(transport);
    return this.#transport;
  }

  #inbox(options: SubscribeOptions): Inbox {
    return new Inbox(
      inboxSettings(options, this.#options.logger, () => this.#stats.inboundDropped++),
      this.#buffered,
    );
  }

  /** Registers the route first, so that retained messages can't be missed; then asks the broker, if there is one. */
  async #subscribe(filters: Filters, options: SubscribeOptions, sink: MessageSink): Promise<LocalSubscription> {
    const resolved = resolveFilters(filters, options);
    if (options.signal?.aborted) throw abortError(options.signal, "not-sent");
    const { status } = this.#state.current;
    const connected = this.#connection !== undefined;
    // Before the first connection of a life a route may be declared; the broker is asked when there is one.
    const early = status === "idle" || (this.#life !== undefined && !this.#life.resuming && !this.#life.stopping);
    if (this.#disposed || status === "closed") throw closed(undefined, "not-sent");
    if (!connected && !early) {
      throw new MqttError("NOT_CONNECTED", "There is no connection to subscribe on", { delivery: "not-sent" });
    }
    const local = this.#subscriptions.add(resolved, sink);
    if (connected) await this.#subscriptions.subscribe(local, options.signal);
    return local;
  }
}

/** From `connect` to the end it comes to. */
interface Life {
  readonly supervisor: Supervisor;
  /** Resolves when everything that waited on this life has been told. */
  readonly over: Promise<void>;
  /** Told to end. */
  stopping: boolean;
  /** There has been a connection, so that the next one goes on with the session. */
  resuming: boolean;
}

const GOODBYE: DisconnectPacket = { type: PacketType.Disconnect, reasonCode: ReasonCode.NormalDisconnection };

function closed(cause?: MqttError, outcome?: Delivery): MqttError {
  return new MqttError("CLOSED", "The client was closed", { cause, delivery: outcome });
}
