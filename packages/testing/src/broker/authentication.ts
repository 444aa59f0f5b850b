// SPDX-License-Identifier: Apache-2.0

import { type AuthPacket, ReasonCode } from "@mqttv5/wire";
import type {
  AsyncAuthenticationRounds,
  AuthenticationContext,
  AuthenticationOutcome,
  AuthenticationRounds,
  AuthenticationScript,
} from "./hooks.js";

/** What an exchange makes happen. */
export interface AuthenticationPort {
  challenge(method: string, data: Uint8Array | undefined): void;
  finished(method: string, outcome: AuthenticationOutcome): void;
  /** The script itself failed. */
  broken(error: unknown): void;
}

type Round = IteratorResult<Uint8Array | undefined, AuthenticationOutcome | undefined | void>;

/**
 * One enhanced authentication: the rounds of a script. Section 4.12.
 *
 * Lives from CONNECT, or from AUTH 0x19, until the script returns.
 */
export class Authentication {
  readonly #method: string;
  readonly #port: AuthenticationPort;
  #rounds: AuthenticationRounds | AsyncAuthenticationRounds | undefined;
  #answerWanted = false;

  constructor(method: string, port: AuthenticationPort) {
    this.#method = method;
    this.#port = port;
  }

  begin(script: AuthenticationScript, data: Uint8Array | undefined, context: AuthenticationContext): void {
    this.#rounds = script(data, context);
    this.#advance(undefined);
  }

  /** The client's AUTH. Says false if it is not what the exchange waits for. [MQTT-4.12.0-5] */
  answer(packet: AuthPacket): boolean {
    const expected = this.#answerWanted && packet.reasonCode === ReasonCode.ContinueAuthentication;
    if (!expected || packet.properties?.authenticationMethod !== this.#method) return false;
    this.#advance(packet.properties.authenticationData);
    return true;
  }

  #advance(data: Uint8Array | undefined): void {
    this.#answerWanted = false;
    const round = this.#rounds?.next(data);
    if (!round) return;
    if (!("then" in round)) this.#apply(round);
    else round.then((late) => this.#apply(late)).catch((error: unknown) => this.#port.broken(error));
  }

  #apply(round: Round): void {
    if (round.done) {
      this.#port.finished(this.#method, round.value ?? {});
    } else {
      this.#answerWanted = true;
      this.#port.challenge(this.#method, round.value);
    }
  }
}
