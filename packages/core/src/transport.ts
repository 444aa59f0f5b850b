// SPDX-License-Identifier: Apache-2.0

/**
 * What carries bytes to a broker. A link is a pipe that keeps order and loses nothing [MQTT-4.2.0-1]; a transport
 * opens links. Anything that honours these contracts can carry MQTT.
 */

/** One open pipe to a broker. It belongs to one connection and ends with it. */
export interface Link {
  /** Starts delivery to `receiver`. Called exactly once; nothing is delivered before. */
  open(receiver: LinkReceiver): void;
  /**
   * Sends bytes. The link may hold on to `chunk` but must not change it, and the sender no longer does. Returns false when its buffer has passed the high-water mark:
   * `drained` follows. On a closed link it does nothing and returns false. `flushed` is called, in a later turn, once all of
   * the chunk was handed to the operating system or the peer; never if the link closes first.
   */
  send(chunk: Uint8Array, flushed?: () => void): boolean;
  /** Bytes accepted by `send` and not yet handed to the operating system or the peer. */
  readonly pendingBytes: number;
  /** Stops reading. What had been read already may still arrive. */
  pause(): void;
  /** Goes on reading. */
  resume(): void;
  /** Sends what is pending, then closes. `closed` follows; if the peer stalls, only after `destroy`. */
  end(): void;
  /** Closes at once, dropping what is pending. `closed` follows. Idempotent. */
  destroy(): void;
}

/** Who listens to a link. */
export interface LinkReceiver {
  /** Bytes arrived. They must not change until this returns; what is used later has been copied. */
  received(chunk: Uint8Array): void;
  /** `pendingBytes` is 0 again after a `send` that returned false. */
  drained(): void;
  /** Exactly once, last, and never from within a call made to the link. */
  closed(error?: Error): void;
}

/** Opens links. */
export interface Transport {
  /**
   * URL schemes it connects to, without the colon. The client then reaches its own (`mqtt`, `mqtts`, …) without it, and refuses all others
   * when the broker is named. Default: every broker is reached through this transport, whatever its scheme.
   */
  readonly schemes?: readonly string[] | undefined;
  /** Resolves with an open link, or rejects; rejects promptly once `signal` aborts. */
  connect(url: URL, options: TransportConnectOptions): Promise<Link>;
}

/** What a transport is told besides the broker's URL. */
export interface TransportConnectOptions {
  readonly signal: AbortSignal;
  /** Request headers, for transports that start with an HTTP request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** TLS settings, structurally a part of what `node:tls` takes. The system's roots and the broker's host name are the default. */
export interface TlsOptions {
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  readonly passphrase?: string | undefined;
  /** Name to ask for and to verify. Default: the host of the URL. */
  readonly servername?: string | undefined;
  /** Default true. False accepts any certificate: for tests only. */
  readonly rejectUnauthorized?: boolean | undefined;
  readonly ALPNProtocols?: readonly string[] | undefined;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}
