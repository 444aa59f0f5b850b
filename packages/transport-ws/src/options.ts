// SPDX-License-Identifier: Apache-2.0
import { type Clock, InvalidArgumentError, systemClock, type TlsOptions } from "@mqttv5/core";

/** Where one attempt goes, and what it says. What is left out stays as it was. */
export interface WsRequest {
  /** Default: the broker's URL. `wss` can't become `ws`. */
  readonly url?: string | URL | undefined;
  /** Request headers of this attempt, beside those of the options and of `credentials`; of equal ones these win. Node only. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Any agent of `node:http` or `node:https`, those that go through a proxy included. */
export interface WsAgent {
  destroy(): void;
}

/** Options of {@link ws}. */
export interface WsOptions {
  /**
   * Asked before each attempt where to go and with which headers: for signed URLs and tokens that expire. `signal` aborts when
   * the attempt is over. If it rejects, the attempt fails with that. Default: the broker's URL.
   */
  readonly request?: ((broker: URL, signal: AbortSignal) => WsRequest | PromiseLike<WsRequest>) | undefined;
  /** Headers of every handshake request. Default none. Node only: no other platform's WebSocket can send any. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For `wss`. Default: the system's roots, the URL's host; a certificate that does not verify is refused. Node only. */
  readonly tls?: TlsOptions | undefined;
  /** Makes the connections, through a proxy for example. Default: direct ones. Node only; browsers have proxies of their own. */
  readonly agent?: WsAgent | undefined;
  /** Milliseconds for TCP, TLS and the handshake together. Default: no limit but `connectTimeout`, which bounds the whole attempt. */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Bytes of the largest frame, or of the largest message of several fragments, that is accepted; 1 to 2,147,483,647. Default 32 MiB:
   * twice the client's default `maximumPacketSize`, as a frame may hold more than one packet.
   */
  readonly maximumFrameSize?: number | undefined;
  /** Time. Default: the platform's. */
  readonly clock?: Clock | undefined;
}

/** The options as the code uses them. */
export interface ResolvedOptions {
  readonly request: WsOptions["request"];
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  readonly agent: WsAgent | undefined;
  readonly handshakeTimeout: number | undefined;
  readonly maximumFrameSize: number;
  readonly clock: Clock;
}

const MIB = 1 << 20;
const LARGEST = 0x7fffffff;

/** Validates everything, and names what is wrong. */
export function resolveOptions(options: WsOptions): ResolvedOptions {
  objectOf("options", options);
  const { request, headers = {}, tls = {}, agent, handshakeTimeout, maximumFrameSize = 32 * MIB, clock } = options;
  if (request !== undefined && typeof request !== "function") throw invalid("request", request, "must be a function");
  if (handshakeTimeout !== undefined && !(Number.isFinite(handshakeTimeout) && handshakeTimeout > 0)) {
    throw invalid("handshakeTimeout", handshakeTimeout, "must be a finite number of milliseconds, more than 0");
  }
  if (!Number.isInteger(maximumFrameSize) || maximumFrameSize < 1 || maximumFrameSize > LARGEST) {
    throw invalid("maximumFrameSize", maximumFrameSize, `must be an integer from 1 to ${LARGEST}`);
  }
  if (agent !== undefined && typeof objectOf("agent", agent).destroy !== "function") {
    throw invalid("agent", agent, "must be an agent as node:http has them");
  }
  if (clock !== undefined) objectOf("clock", clock);
  return {
    request,
    headers: checkHeaders("headers", headers),
    tls: objectOf("tls", tls),
    agent,
    handshakeTimeout,
    maximumFrameSize,
    clock: clock ?? systemClock(),
  };
}

export function checkHeaders(
  field: string,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(objectOf(field, headers))) {
    if (typeof value !== "string") throw invalid(`${field}.${name}`, value, "must be a string");
  }
  return headers;
}

export function objectOf<T extends object>(field: string, value: T): T {
  if (typeof value !== "object" || value === null) throw invalid(field, value, "must be an object");
  return value;
}

export function invalid(field: string, value: unknown, limit: string): InvalidArgumentError {
  return new InvalidArgumentError("INVALID_FIELD", field, value, limit);
}
