// SPDX-License-Identifier: Apache-2.0

/**
 * A byte pipe between a client and a broker: ordered and lossless.
 *
 * The same shape as the link of `@mqttv5/core`, declared here so that this package needs nothing but the codec.
 */
export interface Link {
  /** Starts delivery to `receiver`. Called exactly once; nothing is delivered before. */
  open(receiver: LinkReceiver): void;
  /**
   * Sends bytes. The link may keep `chunk`, and nobody changes it from here. Returns false while its buffer is over the
   * high-water mark: `drained` follows. After the link closed the bytes are ignored and the answer is false. `flushed` is
   * called, in a later turn, once all of the chunk was delivered; never if the link closes first.
   */
  send(chunk: Uint8Array, flushed?: () => void): boolean;
  /** Bytes accepted by {@link send} and not yet handed to the peer (or to the operating system). */
  readonly pendingBytes: number;
  /** Stops reading. What had been read already may still arrive. */
  pause(): void;
  /** Continues reading. */
  resume(): void;
  /** Sends what is pending, then closes. `closed` follows, but only after {@link destroy} if the peer stalls. */
  end(): void;
  /** Closes at once; pending bytes are dropped. `closed` follows. Idempotent. */
  destroy(): void;
}

/** What a {@link Link} tells the side that opened it. */
export interface LinkReceiver {
  /** Bytes arrived; they belong to the receiver. */
  received(chunk: Uint8Array): void;
  /** `pendingBytes` is 0 again after a `send` that returned false. */
  drained(): void;
  /** The link is closed. Called exactly once, last, and never from within a call to the link: always in a later turn. */
  closed(error?: Error): void;
}

/** Opens links. */
export interface Transport {
  /** URL schemes it connects to, without the colon; all others are not its business. Default: every URL is. */
  readonly schemes?: readonly string[] | undefined;
  /** Resolves with a link to the broker at `url`; rejects when there is none, or when `options.signal` aborts. */
  connect(url: URL, options: TransportConnectOptions): Promise<Link>;
}

/** What a {@link Transport} is told about one attempt. */
export interface TransportConnectOptions {
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** Headers of the WebSocket handshake; links of other kinds ignore them. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What serves the links of a listener: a `TestBroker`, or anything else with an `accept`. */
export interface LinkAcceptor {
  accept(link: Link): void;
}
