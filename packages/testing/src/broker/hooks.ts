// SPDX-License-Identifier: Apache-2.0

import type { DecodedConnect, DecodedPacket, Packet, SubscribeFilter, UserProperty } from "@mqttv5/wire";
import type { Message } from "./message.js";

/** A value now or later. While a hook's promise is pending the connection concerned processes no other packet. */
export type Awaitable<T> = T | PromiseLike<T>;

/** A reason code with what may go with it. */
export interface Verdict {
  readonly reasonCode: number;
  readonly reasonString?: string | undefined;
  readonly userProperties?: readonly UserProperty[] | undefined;
}

/** The answer to a CONNECT. */
export interface ConnectVerdict extends Verdict {
  /** Where to go instead: with 0x9C (use another server) or 0x9D (server moved). */
  readonly serverReference?: string | undefined;
}

/** A client, as hooks see it. */
export interface ClientInfo {
  readonly clientId: string;
  readonly username: string | undefined;
}

/** One packet a broker received or sent. */
export interface PacketEvent {
  readonly direction: "received" | "sent";
  /** Empty before the CONNECT was accepted. */
  readonly clientId: string;
  readonly packet: DecodedPacket | Packet;
}

/**
 * Where a test decides instead of the broker. A hook that returns nothing agrees. What a hook throws is not swallowed: the
 * connection is closed with 0x83, and the error surfaces where the turn ran (`VirtualClock.advance` rejects with it).
 */
export interface BrokerHooks {
  /**
   * Judges a CONNECT, its credentials above all: 0 accepts, a code from 0x80 up refuses. Comes before enhanced
   * authentication.
   */
  readonly authenticate?: ((connect: DecodedConnect) => Awaitable<number | ConnectVerdict | undefined>) | undefined;
  /** Judges a message a client publishes, its Will included: a code from 0x80 up refuses. */
  readonly authorizePublish?:
    | ((message: Message, client: ClientInfo) => Awaitable<number | Verdict | undefined>)
    | undefined;
  /** Judges one filter of a SUBSCRIBE: 0 to 2 grants that QoS at most, a code from 0x80 up refuses. */
  readonly authorizeSubscribe?:
    | ((filter: SubscribeFilter, client: ClientInfo) => Awaitable<number | Verdict | undefined>)
    | undefined;
  /** Sees every packet, before the broker acts on it or as it leaves. */
  readonly onPacket?: ((event: PacketEvent) => void) | undefined;
}

/** What an {@link AuthenticationScript} is told. */
export interface AuthenticationContext {
  readonly clientId: string;
  /** Whether the client authenticates again on a live connection. */
  readonly reauthentication: boolean;
}

/** How an enhanced authentication ends: by default with success. */
export interface AuthenticationOutcome {
  /** A code from 0x80 up refuses the client. Default 0. */
  readonly reasonCode?: number | undefined;
  /** Authentication Data of the CONNACK, or of the AUTH that ends a re-authentication. */
  readonly data?: Uint8Array | undefined;
}

/**
 * The server's side of an authentication method, as a generator: it is given the data of the client's first packet, each
 * `yield` sends a challenge (AUTH 0x18) and gives the data of the client's answer, and `return` ends the exchange.
 *
 * @example
 * function* ask(): AuthenticationRounds {
 *   const answer = yield encodeUtf8("password?");
 *   return { reasonCode: answer && decodeUtf8(answer) === "secret" ? 0 : ReasonCode.NotAuthorized };
 * }
 */
export type AuthenticationScript = (
  data: Uint8Array | undefined,
  context: AuthenticationContext,
) => AuthenticationRounds | AsyncAuthenticationRounds;

/** The rounds of one exchange. */
export type AuthenticationRounds = Generator<
  Uint8Array | undefined,
  AuthenticationOutcome | undefined | void,
  Uint8Array | undefined
>;

/** The rounds of one exchange, for methods that have to wait. */
export type AsyncAuthenticationRounds = AsyncGenerator<
  Uint8Array | undefined,
  AuthenticationOutcome | undefined | void,
  Uint8Array | undefined
>;

export function isPromiseLike<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** What a hook said, in the long form. */
export function verdictOf<V extends Verdict>(answer: number | V | undefined, agreed: number): V | Verdict {
  if (answer === undefined) return { reasonCode: agreed };
  return typeof answer === "number" ? { reasonCode: answer } : answer;
}
