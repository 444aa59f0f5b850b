// SPDX-License-Identifier: Apache-2.0
import { type AuthPacket, encode, PacketType, ReasonCode } from "@mqttv5/wire";
import type { AuthenticationExchange, Authenticator } from "../auth/authenticator.js";
import { authenticationData, authenticationFailure, beginExchange } from "../auth/begin-exchange.js";
import type { Clock } from "../clock.js";
import { MqttError, ProtocolError } from "../errors.js";
import { deadline, type WaitOptions } from "../signal.js";
import { Reauthentication } from "./reauthentication.js";

/**
 * What the broker may say when; all else is a Protocol Error, and so is anything said while the authenticator still works on what
 * came before.
 *
 * | packet            | before CONNACK       | connected | after our AUTH 0x19  |
 * | ----------------- | -------------------- | --------- | -------------------- |
 * | AUTH 0x18         | answered             | no        | answered             |
 * | AUTH 0x00         | no                   | no        | verified: it is over |
 * | CONNACK below 0x80 | verified: it is over | no        | no                   |
 *
 * Every one must carry the method of CONNECT [MQTT-4.12.0-5].
 */

/** What authentication asks of its connection. */
export interface AuthenticationPort {
  send(packet: AuthPacket): void;
  /** The largest packet the broker takes; Infinity before CONNACK. */
  maximumPacketSize(): number;
  /** Whether a word of the broker's is waited for may have changed. */
  changed(): void;
  /** A re-authentication has succeeded. */
  reauthenticated(): void;
  /** An exchange has failed, and the connection must end. */
  failed(error: MqttError): void;
}

/** Far more than any method needs; a broker that never concludes must not keep the client busy for ever. */
const MOST_CHALLENGES = 32;

/** The exchanges of one connection: one for its CONNECT, then those the application asks for (section 4.12). Ends with it. */
export class Authentication {
  readonly #method: string;
  readonly #clock: Clock;
  readonly #port: AuthenticationPort;
  /** The one under way at the broker. */
  #exchange: AuthenticationExchange | undefined;
  /** The authenticator works on the broker's last word. */
  #working = false;
  #challenges = 0;
  /** Asked for and not concluded, which takes longer than its caller may wait. */
  #reauthentication: Reauthentication | undefined;

  /** `exchange` is the one that CONNECT begins. */
  constructor(method: string, exchange: AuthenticationExchange, clock: Clock, port: AuthenticationPort) {
    this.#method = method;
    this.#exchange = exchange;
    this.#clock = clock;
    this.#port = port;
  }

  /** Whether the broker has to be listened to: a re-authentication is under way. */
  get asking(): boolean {
    return this.#reauthentication !== undefined;
  }

  /** An AUTH has come. Throws a `ProtocolError` where none may. */
  received({ reasonCode, properties }: AuthPacket): void {
    const exchange = this.#next("AUTH", properties?.authenticationMethod);
    const data = properties?.authenticationData;
    if (reasonCode === ReasonCode.ContinueAuthentication) void this.#answer(exchange, data);
    else if (reasonCode === ReasonCode.Success && this.#reauthentication !== undefined) {
      void this.#verify(exchange, data, () => this.#reauthenticated());
    } else throw violation(`The broker sent AUTH with 0x${reasonCode.toString(16)}`);
  }

  /** A good CONNACK has come. `proceed` is called in a later microtask, if ever: when it is known who sent it. */
  accepted(method: string | undefined, final: Uint8Array | undefined, proceed: () => void): void {
    void this.#verify(this.#next("CONNACK", method), final, proceed);
  }

  /** The client authenticates again. Rejects as `Client.reauthenticate` does. */
  async reauthenticate(authenticator: Authenticator, options: WaitOptions): Promise<void> {
    if (this.#reauthentication !== undefined) {
      const text = "The broker has not concluded the re-authentication before this one";
      throw new MqttError("REAUTH_IN_PROGRESS", text, { delivery: "not-sent" });
    }
    const again = new Reauthentication();
    this.#reauthentication = again;
    this.#port.changed();
    void this.#begin(again, authenticator);
    const callOff = deadline(this.#clock, options, (stopped) => {
      if (again.sent) return again.leave(stopped("unknown"));
      this.#over();
      again.fail(stopped("not-sent"));
    });
    try {
      await again.concluded;
    } finally {
      callOff();
    }
  }

  /** The connection has ended. What the authenticator still does is for nothing. */
  ended(cause: MqttError): void {
    const again = this.#reauthentication;
    this.#over();
    again?.interrupted(cause);
  }

  // Inside

  /** The exchange that a packet belongs to, if it may come now. */
  #next(packet: string, method: string | undefined): AuthenticationExchange {
    if (this.#exchange === undefined) throw violation(`The broker sent ${packet} that belongs to no authentication`);
    if (this.#working) throw violation(`The broker sent ${packet} before it had our answer`);
    if (method !== this.#method) {
      throw violation(`The broker sent ${packet} ${method === undefined ? "without a" : "with another"} method`); // [MQTT-4.12.0-5]
    }
    return this.#exchange;
  }

  async #begin(again: Reauthentication, authenticator: Authenticator): Promise<void> {
    try {
      const { exchange, initial } = await beginExchange(authenticator, this.#clock, again.signal);
      if (this.#reauthentication !== again) return;
      this.#send(ReasonCode.ReAuthenticate, initial); // [MQTT-4.12.1-1]
      again.sent = true;
      this.#exchange = exchange;
      this.#challenges = 0;
    } catch (error) {
      if (this.#reauthentication !== again) return;
      this.#over();
      again.fail(authenticationFailure(error, "not-sent"));
    }
  }

  async #answer(exchange: AuthenticationExchange, challenge: Uint8Array | undefined): Promise<void> {
    this.#working = true;
    try {
      if (++this.#challenges > MOST_CHALLENGES) throw tooMany();
      const answer = authenticationData("answer", await exchange.respond(challenge));
      if (this.#exchange !== exchange) return;
      this.#working = false;
      this.#send(ReasonCode.ContinueAuthentication, answer); // [MQTT-4.12.0-3]
    } catch (error) {
      this.#failed(exchange, error);
    }
  }

  async #verify(exchange: AuthenticationExchange, final: Uint8Array | undefined, proceed: () => void): Promise<void> {
    this.#working = true;
    try {
      await exchange.verify?.(final);
    } catch (error) {
      return this.#failed(exchange, error);
    }
    if (this.#exchange !== exchange) return;
    this.#exchange = undefined;
    this.#working = false;
    proceed();
  }

  #reauthenticated(): void {
    const again = this.#reauthentication;
    this.#over();
    this.#port.reauthenticated();
    again?.succeed();
  }

  /** Whoever asked is told why, and the connection ends [MQTT-4.12.1-2]. */
  #failed(exchange: AuthenticationExchange, error: unknown): void {
    if (this.#exchange !== exchange) return;
    const again = this.#reauthentication;
    this.#over();
    const failure = authenticationFailure(error);
    again?.fail(failure);
    this.#port.failed(failure);
  }

  #over(): void {
    this.#exchange = undefined;
    this.#working = false;
    this.#reauthentication = undefined;
    this.#port.changed();
  }

  /** Sends an AUTH of ours: only while CONNECT named a method [MQTT-4.12.0-7]. */
  #send(reasonCode: number, data: Uint8Array | undefined): void {
    const properties = { authenticationMethod: this.#method, authenticationData: data };
    const packet: AuthPacket = { type: PacketType.Auth, reasonCode, properties };
    const size = encode(packet).length;
    const maximum = this.#port.maximumPacketSize();
    if (size > maximum) {
      const text = `AUTH would have ${size} bytes, the broker takes at most ${maximum}`; // [MQTT-3.2.2-15]
      throw new MqttError("PACKET_TOO_LARGE", text);
    }
    this.#port.send(packet);
  }
}

function tooMany(): MqttError {
  return new MqttError("AUTHENTICATION_FAILED", `The broker did not conclude after ${MOST_CHALLENGES} challenges`);
}

function violation(text: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, text);
}
