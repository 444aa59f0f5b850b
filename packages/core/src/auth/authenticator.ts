// SPDX-License-Identifier: Apache-2.0

/**
 * A method of enhanced authentication (section 4.12). One authenticator serves every connection of a client and every
 * re-authentication; what belongs to one exchange is in the object that `begin` returns.
 */
export interface Authenticator {
  /** The Authentication Method, sent with CONNECT; the broker must use no other. Read once, when the client is made. */
  readonly method: string;
  /**
   * A fresh exchange. A rejection fails the attempt, or the re-authentication, before anything was sent. `signal` aborts when
   * the exchange can't come to a good end any more: out of time, refused, given up, or its connection lost.
   */
  begin(signal: AbortSignal): AuthenticationExchange | PromiseLike<AuthenticationExchange>;
}

/**
 * One exchange, from CONNECT or AUTH 0x19 to the broker's last word. Its calls come one at a time, and none after the exchange
 * is over. A broker that sends a 33rd challenge has failed.
 */
export interface AuthenticationExchange {
  /** What the client says first, if it speaks first: the Authentication Data of CONNECT or AUTH 0x19, at most 65,535 bytes. */
  readonly initial?: Uint8Array | undefined;
  /** Answers an AUTH of 0x18, with at most 65,535 bytes. A rejection ends the connection. */
  respond(challenge: Uint8Array | undefined): Uint8Array | undefined | PromiseLike<Uint8Array | undefined>;
  /**
   * Checks what came with CONNACK or with AUTH 0x00. A rejection ends the connection: the broker has not proven who it is.
   * A new connection is not used before this has resolved.
   */
  verify?(final: Uint8Array | undefined): void | PromiseLike<void>;
}
