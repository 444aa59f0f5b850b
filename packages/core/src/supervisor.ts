// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, type DisconnectPacket, ReasonCode } from "@mqttv5/wire";
import { type BegunExchange, beginExchange } from "./auth/begin-exchange.js";
import type { BrokerList } from "./broker-list.js";
import type { BufferedBytes } from "./buffered-bytes.js";
import type { Callbacks } from "./callbacks.js";
import type { ClientState } from "./client-state.js";
import type { Timer } from "./clock.js";
import { Connection, type ConnectionPort } from "./connection/connection.js";
import { askCredentials, type CheckedCredentials } from "./credentials.js";
import { MqttError, ProtocolError, ReasonCodeError } from "./errors.js";
import type { ResolvedOptions } from "./options.js";
import { ReconnectDelay } from "./reconnect-delay.js";
import { judge, judgeAttempt } from "./refusals.js";
import type { ServerInfo } from "./server-info.js";
import { referencedUrl, serverRedirect } from "./server-redirect.js";
import type { Session } from "./session/session.js";
import { onAbort, unlessAborted } from "./signal.js";
import type { Stats } from "./stats.js";
import type { Link, Transport } from "./transport.js";

/** What the supervisor asks of the client. */
export interface SupervisorPort {
  /** The one for this broker. */
  transport(broker: URL): Promise<Transport>;
  /** The CONNECT of the next attempt: the Clean Start and Client Identifier of the moment. */
  connectPacket(): ConnectPacket;
  /** Before the first attempt. Undefined: nothing to wait for. Rejects with what ends this life. */
  prepare(): Promise<void> | undefined;
  /** CONNACK was good. Undefined: the connection may be used at once; else when it resolves. Never rejects. */
  granted(info: ServerInfo): Promise<void> | undefined;
  /** The connection can be used; the session goes on from within this call. */
  established(info: ServerInfo): void;
  changed(state: ClientState): void;
}

/** A link, and what the CONNECT on it says. */
interface Reached {
  readonly link: Link;
  readonly credentials: CheckedCredentials | undefined;
  readonly begun: BegunExchange | undefined;
}

/** How one attempt came to its end. */
interface AttemptEnd {
  readonly cause: MqttError;
  /** Milliseconds for which there was a connection; undefined if there was none. */
  readonly lasted: number | undefined;
}

/**
 * Keeps a connection coming back: dials, backs off, goes on to the next broker. Lives from one `connect` to the end of
 * that life: `stop`, or a failure that no attempt can mend.
 */
export class Supervisor implements ConnectionPort {
  readonly #options: ResolvedOptions;
  readonly #session: Session;
  readonly #stats: Stats;
  readonly #buffered: BufferedBytes;
  readonly #callbacks: Callbacks;
  readonly #brokers: BrokerList;
  readonly #port: SupervisorPort;
  readonly #delay: ReconnectDelay;
  /** Why this life is to end, once that is so. */
  #stopCause: MqttError | undefined;
  /** Ends the attempt or the pause of the moment. A connection that stands has none: a thousand bytes for nothing. */
  #phase: AbortController | undefined;
  /** Ends an attempt that takes too long. */
  #timer: Timer | undefined;
  /** The broker of this attempt, or of its connection. */
  #broker: URL;
  #connection: Connection | undefined;
  /** The same, from the attempt on. */
  #candidate: Connection | undefined;
  /** When the connection could be used. */
  #since: number | undefined;
  #resolveAttempt: ((end: AttemptEnd) => void) | undefined;
  /** The connection does not end with the attempt any more. */
  #unlink: (() => void) | undefined;
  /** Why the last attempt or connection ended. */
  #reason: MqttError | undefined;
  /** What the last good CONNACK granted; undefined if there has been no connection in this life. */
  #lastServerInfo: ServerInfo | undefined;
  /** Redirects followed since the last connection. */
  #detours = 0;
  /** Resolves with the first CONNACK; rejects if this life ends without one. */
  readonly connected: Promise<ServerInfo>;
  #resolveConnected!: (info: ServerInfo) => void;
  #rejectConnected!: (error: MqttError) => void;
  /** Resolves when this life is over: with the cause, or undefined if it was stopped. */
  readonly finished: Promise<MqttError | undefined>;

  constructor(
    options: ResolvedOptions,
    session: Session,
    stats: Stats,
    buffered: BufferedBytes,
    callbacks: Callbacks,
    brokers: BrokerList,
    port: SupervisorPort,
  ) {
    this.#options = options;
    this.#session = session;
    this.#stats = stats;
    this.#buffered = buffered;
    this.#callbacks = callbacks;
    this.#brokers = brokers;
    this.#port = port;
    this.#delay = new ReconnectDelay(options.reconnectBackoff, options.clock, options.logger);
    this.#broker = brokers.upcoming;
    this.connected = new Promise((resolve, reject) => {
      this.#resolveConnected = resolve;
      this.#rejectConnected = reject;
    });
    this.connected.catch(() => {}); // who asked for it handles it
    this.finished = this.#run();
  }

  /** The connection of the moment, from its CONNACK until either side says goodbye. */
  get connection(): Connection | undefined {
    const connection = this.#connection;
    return connection?.open === true ? connection : undefined;
  }

  /** Ends this life; an open connection says goodbye with `packet`. Idempotent; `finished` tells when it is over. */
  stop(packet: DisconnectPacket, cause: MqttError): void {
    if (this.#stopped) return;
    this.#connection?.disconnect(packet, cause);
    this.#stopCause = cause;
    this.#phase?.abort(cause);
    this.#rejectConnected(cause);
  }

  async #run(): Promise<MqttError | undefined> {
    const { callbacks, clock, logger, refusals } = this.#options;
    try {
      const preparing = this.#port.prepare();
      if (preparing !== undefined) await unlessAborted(preparing, this.#begin().signal);
    } catch (error) {
      return this.#over(this.#stopped ? undefined : this.#failure(error));
    }
    for (;;) {
      const { cause, lasted } = await this.#attempt(this.#delay.failures + 1);
      if (lasted !== undefined) this.#stats.disconnects++;
      if (this.#stopped) return this.#over(undefined);
      const judging = lasted === undefined ? judgeAttempt : judge;
      const verdict = judging(cause, this.#lastServerInfo !== undefined, refusals, logger);
      if (lasted === undefined) {
        this.#stats.connectFailures++;
        void this.#callbacks.post(callbacks.onConnectError, cause);
        const followed = this.#redirected(cause);
        if (verdict === "fatal" || !(this.#lastServerInfo || this.#options.retryInitialConnect || followed)) {
          return this.#over(cause);
        }
      } else {
        if (cause.code === "SERVER_DISCONNECTED" && cause instanceof ReasonCodeError) {
          if (cause.reasonCode === ReasonCode.SessionTakenOver) {
            this.#delay.takenOver(this.#port.connectPacket().clientId);
          }
          void this.#callbacks.post(callbacks.onServerDisconnect, cause);
        }
        this.#redirected(cause);
        if (verdict === "fatal") {
          void this.#callbacks.post(callbacks.onConnectionDown, cause);
          return this.#over(cause);
        }
      }
      const delay = this.#delay.after(lasted, verdict, cause instanceof ProtocolError);
      const until = clock.now() + delay;
      const attempt = this.#delay.failures;
      this.#reason = cause;
      this.#port.changed({
        status: "waiting",
        attempt,
        reason: cause,
        retryAt: clock.wallTime() + delay,
        lastServerInfo: this.#lastServerInfo,
      });
      // The state is told first: within a callback the client shows what is, not what was.
      const down = lasted === undefined ? undefined : callbacks.onConnectionDown;
      if ((await this.#callbacks.post(down, cause)) === false) return this.#over(this.#stopped ? undefined : cause);
      if (this.#stopped) return this.#over(undefined);
      this.#brokers.advance();
      await this.#pause(until - clock.now(), attempt);
      await this.#callbacks.flushed();
      if (this.#stopped) return this.#over(undefined);
      void this.#callbacks.post(callbacks.onReconnectAttempt, attempt, this.#brokers.upcoming.href);
      await this.#callbacks.flushed(); // what they changed takes effect now
      if (this.#stopped) return this.#over(undefined);
    }
  }

  /** Reports where the broker asks to go, and goes there next if that is wanted and possible; tells whether. */
  #redirected(cause: MqttError): boolean {
    const redirect = serverRedirect(cause);
    if (redirect === undefined) return false;
    const { callbacks, followRedirects, transport, logger } = this.#options;
    void this.#callbacks.post(callbacks.onServerRedirect, redirect);
    if (!followRedirects || redirect.reference === undefined || this.#detours === LONGEST_CHAIN) return false;
    try {
      const url = referencedUrl(redirect.reference, this.#broker, transport);
      if (redirect.permanent) this.#brokers.replace([url]);
      else this.#brokers.detour(url);
      this.#detours++;
      return true;
    } catch (error) {
      logger.warn?.("The broker's redirect is not followed", error);
      return false;
    }
  }

  /** One attempt and, if it succeeds, the whole life of its connection: what the attempt alone needs does not live that long. */
  async #attempt(number: number): Promise<AttemptEnd> {
    this.#broker = this.#brokers.take();
    this.#beginAttempt();
    this.#port.changed({
      status: "connecting",
      attempt: number,
      broker: this.#brokerName,
      reason: this.#reason,
      lastServerInfo: this.#lastServerInfo,
    });
    try {
      return await this.#converse(await this.#reach(number));
    } catch (error) {
      return { cause: this.#failure(error), lasted: undefined };
    } finally {
      this.#timer?.cancel();
      this.#phase?.abort(); // an authenticator need not go on
    }
  }

  /** Begins what `stop` ends; at once if it was called already. */
  #begin(): AbortController {
    const phase = new AbortController();
    if (this.#stopCause !== undefined) phase.abort(this.#stopCause);
    this.#phase = phase;
    return phase;
  }

  #beginAttempt(): void {
    const { clock, connectTimeout } = this.#options;
    const attempt = this.#begin();
    this.#timer = clock.schedule(connectTimeout, () => {
      const text = `${this.#brokerName} did not accept the connection within ${connectTimeout} ms`;
      attempt.abort(new MqttError("CONNECT_TIMEOUT", text));
    });
  }

  /** The attempt came to its good end. */
  #endAttempt(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#unlink?.();
    this.#unlink = undefined;
    // What an authenticator was given ends with the connection.
    if (this.#options.authenticator === undefined) this.#phase = undefined;
  }

  /** Everything that comes before the CONNECT. */
  async #reach(number: number): Promise<Reached> {
    const { clock, authenticator, credentials, connect } = this.#options;
    const { signal } = this.#phase as AbortController;
    const begun = authenticator && (await beginExchange(authenticator, clock, signal));
    const checked = credentials && (await askCredentials(credentials, number, signal, connect));
    const link = await this.#dial(signal, checked?.headers);
    return { link, credentials: checked, begun };
  }

  /** A link to the broker of the moment; whatever the transport does, it ends with the signal. */
  async #dial(signal: AbortSignal, headers: CheckedCredentials["headers"]): Promise<Link> {
    const transport = await this.#port.transport(this.#broker);
    if (signal.aborted) throw signal.reason;
    const dialling = transport.connect(this.#broker, headers === undefined ? { signal } : { signal, headers });
    try {
      return await unlessAborted(dialling, signal);
    } catch (error) {
      void dialling.then(discard, () => {});
      throw error;
    }
  }

  #converse({ link, credentials, begun }: Reached): Promise<AttemptEnd> {
    return new Promise((resolve) => {
      const packet = { ...this.#port.connectPacket(), ...credentials?.connect };
      const connection = new Connection(
        link,
        packet,
        this.#options,
        this.#session,
        this.#stats,
        this.#buffered,
        this,
        begun,
      );
      this.#candidate = connection;
      this.#since = undefined;
      this.#resolveAttempt = resolve;
      this.#unlink = this.#destroyWithAttempt(connection);
      try {
        connection.start();
      } catch (error) {
        this.#unlink(); // what is no link can't be destroyed
        throw error;
      }
    });
  }

  // For the connection

  granted(info: ServerInfo): Promise<void> | undefined {
    this.#connection = this.#candidate; // from here there is somebody to say goodbye to
    return this.#port.granted(info);
  }

  established(info: ServerInfo): void {
    const { callbacks, clock, logger } = this.#options;
    this.#endAttempt();
    this.#since = clock.now();
    this.#lastServerInfo = info;
    this.#detours = 0;
    this.#stats.connects++;
    this.#port.changed({ status: "connected", broker: this.#brokerName, serverInfo: info });
    this.#port.established(info);
    logger.info?.(`Connected to ${this.#brokerName}`, info);
    void this.#callbacks.post(callbacks.onConnectionUp, info);
    this.#resolveConnected(info);
    this.#resolveConnected = this.#rejectConnected = SETTLED;
  }

  reauthenticated(): void {
    void this.#callbacks.post(this.#options.callbacks.onReauthenticated);
  }

  ended(cause: MqttError): void {
    this.#unlink?.();
    this.#connection = undefined;
    this.#candidate = undefined;
    const since = this.#since;
    this.#resolveAttempt?.({ cause, lasted: since === undefined ? undefined : this.#options.clock.now() - since });
  }

  #destroyWithAttempt(connection: Connection): () => void {
    const { signal } = this.#phase as AbortController;
    return onAbort(signal, () => {
      const goodbye = this.#connection === connection && this.#stopped; // was said by `stop`
      if (!goodbye) connection.destroy(signal.reason as MqttError);
    });
  }

  /**
   * Waits, unless the life ends first. The first attempt without a delay waits one turn: a platform's shortest timer takes as long
   * as a handshake. Those that follow it set a timer, so that a broker that refuses at once is not asked without a pause.
   */
  #pause(delay: number, attempt: number): Promise<void> {
    return new Promise((resolve) => {
      if (delay <= 0 && attempt === 1) return this.#options.clock.afterTurn(resolve);
      const timer = this.#options.clock.schedule(delay, () => {
        unlink();
        resolve();
      });
      const unlink = onAbort(this.#begin().signal, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  #failure(error: unknown): MqttError {
    if (MqttError.is(error)) return error; // of a transport that may have another copy of this package
    const text = error instanceof Error ? error.message : String(error);
    return new MqttError("CONNECT_FAILED", `Could not connect to ${this.#brokerName}: ${text}`, { cause: error });
  }

  #over(cause: MqttError | undefined): MqttError | undefined {
    if (cause !== undefined) this.#rejectConnected(cause);
    return cause;
  }

  get #stopped(): boolean {
    return this.#stopCause !== undefined;
  }

  get #brokerName(): string {
    return this.#broker.href;
  }
}

/** In the place of what settles `connected`, once it is: a client that is connected holds no more of it. */
const SETTLED = (): void => {};

/** A link that came too late. */
function discard(link: Link): void {
  link.open({ received() {}, drained() {}, closed() {} });
  link.destroy();
}

/** Brokers that send a client round in circles are not followed further than this from one connection to the next. */
const LONGEST_CHAIN = 5;
