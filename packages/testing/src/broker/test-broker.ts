// SPDX-License-Identifier: Apache-2.0

import {
  type DecodedWill,
  type DisconnectProperties,
  encodeUtf8,
  isTopicFilter,
  isTopicName,
  ReasonCode,
  type QoS,
} from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import type { FaultyLink } from "../fault.js";
import type { Link, Transport } from "../link.js";
import { linkPair } from "../link-pair.js";
import { systemClock } from "../platform.js";
import { type BrokerConnection, Connection, type ConnectionHost } from "./connection.js";
import { Exchange } from "./exchange.js";
import { isPromiseLike, verdictOf } from "./hooks.js";
import { expiryOf, type Message, type MessageProperties, messageOfWill } from "./message.js";
import { type Settings, settingsOf, type TestBrokerOptions } from "./options.js";
import { Outage } from "./outage.js";
import type { BrokerSession, Session, SessionHost } from "./session.js";
import { SessionRegistry } from "./session-registry.js";
import type { Subscriber } from "./subscription.js";

/** Options of {@link TestBroker.publish}. */
export interface BrokerPublishOptions {
  /** Default 0. */
  readonly qos?: QoS | undefined;
  /** Default false. */
  readonly retain?: boolean | undefined;
  readonly properties?: (MessageProperties & { readonly messageExpiryInterval?: number | undefined }) | undefined;
}

/** Options of {@link TestBroker.transport}. */
export interface BrokerTransportOptions {
  /** Milliseconds a chunk is under way, in each direction. Default 0. */
  readonly latency?: number | undefined;
  /** Bytes pending above which a link's `send` returns false. Default 65536. */
  readonly highWaterMark?: number | undefined;
  /** Whether the links keep what is sent, for `Fault.transcript`. Default false. */
  readonly transcript?: boolean | undefined;
  /** Is given both ends of each new link before a byte has passed: the place to inject faults. */
  readonly onConnect?: ((clientEnd: FaultyLink, brokerEnd: FaultyLink) => void) | undefined;
}

/** Options of {@link TestBroker.restart}. */
export interface RestartOptions {
  /** Whether sessions survive, as with a broker that keeps them on disk. Default true. */
  readonly keepSessions?: boolean | undefined;
  /** Whether retained messages survive. Default true. */
  readonly keepRetained?: boolean | undefined;
  /** Milliseconds during which connections are refused. Default 0. */
  readonly downtime?: number | undefined;
}

/**
 * A MQTT 5 broker in one process: the whole protocol, for tests and demos. It is not made for production: nothing is
 * stored, and all of it runs in one thread.
 *
 * @example
 * const clock = new VirtualClock();
 * const broker = new TestBroker({ clock });
 * const client = new Client({ broker: "mqtt://test", clock, transport: broker.transport() });
 * await clock.run(client.connect());
 */
export class TestBroker {
  readonly #clock: Clock;
  readonly #exchange: Exchange = new Exchange();
  readonly #connections: Set<Connection> = new Set();
  readonly #sessions: SessionRegistry;
  #options: TestBrokerOptions;
  #settings: Settings;
  #assigned = 0;
  /** Why connections are refused: a restart, or that the broker was closed. */
  #outage: Outage | undefined;
  #closedListeners: (() => void)[] = [];

  constructor(options: TestBrokerOptions = {}) {
    this.#options = options;
    this.#settings = settingsOf(options);
    this.#clock = options.clock ?? systemClock;
    this.#sessions = new SessionRegistry(this.#sessionHost());
  }

  /** Serves a client on a link that is not opened yet. While the broker is down the link is destroyed. */
  accept(link: Link): void {
    if (this.#outage) {
      link.open({ received() {}, drained() {}, closed() {} });
      link.destroy();
      return;
    }
    const connection = new Connection(link, this.#connectionHost());
    this.#connections.add(connection);
    connection.open();
  }

  /** A transport whose every `connect` joins the client to this broker in memory, whatever the URL. */
  transport(options: BrokerTransportOptions = {}): Transport {
    return {
      connect: async (_url, { signal }) => {
        signal.throwIfAborted();
        if (this.#outage) throw connectionRefused();
        const { latency, highWaterMark, transcript = false } = options;
        const [client, broker] = linkPair({ clock: this.#clock, latency, highWaterMark, transcript });
        options.onConnect?.(client, broker);
        this.accept(broker);
        return client;
      },
    };
  }

  /** The connections of this moment, in the order of their making. */
  get connections(): readonly BrokerConnection[] {
    return [...this.#connections];
  }

  /** The sessions of this moment, with and without a connection. */
  get sessions(): readonly BrokerSession[] {
    return this.#sessions.all();
  }

  /** The retained messages. */
  get retained(): readonly Message[] {
    return this.#exchange.retained.all(this.#clock.now());
  }

  /** Publishes as the broker itself, past the hooks. Says whether anybody is to have the message. */
  publish(topic: string, payload: Uint8Array | string = "", options: BrokerPublishOptions = {}): boolean {
    if (!isTopicName(topic)) throw new RangeError(`TestBroker: not a topic name: ${JSON.stringify(topic)}`);
    const { messageExpiryInterval, ...properties } = options.properties ?? {};
    return this.#exchange.publish({
      topic,
      payload: typeof payload === "string" ? encodeUtf8(payload) : payload.slice(),
      qos: options.qos ?? 0,
      retain: options.retain ?? false,
      properties,
      expiresAt: expiryOf(messageExpiryInterval, this.#clock.now()),
      publisher: undefined,
    });
  }

  /** Calls `handler` with each message published from now on that matches. Gives a function that stops it. */
  subscribe(filter: string, handler: (message: Message) => void): () => void {
    if (!isTopicFilter(filter)) throw new RangeError(`TestBroker: not a topic filter: ${JSON.stringify(filter)}`);
    const subscriber: Subscriber = {
      clientId: "",
      connected: true,
      deliver: ({ message }) => handler(message),
    };
    this.#exchange.router.add({
      subscriber,
      filter,
      qos: 2,
      noLocal: false,
      retainAsPublished: true,
      identifier: undefined,
    });
    return () => this.#exchange.router.remove(subscriber, filter);
  }

  /** Changes options, the clock excepted, for connections that come from now on. */
  configure(options: Omit<TestBrokerOptions, "clock">): void {
    this.#options = { ...this.#options, ...options };
    this.#settings = settingsOf(this.#options);
  }

  /** Sends a client DISCONNECT and closes its connection. Says whether it had one. */
  disconnect(
    clientId: string,
    {
      reasonCode = ReasonCode.AdministrativeAction,
      ...properties
    }: DisconnectProperties & { readonly reasonCode?: number } = {},
  ): boolean {
    const connection = this.#connectionOf(clientId);
    connection?.disconnect(reasonCode, properties);
    return connection !== undefined;
  }

  /** Breaks the connection of one client, or all of them, without DISCONNECT. Gives how many. */
  drop(clientId?: string): number {
    const all = [...this.#connections];
    const connections = clientId === undefined ? all : all.filter((connection) => connection.clientId === clientId);
    for (const connection of connections) connection.drop();
    return connections.length;
  }

  /**
   * As if the process had died and come back: every connection breaks, no Will is published, and connections are refused
   * for the downtime. Resolves when the broker is back.
   */
  async restart(options: RestartOptions = {}): Promise<void> {
    const { keepSessions = true, keepRetained = true, downtime = 0 } = options;
    const outage = this.#begin();
    for (const connection of this.#connections) connection.crash();
    if (!keepSessions) this.#discardSessions();
    if (!keepRetained) this.#exchange.retained.clear();
    if (downtime > 0) await outage.last(this.#clock, downtime);
    if (this.#outage === outage) this.#outage = undefined;
  }

  /** Says 0x8B (server shutting down) to all clients, forgets all sessions, and resolves when the last link is closed. */
  async close(): Promise<void> {
    this.#begin();
    for (const session of this.#sessions.all()) session.forgetWill();
    for (const connection of this.#connections) connection.disconnect(ReasonCode.ServerShuttingDown);
    this.#discardSessions();
    if (this.#connections.size > 0) await new Promise<void>((resolve) => this.#closedListeners.push(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(): Outage {
    this.#outage?.end();
    this.#outage = new Outage();
    return this.#outage;
  }

  #connectionOf(clientId: string): Connection | undefined {
    return [...this.#connections].find((connection) => connection.clientId === clientId && connection.live);
  }

  #discardSessions(): void {
    for (const session of this.#sessions.all()) {
      session.discard();
      this.#removeSession(session);
    }
  }

  #removeSession(session: Session): void {
    this.#sessions.remove(session);
    this.#exchange.removeAll(session, session.filters);
  }

  #connectionHost(): ConnectionHost {
    return {
      clock: this.#clock,
      settings: this.#settings,
      exchange: this.#exchange,
      sessions: this.#sessions,
      newClientId: () => this.#newClientId(),
      closed: (connection) => this.#connectionClosed(connection),
    };
  }

  #sessionHost(): SessionHost {
    return {
      clock: this.#clock,
      limits: () => this.#settings,
      publishWill: (will, clientId) => this.#publishWill(will, clientId),
      ended: (session) => this.#removeSession(session),
    };
  }

  #connectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    const listeners = this.#closedListeners;
    this.#closedListeners = [];
    for (const listener of listeners) listener();
  }

  #publishWill(will: DecodedWill, clientId: string): void {
    const message = messageOfWill(will, clientId, this.#clock.now());
    const answer = this.#settings.authorizePublish?.(message, { clientId, username: undefined });
    const publish = (settled: Awaited<typeof answer>): void => {
      if (verdictOf(settled, ReasonCode.Success).reasonCode < 0x80) this.#exchange.publish(message);
    };
    if (isPromiseLike(answer)) void answer.then(publish);
    else publish(answer);
  }

  /** Unique among the sessions of this broker. [MQTT-3.1.3-6] */
  #newClientId(): string {
    let clientId: string;
    do clientId = `assigned-${++this.#assigned}`;
    while (this.#sessions.get(clientId));
    return clientId;
  }
}

function connectionRefused(): Error {
  return Object.assign(new Error("connection refused: the test broker is down"), { code: "ECONNREFUSED" });
}
