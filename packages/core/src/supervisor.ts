// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, type DisconnectPacket, ReasonCode } from "@mqttv5/wire";
import type { BufferedBytes } from "./buffered-bytes.js";
import type { Callbacks } from "./callbacks.js";
import type { ClientState } from "./client-state.js";
import { Connection } from "./connection/connection.js";
import { MqttError, ReasonCodeError } from "./errors.js";
import type { ResolvedOptions } from "./options.js";
import type { ServerInfo } from "./server-info.js";
import type { Session } from "./session/session.js";
import { onAbort } from "./signal.js";
import type { Stats } from "./stats.js";
import type { Link, Transport } from "./transport.js";

/** What the supervisor asks of the client. */
export interface SupervisorPort {
  readonly transport: () => Promise<Transport>;
  /** The CONNECT of the next attempt: the Clean Start and Client Identifier of the moment. */
  connectPacket(): ConnectPacket;
  /** CONNACK was good; the session goes on from within this call. */
  established(info: ServerInfo): void;
  changed(state: ClientState): void;
}

/** Refusals that no further attempt would change (decision: before the first success these end the client). */
const FATAL = new Set<number>([
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
  ReasonCode.Banned,
  ReasonCode.BadAuthenticationMethod,
]);

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
export class Supervisor {
  readonly #options: ResolvedOptions;
  readonly #session: Session;
  readonly #stats: Stats;
  readonly #buffered: BufferedBytes;
  readonly #callbacks: Callbacks;
  readonly #port: SupervisorPort;
  /** Aborts when the life is to end. */
  readonly #life = new AbortController();
  /** Index into the brokers. A random start spreads many clients over them. */
  #broker: number;
  #connection: Connection | undefined;
  /** There has been a connection in this life. */
  #everConnected = false;
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
    port: SupervisorPort,
  ) {
    this.#options = options;
    this.#session = session;
    this.#stats = stats;
    this.#buffered = buffered;
    this.#callbacks = callbacks;
    this.#port = port;
    this.#broker = Math.floor(options.clock.random() * options.brokers.length);
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
    if (this.#life.signal.aborted) return;
    this.#connection?.disconnect(packet, cause);
    this.#life.abort(cause);
    this.#rejectConnected(cause);
  }

  async #run(): Promise<MqttError | undefined> {
    const { callbacks, clock, brokers } = this.#options;
    /** Attempts since the last connection that outlived the delay before it. */
    let failures = 0;
    let delay = 0;
    for (;;) {
      const { cause, lasted } = await this.#attempt(failures + 1);
      if (lasted !== undefined) this.#stats.disconnects++;
      if (this.#stopped) return this.#over(undefined);
      if (lasted === undefined) {
        this.#stats.connectFailures++;
        void this.#callbacks.post(callbacks.onConnectError, cause);
        if (!this.#everConnected && (!this.#options.retryInitialConnect || isFatal(cause))) return this.#over(cause);
      } else {
        // Else a broker that accepts and drops at once would be asked again and again without a pause.
        if (lasted > delay) failures = 0;
        if (cause.code === "SERVER_DISCONNECTED" && cause instanceof ReasonCodeError) {
          void this.#callbacks.post(callbacks.onServerDisconnect, cause);
        }
        if ((await this.#callbacks.post(callbacks.onConnectionDown, cause)) === false) return this.#over(cause);
        if (this.#stopped) return this.#over(undefined);
      }
      this.#broker = (this.#broker + 1) % brokers.length;
      delay = this.#delay(failures++, cause);
      this.#port.changed({ status: "waiting", attempt: failures, reason: cause, retryAt: clock.wallTime() + delay });
      await this.#pause(delay);
      if (this.#stopped) return this.#over(undefined);
      void this.#callbacks.post(callbacks.onReconnectAttempt, failures, this.#brokerName);
      await this.#callbacks.flushed(); // what they changed takes effect now
      if (this.#stopped) return this.#over(undefined);
    }
  }

  /** One attempt and, if it succeeds, the whole life of its connection. */
  async #attempt(number: number): Promise<AttemptEnd> {
    const { clock, connectTimeout } = this.#options;
    const attempt = new AbortController();
    const timer = clock.schedule(connectTimeout, () => {
      const text = `${this.#brokerName} did not accept the connection within ${connectTimeout} ms`;
      attempt.abort(new MqttError("CONNECT_TIMEOUT", text));
    });
    const unlink = onAbort(this.#life.signal, () => attempt.abort(this.#life.signal.reason));
    this.#port.changed({ status: "connecting", attempt: number, broker: this.#brokerName });
    try {
      const link = await this.#dial(attempt.signal);
      return await this.#converse(link, attempt.signal, () => timer.cancel());
    } catch (error) {
      return { cause: this.#failure(error), lasted: undefined };
    } finally {
      timer.cancel();
      unlink();
    }
  }

  /** A link to the broker of the moment; whatever the transport does, it ends with the signal. */
  async #dial(signal: AbortSignal): Promise<Link> {
    const url = this.#options.brokers[this.#broker] as URL;
    const transport = await this.#port.transport();
    if (signal.aborted) throw signal.reason;
    const dialling = transport.connect(url, { signal });
    let unlink: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      unlink = onAbort(signal, () => {
        reject(signal.reason as MqttError);
        dialling.then(discard, () => {});
      });
    });
    try {
      return await Promise.race([dialling, aborted]);
    } finally {
      unlink?.();
    }
  }

  #converse(link: Link, signal: AbortSignal, established: () => void): Promise<AttemptEnd> {
    const { clock, callbacks } = this.#options;
    return new Promise((resolve) => {
      let since: number | undefined;
      const connection = new Connection(
        link,
        this.#port.connectPacket(),
        this.#options,
        this.#session,
        this.#stats,
        this.#buffered,
        {
          established: (info) => {
            established();
            unlink();
            since = clock.now();
            this.#connection = connection;
            this.#everConnected = true;
            this.#stats.connects++;
            this.#port.changed({ status: "connected", broker: this.#brokerName, serverInfo: info });
            this.#port.established(info);
            this.#options.logger.info?.(`Connected to ${this.#brokerName}`, info);
            void this.#callbacks.post(callbacks.onConnectionUp, info);
            this.#resolveConnected(info);
          },
          ended: (cause) => {
            unlink();
            this.#connection = undefined;
            resolve({ cause, lasted: since === undefined ? undefined : clock.now() - since });
          },
        },
      );
      const unlink = onAbort(signal, () => connection.destroy(signal.reason as MqttError));
      connection.start();
    });
  }

  /** Waits, unless the life ends first. */
  #pause(delay: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.schedule(delay, () => {
        unlink();
        resolve();
      });
      const unlink = onAbort(this.#life.signal, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** A refusal that will hardly change soon waits the longest; so does an application whose backoff fails. */
  #delay(failures: number, cause: MqttError): number {
    const { reconnectBackoff, clock, logger } = this.#options;
    try {
      const delay = reconnectBackoff(isFatal(cause) ? Math.max(failures, LONGEST) : failures, () => clock.random());
      if (Number.isFinite(delay)) return Math.max(0, delay);
      logger.error?.(`reconnectBackoff returned ${delay}`);
    } catch (error) {
      logger.error?.("reconnectBackoff threw", error);
    }
    return FALLBACK_DELAY;
  }

  #failure(error: unknown): MqttError {
    if (error instanceof MqttError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return new MqttError("CONNECT_FAILED", `Could not connect to ${this.#brokerName}: ${text}`, { cause: error });
  }

  #over(cause: MqttError | undefined): MqttError | undefined {
    if (cause !== undefined) this.#rejectConnected(cause);
    return cause;
  }

  get #stopped(): boolean {
    return this.#life.signal.aborted;
  }

  get #brokerName(): string {
    return (this.#options.brokers[this.#broker] as URL).href;
  }
}

/** A link that came too late. */
function discard(link: Link): void {
  link.open({ received() {}, drained() {}, closed() {} });
  link.destroy();
}

/** By this many failures every backoff has reached its longest delay. */
const LONGEST = 30;
/** Milliseconds. */
const FALLBACK_DELAY = 30_000;

function isFatal(error: MqttError): boolean {
  return error.code === "CONNECT_REFUSED" && error instanceof ReasonCodeError && FATAL.has(error.reasonCode);
}
