// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, type DisconnectPacket, PacketType, ReasonCode } from "@mqttv5/wire";
import { BrokerList } from "./broker-list.js";
import { brokerUrls, isOwn } from "./broker-url.js";
import type { BufferedBytes } from "./buffered-bytes.js";
import type { Callbacks } from "./callbacks.js";
import { waiting } from "./check.js";
import type { ClientState, StateFeed } from "./client-state.js";
import type { Connection } from "./connection/connection.js";
import { type DisconnectOptions, disconnectPacket } from "./disconnect-options.js";
import { type Delivery, MqttError } from "./errors.js";
import type { ResolvedOptions } from "./options.js";
import type { WhenOffline } from "./publish-options.js";
import { Publisher } from "./publisher.js";
import type { ServerInfo } from "./server-info.js";
import { delivery, type OutboundPublish } from "./session/outbound-publish.js";
import type { Session } from "./session/session.js";
import { abortError, deadline, remaining, type WaitOptions, within } from "./signal.js";
import type { Stats } from "./stats.js";
import { Direction, type SessionKey } from "./store.js";
import type { StoreDriver } from "./store-driver.js";
import type { RestoredSession } from "./stored-session.js";
import type { Subscriptions } from "./subscribe/subscriptions.js";
import { Supervisor, type SupervisorPort } from "./supervisor.js";
import type { Transport } from "./transport.js";

/** The parts of a client that outlive its connections. */
export interface ClientParts {
  readonly options: ResolvedOptions;
  readonly stats: Stats;
  readonly state: StateFeed;
  readonly callbacks: Callbacks;
  readonly buffered: BufferedBytes;
  readonly session: Session;
  readonly subscriptions: Subscriptions;
  readonly store: StoreDriver | undefined;
}

/**
 * From `connect` to `disconnect`, as often as the application wants: starts and ends supervisors, and carries the session
 * from one connection, and one life, to the next. Lives as long as the client.
 */
export class Lifecycle implements SupervisorPort {
  readonly #parts: ClientParts;
  readonly #options: ResolvedOptions;
  readonly #state: StateFeed;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #brokers: BrokerList;
  /** From `connect` to the end of what it started. */
  #life: Life | undefined;
  #disposed = false;
  #clientId: string;
  /** The broker keeps a session of ours, as far as we know. */
  #sessionHeld = false;
  /** What a lost session leaves in the store may still be there; taken for the next one's it would swallow messages. */
  #clearing = false;
  #transport: Promise<Transport> | undefined;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#options = parts.options;
    this.#state = parts.state;
    this.#session = parts.session;
    this.#subscriptions = parts.subscriptions;
    this.#brokers = new BrokerList(parts.options.brokers, parts.options.clock.random());
    this.#clientId = parts.options.connect.clientId;
  }

  /** The connection that packets can be sent on, if there is one. */
  get connection(): Connection | undefined {
    return this.#life?.supervisor.connection;
  }

  get clientId(): string {
    return this.#clientId;
  }

  /**
   * Where a subscription may be made: on a connection, before the first one of a life in advance, or, if the call waits, on the
   * next one. Throws `CLOSED` or `NOT_CONNECTED` elsewhere.
   */
  admit(whenOffline: WhenOffline): "connected" | "early" | "later" {
    const { status } = this.#state.current;
    if (this.#disposed || status === "closed") throw closed(undefined, "not-sent");
    if (this.connection !== undefined) return "connected";
    if (status === "idle" || (this.#life !== undefined && !this.#life.resuming && !this.#life.stopping)) return "early";
    if (whenOffline === "wait" && this.#life?.stopping === false) return "later";
    throw new MqttError("NOT_CONNECTED", "There is no connection to subscribe on", { delivery: "not-sent" });
  }

  async connect(options: WaitOptions): Promise<ServerInfo> {
    const { clock } = this.#options;
    const since = clock.now();
    const { signal } = waiting(options);
    if (signal?.aborted) throw abortError(signal, "not-sent");
    if (this.#life?.stopping) await within(clock, options, this.#life.over, "not-sent");
    if (this.#disposed) throw closed();
    if (this.#life !== undefined) throw new MqttError("ALREADY_CONNECTED", "The client is connected, or about to be");
    const { supervisor } = this.#start();
    const callOff = deadline(clock, remaining(clock, options, since), (stopped) => void this.#stop(GOODBYE, stopped()));
    try {
      return await supervisor.connected;
    } finally {
      callOff();
    }
  }

  async connected(options: WaitOptions, delivery?: Delivery): Promise<ServerInfo> {
    const { signal } = waiting(options);
    if (signal?.aborted) throw abortError(signal, delivery);
    const { current } = this.#state;
    // Not once either side has said goodbye: the state follows when the link is closed.
    const info = this.connection?.info;
    if (info !== undefined) return info;
    if (current.status === "closed") throw closed(current.cause, delivery);
    return new Promise((resolve, reject) => {
      const unfollow = this.#state.follow((state) => {
        if (state.status === "connected") finish(() => resolve(state.serverInfo));
        else if (state.status === "closed") finish(() => reject(closed(state.cause, delivery)));
      });
      const callOff = deadline(this.#options.clock, options, (stopped) => finish(() => reject(stopped(delivery))));
      const finish = (settle: () => void): void => {
        unfollow();
        callOff();
        settle();
      };
    });
  }

  async disconnect(options: DisconnectOptions): Promise<void> {
    const packet = disconnectPacket(options, this.#options.sessionExpiryInterval);
    if (this.#life === undefined) return;
    if (this.#life.stopping) return this.#life.over; // what was said before stands
    if (options.sessionExpiryInterval !== undefined) {
      this.#sessionHeld = options.sessionExpiryInterval > 0;
      // A longer one is not heard without a connection; that nobody wants the session any more holds all the same.
      if (this.connection !== undefined || !this.#sessionHeld) this.#life.expiry = options.sessionExpiryInterval;
    }
    await this.#stop(packet, closed());
  }

  setBrokers(urls: readonly string[]): void {
    this.#brokers.replace(brokerUrls(urls, this.#options.transport));
  }

  /** Ends for good. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.disconnect({});
    if (this.#state.current.status !== "closed") this.#finish(undefined); // it never was connected
    this.#state.end();
  }

  // For the store

  /** What a store kept: a session that the broker may hold for us, too (decision: Clean Start never erases it unasked). */
  restored({ meta, corrupt }: RestoredSession): void {
    const { callbacks, options } = this.#parts;
    if (corrupt.length > 0) {
      const some = corrupt.slice(0, 10).map(({ key, reason }) => `${nameOf(key)}: ${reason}`);
      const more = corrupt.length > some.length ? `; and ${corrupt.length - some.length} more` : "";
      options.logger.error?.(
        `Left out what the session store holds and nobody can read: ${some.join("; ")}${more}`,
        corrupt,
      );
      for (const record of corrupt) void callbacks.post(options.callbacks.onStoreCorrupt, record);
    }
    if (meta === undefined) {
      this.#sessionHeld ||= corrupt.length > 0; // of whatever it was a part
      return;
    }
    if (this.#clientId === "") this.#clientId = meta.clientId;
    if (this.#clientId === meta.clientId) this.#sessionHeld = meta.sessionExpiryInterval > 0;
  }

  /** Nothing can be made durable: the session ends here, and the client as if it had been disconnected. */
  storeFailed(error: MqttError): void {
    const { callbacks } = this.#parts;
    this.#options.logger.error?.(error.message, error);
    this.#session.drop(
      (publish) => new MqttError("STORE_FAILED", error.message, { cause: error.cause, delivery: delivery(publish) }),
    );
    void callbacks.post(this.#options.callbacks.onStoreFailure, error);
    if (this.#life === undefined) return;
    this.#life.failure ??= error;
    void this.#stop({ type: PacketType.Disconnect, reasonCode: ReasonCode.UnspecifiedError }, error);
  }

  // For the supervisor

  /** Our own transport is loaded only for the brokers of which there is no other, so that a browser build need not hold it. */
  transport(broker: URL): Promise<Transport> {
    const { transport, tls } = this.#options;
    if (transport !== undefined && !isOwn(broker, transport)) return Promise.resolve(transport);
    this.#transport ??= import("#tcp").then(({ tcp }) => tcp(tls));
    return this.#transport;
  }

  prepare(): Promise<void> | undefined {
    return this.#parts.store?.load();
  }

  /** Clean Start only if nothing would be lost by it, or if the first connect of a life was told so (section 3.1.2.4). */
  connectPacket(): ConnectPacket {
    const held = this.#sessionHeld || this.#session.hasState;
    const cleanStart = this.#life?.resuming === true ? false : (this.#options.cleanStart ?? !held);
    return { ...this.#options.connect, clientId: this.#clientId, cleanStart };
  }

  /** CONNACK was good: what the broker has lost is given up, and what the connection depends on becomes durable. */
  granted(info: ServerInfo): Promise<void> | undefined {
    const { store } = this.#parts;
    const discarded = this.#life?.resuming === false && this.#options.cleanStart === true;
    // Of a tracked publish the outcome is kept until its owner has asked for it: it must not publish again what was delivered.
    const emptied = discarded && !(store !== undefined && this.#session.tracking);
    this.#clientId = info.clientId; // an assigned identifier is kept [MQTT-3.1.3-2]
    this.#sessionHeld = info.sessionExpiryInterval > 0;
    if (!info.sessionPresent) {
      if (emptied) this.#session.drop(sessionLost);
      else if (discarded) this.#session.abandon(() => true, sessionLost);
      else if (this.#options.sessionLossPolicy === "fail")
        this.#session.abandon(({ attempted }) => attempted, sessionLost);
    }
    if (store === undefined) return undefined;
    const { clientId, sessionExpiryInterval, sessionPresent } = info;
    const meta = { clientId, sessionExpiryInterval };
    if (emptied) {
      return store.reset().then(() => {
        store.setMeta(meta);
        return store.idle();
      });
    }
    if (discarded) {
      this.#session.discardCorrupt();
      store.discardCorrupt();
    }
    if (!sessionPresent) this.#session.lost();
    const durable = store.setMeta(meta);
    // Other writes hold up the packets they belong to, and no more than those.
    if (sessionPresent && durable && !this.#clearing) return undefined;
    const idle = store.idle();
    this.#clearing = idle !== undefined;
    return idle?.then(() => {
      this.#clearing = false;
    });
  }

  /** The connection can be used: the session goes on, or a new one begins. */
  established(info: ServerInfo): void {
    (this.#life as Life).resuming = true;
    this.#session.advance(this.#options.clock.now()); // CONNACK may have waited for a store
    this.#subscriptions.connected(info.sessionPresent);
    this.#session.connected(info.sessionPresent, {
      receiveMaximum: info.receiveMaximum,
      refusal: (publish) => Publisher.refusal(publish, info),
    });
  }

  changed(state: ClientState): void {
    this.#state.set(state);
  }

  // Inside

  #stop(packet: DisconnectPacket, cause: MqttError): Promise<void> {
    const life = this.#life;
    if (life === undefined) return Promise.resolve();
    life.stopping = true;
    life.supervisor.stop(packet, cause);
    return life.over;
  }

  #start(): Life {
    const { stats, buffered, callbacks } = this.#parts;
    const supervisor = new Supervisor(this.#options, this.#session, stats, buffered, callbacks, this.#brokers, this);
    const life: Life = {
      supervisor,
      stopping: false,
      resuming: false,
      failure: undefined,
      expiry: undefined,
      over: supervisor.finished.then((cause) => {
        this.#finish(cause ?? life.failure);
        if (life.expiry !== undefined) this.#parts.store?.expire(life.expiry);
        return this.#stored();
      }),
    };
    this.#life = life;
    return life;
  }

  /** Waits for what the end of a life has written, within bounds: a store that hangs must not keep anybody waiting. */
  #stored(): Promise<void> | undefined {
    const idle = this.#parts.store?.idle();
    if (idle === undefined) return undefined;
    const { clock, disconnectTimeout } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.schedule(disconnectTimeout, resolve);
      void idle.then(() => {
        timer.cancel();
        resolve();
      });
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
}

/** From `connect` to the end it comes to. */
interface Life {
  readonly supervisor: Supervisor;
  /** Resolves when everything that waited on this life has been told. */
  readonly over: Promise<void>;
  /** Told to end. */
  stopping: boolean;
  /** Why it was told to end, where nobody asked for it. */
  failure: MqttError | undefined;
  /** What its DISCONNECT said of the session, if it differs from what was granted. */
  expiry: number | undefined;
  /** There has been a connection, so that the next one goes on with the session. */
  resuming: boolean;
}

function sessionLost(publish: OutboundPublish): MqttError {
  return new MqttError("SESSION_LOST", "The broker lost the session before the message was acknowledged", {
    delivery: delivery(publish),
  });
}

function nameOf(key: SessionKey | undefined): string {
  if (key === undefined) return "something";
  return `${key.direction === Direction.Outbound ? "outbound" : "inbound"} ${key.packetId}`;
}

const GOODBYE: DisconnectPacket = { type: PacketType.Disconnect, reasonCode: ReasonCode.NormalDisconnection };

function closed(cause?: MqttError, outcome?: Delivery): MqttError {
  return new MqttError("CLOSED", "The client was closed", { cause, delivery: outcome });
}
