// SPDX-License-Identifier: Apache-2.0
import { type ConnectPacket, encode, PacketType, type UserProperty } from "@mqttv5/wire";
import type { Authenticator } from "./auth/authenticator.js";
import { pinned } from "./auth/begin-exchange.js";
import { type Backoff, exponentialBackoff } from "./backoff.js";
import { brokerUrls } from "./broker-url.js";
import {
  asText,
  bound,
  callable,
  duration,
  flag,
  fromEncodeError,
  having,
  integer,
  invalid,
  noNull,
  oneOf,
  secret,
  timeLimit,
  topicName,
} from "./check.js";
import type { Clock } from "./clock.js";
import type { CredentialsProvider } from "./credentials.js";
import type { MqttError, ReasonCodeError } from "./errors.js";
import { type Logger, quiet } from "./logger.js";
import { platformClock } from "./page.js";
import { type WhenOffline, whenOffline, type WriteOverflow } from "./publish-options.js";
import {
  type PublisherPoolOptions,
  type ResolvedPublisherPool,
  resolvePublisherPool,
} from "./publisher-pool-options.js";
import type { RefusalPolicy } from "./refusals.js";
import type { ServerInfo } from "./server-info.js";
import type { ServerRedirect } from "./server-redirect.js";
import type { CorruptRecord, SessionStore } from "./store.js";
import type { TlsOptions, Transport } from "./transport.js";
import { will, type WillOptions } from "./will.js";

/** When a QoS 0 publish resolves. */
export type PublishMode = "fire-and-forget" | "wait-for-flush";

/** What to do with unfinished QoS 1/2 publishes when the broker has lost the session (section 4.4). */
export type SessionLossPolicy = "republish" | "fail";

/** What a {@link Client} is made from. Only a broker is needed; every default is the careful one. */
export interface ClientOptions {
  /** One broker, such as `mqtt://localhost:1883`. Schemes: `mqtt` `tcp` (1883), `mqtts` `tls` `ssl` (8883), `unix:/path`. */
  readonly broker?: string | undefined;
  /** Several brokers that share their sessions; a random one first, the next one after each failure. */
  readonly brokers?: readonly string[] | undefined;
  /** Default empty: the broker assigns one, which is then kept. */
  readonly clientId?: string | undefined;
  /** User Name of CONNECT (section 3.1.3.5). Default none. For one that changes see `credentials`. */
  readonly username?: string | undefined;
  /** Password of CONNECT (section 3.1.3.6), text or at most 65,535 bytes. Default none. No error and no log line shows it. */
  readonly password?: Uint8Array | string | undefined;
  /**
   * Asked before every attempt, on every transport, within its `connectTimeout`: for tokens that expire. What it returns takes the
   * place of `username` and `password`, and is added to `userProperties`. If it rejects, the attempt fails with `CREDENTIALS_FAILED`.
   */
  readonly credentials?: CredentialsProvider | undefined;
  /**
   * Enhanced authentication (section 4.12), such as `scramSha256`: its method is in every CONNECT, and every attempt begins a fresh
   * exchange before it dials. An attempt it fails ends with `AUTHENTICATION_FAILED`. Default: none.
   */
  readonly authenticator?: Authenticator | undefined;
  /**
   * Seconds of silence after which a PINGREQ is due, 1 to 65535; `false` switches it off. Default 30: a dead link is noticed within 40 s; in a page 120, as
   * hidden pages get one wake-up a minute.
   */
  readonly keepAlive?: number | false | undefined;
  /**
   * Whether the first connect throws away the broker's session (section 3.1.2.4). Default: only if no session is held
   * here, so that nothing the broker queued is lost. Later connects never do.
   */
  readonly cleanStart?: boolean | undefined;
  /** Seconds the broker keeps the session after the connection is lost. Default 300: a restart or a network change loses nothing. 0: ends with the connection. */
  readonly sessionExpiryInterval?: number | undefined;
  /** QoS 1/2 messages the broker may send before the first is acked, 1 to 65535. Default 1024: bounds what a slow consumer has to hold. */
  readonly receiveMaximum?: number | undefined;
  /** Largest packet accepted, in bytes, advertised to the broker, which then discards larger messages. Default 16 MiB: no broker can make the client allocate more. */
  readonly maximumPacketSize?: number | undefined;
  /** Topic aliases the broker may use, 0 to 65535 (section 3.1.2.11.5). Default 0: each costs memory here, for as long as the connection. */
  readonly topicAliasMaximum?: number | undefined;
  /**
   * Give topics an alias at QoS 0, as many as the broker takes, first come first served: a long topic is then sent once a
   * connection (section 3.3.2.3.4). Default false: brokers differ in how well they do it.
   */
  readonly outboundTopicAliases?: boolean | undefined;
  /**
   * When a QoS 0 publish resolves: once it was accepted (`fire-and-forget`, the default), or once all of it was handed to the
   * operating system (`wait-for-flush`), which reports a link that is lost before.
   */
  readonly publishMode?: PublishMode | undefined;
  /** Asks for the Response Information property (section 3.1.2.11.6). Default false. */
  readonly requestResponseInformation?: boolean | undefined;
  /** Whether the broker may explain refusals in words (section 3.1.2.11.7). Default true. */
  readonly requestProblemInformation?: boolean | undefined;
  /** Name and value pairs sent with every CONNECT (section 3.1.2.11.8). Default none. */
  readonly userProperties?: readonly UserProperty[] | undefined;
  /** What the broker publishes if the connection ends without a goodbye (section 3.1.2.5). Default none. */
  readonly will?: WillOptions | undefined;
  /** For `mqtts`, `tls` and `ssl`. Default: the system's roots, the URL's host. */
  readonly tls?: TlsOptions | undefined;
  /** How to reach the broker. Default: TCP, TLS and Unix sockets; a browser needs one. With it any URL scheme is accepted. */
  readonly transport?: Transport | undefined;
  /** Milliseconds for one attempt, from asking for credentials and dialling to CONNACK. Default 10,000: a slow mobile network makes it, a dead host does not hold up failover. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds to wait for a sign of life after a PINGREQ; below the keep-alive. Default: 10,000 or half the keep-alive, whichever is less. */
  readonly pingTimeout?: number | undefined;
  /** Milliseconds that `disconnect` waits for its last bytes to leave. Default 500: a process that is told to stop has little more. */
  readonly disconnectTimeout?: number | undefined;
  /** Keep trying if the very first connect fails; `connect` then stays pending. Default false: a typo is seen at once. */
  readonly retryInitialConnect?: boolean | undefined;
  /** Delay before each reconnect. Default: 1 s doubling to 30 s, plus or minus 200 ms. */
  readonly reconnectBackoff?: Backoff | undefined;
  /**
   * Which refusals end the client, and how long others are waited for. Default: see the table in the README; `undefined` for a
   * Reason Code leaves it to that.
   */
  readonly refusals?: RefusalPolicy | undefined;
  /**
   * Go where the broker's Server Reference points (section 4.11): for 0x9C (use another server) once, for 0x9D (server moved) from
   * then on. Never from TLS to plain text. Default false: a broker should not decide alone who gets the credentials.
   */
  readonly followRedirects?: boolean | undefined;
  /** Default `republish`: sent again as new messages, which may duplicate; `fail` rejects them with `SESSION_LOST`. */
  readonly sessionLossPolicy?: SessionLossPolicy | undefined;
  /** Publish at the broker's Maximum QoS instead of failing with `QOS_NOT_SUPPORTED`. Default false. */
  readonly qosDowngrade?: boolean | undefined;
  /**
   * Bytes of received messages that wait: at QoS 0 for their consumers, at QoS 1/2 for their acks. Past it QoS 0 is dropped and
   * reading stops until half is free, except for answers that are waited for; past twice as much the connection ends
   * with 0x97. So it does when that many bytes of our answers wait (or 8 MiB, if that is more), because the broker does not
   * read them or the store hangs. Default 64 MiB.
   */
  readonly maximumBufferedBytes?: number | undefined;
  /**
   * What `publish`, `subscribe` and `request` do while there is no connection: reject with `NOT_CONNECTED` (default), or wait
   * for one. Publishes that wait keep the order of the calls, count against `maximumPendingBytes`, and end with the process.
   */
  readonly whenOffline?: WhenOffline | undefined;
  /**
   * Bytes of publishes that no link has taken: QoS 0 behind a full link, QoS 1/2 that wait for the broker's Receive Maximum,
   * and those that wait for a connection. Past it `publish` waits while connected, and rejects with `WRITE_QUEUE_FULL`
   * while not. Default 64 MiB.
   */
  readonly maximumPendingBytes?: number | undefined;
  /**
   * What a QoS 0 publish does on a connection whose link has left `maximumPendingBytes` behind: wait for room (default: nothing is
   * lost), or `drop-newest`: reject with `WRITE_QUEUE_FULL`, certainly not sent, so that no call ever waits for a slow link. QoS 1
   * and 2 always wait.
   */
  readonly writeOverflow?: WriteOverflow | undefined;
  /**
   * Payload bytes, and packets, of QoS 0 that may be accepted in one turn of the event loop; the `publish` that reaches either
   * resolves in a later turn, once the link has room. Default 64 KiB and 256: an endless loop of awaited publishes then
   * leaves timers and messages their turn.
   */
  readonly maximumTurnBytes?: number | undefined;
  readonly maximumTurnPackets?: number | undefined;
  /**
   * What the Response Topics of `request` start with. Default: the broker's Response Information, if it was asked for and
   * given, else `responses/` and the Client Identifier.
   */
  readonly responseTopic?: string | undefined;
  /** Tolerate a Remaining Length with too many bytes and reserved flags of PINGRESP; each is logged. Default false. */
  readonly lenientDecoding?: boolean | undefined;
  /** Further connections to publish on, for more than one connection carries. Default: none. */
  readonly publisherPool?: PublisherPoolOptions | undefined;
  /** Where diagnostics go. Default: nowhere. */
  readonly logger?: Logger | undefined;
  /**
   * Where unfinished QoS 1/2 exchanges survive the process; nothing is sent before its record is durable. Loaded at the first
   * connect, and never closed by the client. Default: none.
   */
  readonly store?: SessionStore | undefined;
  /** Time and randomness. Default: the platform's. */
  readonly clock?: Clock | undefined;
  /**
   * A connection is up. Callbacks run one at a time, in order, off the message path, and may call the client. Within them
   * `client.state` is that of the moment: what the callback tells of has happened, and more may have since.
   */
  readonly onConnectionUp?: ((info: ServerInfo) => void) | undefined;
  /** A connection was lost: `client.state` is `waiting`, or `closed` after a fatal refusal. Return false to stop reconnecting. */
  readonly onConnectionDown?: ((cause: MqttError) => boolean | void) | undefined;
  /** An attempt failed. */
  readonly onConnectError?: ((error: MqttError) => void) | undefined;
  /** A reconnect is about to dial; attempts count from 1. */
  readonly onReconnectAttempt?: ((attempt: number, broker: string) => void) | undefined;
  /** The broker sent a DISCONNECT. Comes before `onConnectionDown`. */
  readonly onServerDisconnect?: ((error: ReasonCodeError) => void) | undefined;
  /** The broker asked to go elsewhere, whether that is followed or not. */
  readonly onServerRedirect?: ((redirect: ServerRedirect) => void) | undefined;
  /** The broker has concluded a `reauthenticate` with success, whether its caller still waited or not. */
  readonly onReauthenticated?: (() => void) | undefined;
  /** The session store failed: the session was dropped and the client disconnected. The next connect loads the store again. */
  readonly onStoreFailure?: ((error: MqttError) => void) | undefined;
  /**
   * A record of the session store, or its meta, can't be read: it was left out of the session. Once for each, when the store is loaded.
   * It stays in the store, and its identifier unused, until `store.delete(key)` or a Clean Start.
   */
  readonly onStoreCorrupt?: ((record: CorruptRecord) => void) | undefined;
  /** A subscription was refused when it was made again. */
  readonly onResubscribeError?: ((error: MqttError) => void) | undefined;
}

/** The options as the code uses them: all present, all valid. */
export interface ResolvedOptions {
  readonly brokers: readonly URL[];
  readonly connect: ConnectPacket;
  readonly authenticator: Authenticator | undefined;
  readonly cleanStart: boolean | undefined;
  readonly maximumPacketSize: number;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** Seconds; 0 is off. */
  readonly keepAlive: number;
  readonly sessionExpiryInterval: number;
  readonly requestProblemInformation: boolean;
  readonly outboundTopicAliases: boolean;
  readonly publishMode: PublishMode;
  readonly tls: TlsOptions;
  readonly transport: Transport | undefined;
  readonly connectTimeout: number;
  readonly pingTimeout: number;
  readonly disconnectTimeout: number;
  readonly retryInitialConnect: boolean;
  readonly reconnectBackoff: Backoff;
  readonly credentials: CredentialsProvider | undefined;
  readonly refusals: RefusalPolicy | undefined;
  readonly followRedirects: boolean;
  readonly sessionLossPolicy: SessionLossPolicy;
  readonly qosDowngrade: boolean;
  readonly maximumBufferedBytes: number;
  readonly whenOffline: WhenOffline;
  readonly maximumPendingBytes: number;
  readonly writeOverflow: WriteOverflow;
  readonly maximumTurnBytes: number;
  readonly maximumTurnPackets: number;
  readonly responseTopic: string | undefined;
  readonly lenientDecoding: boolean;
  readonly publisherPool: ResolvedPublisherPool | undefined;
  readonly logger: Logger;
  readonly store: SessionStore | undefined;
  readonly clock: Clock;
  readonly callbacks: Pick<
    ClientOptions,
    | "onConnectionUp"
    | "onConnectionDown"
    | "onConnectError"
    | "onReconnectAttempt"
    | "onServerDisconnect"
    | "onServerRedirect"
    | "onReauthenticated"
    | "onResubscribeError"
    | "onStoreCorrupt"
    | "onStoreFailure"
  >;
}

const U16 = 65_535;
const U32 = 4_294_967_295;
const MIB = 1 << 20;

/** Validates everything at once and names what is wrong. Does no I/O. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  if (typeof options !== "object" || options === null) throw invalid("options", options, "must be an object");
  noNull("", options);
  const clock =
    having("clock", options.clock, "now", "wallTime", "schedule", "afterTurn", "random", "randomBytes") ??
    platformClock();
  const usual = (clock.timerLateness ?? 0) > 0 ? 120 : 30;
  const keepAlive = options.keepAlive === false ? 0 : integer("keepAlive", options.keepAlive ?? usual, 1, U16);
  const pingTimeout = timeLimit("pingTimeout", options.pingTimeout ?? Math.min(10_000, (keepAlive || 20) * 500));
  if (keepAlive > 0 && pingTimeout >= keepAlive * 1000) {
    throw invalid("pingTimeout", pingTimeout, `must be below the keep-alive of ${keepAlive * 1000} ms`);
  }
  const brokers = resolveBrokers(options);
  const authenticator = pinned(options.authenticator);
  const properties = {
    sessionExpiryInterval: integer("sessionExpiryInterval", options.sessionExpiryInterval ?? 300, 0, U32),
    receiveMaximum: integer("receiveMaximum", options.receiveMaximum ?? 1024, 1, U16),
    maximumPacketSize: integer("maximumPacketSize", options.maximumPacketSize ?? 16 * MIB, 1, U32),
    topicAliasMaximum: integer("topicAliasMaximum", options.topicAliasMaximum ?? 0, 0, U16),
    requestResponseInformation: flag("requestResponseInformation", options.requestResponseInformation) ?? false,
    requestProblemInformation: flag("requestProblemInformation", options.requestProblemInformation) ?? true,
    userProperties: options.userProperties ?? [],
    authenticationMethod: authenticator?.method,
  };
  return {
    brokers,
    connect: connectPacket(options, keepAlive, properties),
    ...properties,
    authenticator,
    cleanStart: flag("cleanStart", options.cleanStart),
    outboundTopicAliases: flag("outboundTopicAliases", options.outboundTopicAliases) ?? false,
    publishMode: oneOf("publishMode", options.publishMode ?? "fire-and-forget", ["fire-and-forget", "wait-for-flush"]),
    keepAlive,
    tls: having("tls", options.tls) ?? {},
    transport: having("transport", options.transport, "connect"),
    connectTimeout: timeLimit("connectTimeout", options.connectTimeout ?? 10_000),
    pingTimeout,
    disconnectTimeout: duration("disconnectTimeout", options.disconnectTimeout ?? 500),
    retryInitialConnect: flag("retryInitialConnect", options.retryInitialConnect) ?? false,
    reconnectBackoff: callable("reconnectBackoff", options.reconnectBackoff) ?? DEFAULT_BACKOFF,
    credentials: callable("credentials", options.credentials),
    refusals: callable("refusals", options.refusals),
    followRedirects: flag("followRedirects", options.followRedirects) ?? false,
    sessionLossPolicy: oneOf("sessionLossPolicy", options.sessionLossPolicy ?? "republish", ["republish", "fail"]),
    qosDowngrade: flag("qosDowngrade", options.qosDowngrade) ?? false,
    maximumBufferedBytes: bound("maximumBufferedBytes", options.maximumBufferedBytes ?? 64 * MIB),
    whenOffline: whenOffline(options.whenOffline ?? "reject"),
    maximumPendingBytes: bound("maximumPendingBytes", options.maximumPendingBytes ?? 64 * MIB),
    writeOverflow: oneOf("writeOverflow", options.writeOverflow ?? "wait", ["wait", "drop-newest"]),
    maximumTurnBytes: bound("maximumTurnBytes", options.maximumTurnBytes ?? 65_536),
    maximumTurnPackets: bound("maximumTurnPackets", options.maximumTurnPackets ?? 256),
    responseTopic: options.responseTopic === undefined ? undefined : topicName("responseTopic", options.responseTopic),
    lenientDecoding: flag("lenientDecoding", options.lenientDecoding) ?? false,
    publisherPool: resolvePublisherPool(options.publisherPool),
    logger: quiet(having("logger", options.logger)),
    store: having("store", options.store, "load", "put", "delete", "setMeta", "reset"),
    clock,
    callbacks: {
      onConnectionUp: callable("onConnectionUp", options.onConnectionUp),
      onConnectionDown: callable("onConnectionDown", options.onConnectionDown),
      onConnectError: callable("onConnectError", options.onConnectError),
      onReconnectAttempt: callable("onReconnectAttempt", options.onReconnectAttempt),
      onServerDisconnect: callable("onServerDisconnect", options.onServerDisconnect),
      onServerRedirect: callable("onServerRedirect", options.onServerRedirect),
      onReauthenticated: callable("onReauthenticated", options.onReauthenticated),
      onStoreFailure: callable("onStoreFailure", options.onStoreFailure),
      onStoreCorrupt: callable("onStoreCorrupt", options.onStoreCorrupt),
      onResubscribeError: callable("onResubscribeError", options.onResubscribeError),
    },
  };
}

/** The brokers to choose from. */
function resolveBrokers(options: ClientOptions): readonly URL[] {
  if (options.brokers !== undefined && options.broker !== undefined) {
    throw invalid("broker", options.broker, "give either broker or brokers, not both");
  }
  const list = options.brokers ?? (options.broker === undefined ? [] : [options.broker]);
  return brokerUrls(list, having("transport", options.transport, "connect"));
}

interface ConnectSettings {
  readonly sessionExpiryInterval: number;
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly requestResponseInformation: boolean;
  readonly requestProblemInformation: boolean;
  readonly userProperties: readonly UserProperty[];
  readonly authenticationMethod: string | undefined;
}

/**
 * The CONNECT every attempt starts from; a property at its default is left out (section 3.1.2.11). It is encoded once,
 * so that a bad client identifier, credential or Will fails here and not at three in the morning.
 */
function connectPacket(options: ClientOptions, keepAlive: number, settings: ConnectSettings): ConnectPacket {
  const packet: ConnectPacket = {
    type: PacketType.Connect,
    clientId: asText("clientId", options.clientId ?? ""),
    cleanStart: false,
    keepAlive,
    username: options.username === undefined ? undefined : asText("username", options.username),
    password: options.password === undefined ? undefined : secret("password", options.password),
    will: options.will === undefined ? undefined : will(options.will),
    properties: {
      sessionExpiryInterval: settings.sessionExpiryInterval || undefined,
      receiveMaximum: settings.receiveMaximum === U16 ? undefined : settings.receiveMaximum,
      maximumPacketSize: settings.maximumPacketSize,
      topicAliasMaximum: settings.topicAliasMaximum || undefined,
      requestResponseInformation: settings.requestResponseInformation || undefined,
      requestProblemInformation: settings.requestProblemInformation ? undefined : false,
      userProperties: settings.userProperties,
      authenticationMethod: settings.authenticationMethod,
    },
  };
  try {
    encode(packet);
  } catch (error) {
    throw fromEncodeError(error);
  }
  return packet;
}

const DEFAULT_BACKOFF = /* @__PURE__ */ exponentialBackoff();
