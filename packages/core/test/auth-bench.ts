// SPDX-License-Identifier: Apache-2.0
import { type AuthPacket, type ConnackPacket, decodeUtf8, encodeUtf8, PacketType } from "@mqttv5/wire";
import type { ScriptedConnection } from "@mqttv5/testing";
import type { AuthenticationExchange, Authenticator, Client, ClientOptions } from "../src/index.js";
import { type Bench, follow, type Outcome } from "./bench.js";

export const METHOD = "TOKEN";
/**
 * What the client says where it does not believe the broker. The reference says 0x87 (Not authorized), which the tables of sections
 * 2.4 and 3.14.2.1 reserve for servers: a strict broker takes it for a Protocol Error. 0x83 is the nearest a client may send.
 */
export const NOT_BELIEVED = { type: PacketType.Disconnect, reasonCode: 0x83 } as const;

/** A promise that the test settles. */
export function deferred<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** How the authenticator of a test behaves where it does not do as all do. */
export interface Behaviour {
  begin?: (signal: AbortSignal) => AuthenticationExchange | PromiseLike<AuthenticationExchange>;
  initial?: Uint8Array | undefined;
  respond?: AuthenticationExchange["respond"];
  verify?: AuthenticationExchange["verify"];
}

/** Begins with "begin 1", "begin 2", …, answers a challenge with "re " and the challenge, and believes everything. */
export class TestAuthenticator implements Authenticator {
  readonly method: string = METHOD;
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  readonly signals: AbortSignal[] = [];
  behaviour: Behaviour;

  constructor(behaviour: Behaviour = {}) {
    this.behaviour = behaviour;
  }

  begin(signal: AbortSignal): AuthenticationExchange | PromiseLike<AuthenticationExchange> {
    this.calls.push("begin");
    this.signals.push(signal);
    const { begin, initial = encodeUtf8(`begin ${this.signals.length}`) } = this.behaviour;
    if (begin !== undefined) return begin(signal);
    return {
      initial,
      respond: (challenge) => {
        this.calls.push(`respond ${textOf(challenge)}`);
        const { respond } = this.behaviour;
        return respond === undefined ? encodeUtf8(`re ${textOf(challenge)}`) : respond(challenge);
      },
      verify: (final) => {
        this.calls.push(`verify ${textOf(final)}`);
        return this.behaviour.verify?.(final);
      },
    };
  }
}

export function textOf(data: Uint8Array | undefined): string {
  return data === undefined ? "nothing" : decodeUtf8(data);
}

export function auth(reasonCode: number, data?: string, method: string = METHOD): AuthPacket {
  const authenticationData = data === undefined ? undefined : encodeUtf8(data);
  return { type: PacketType.Auth, reasonCode, properties: { authenticationMethod: method, authenticationData } };
}

export function connack(data?: string, method: string | undefined = METHOD): ConnackPacket {
  const authenticationData = data === undefined ? undefined : encodeUtf8(data);
  const properties = { authenticationMethod: method, authenticationData };
  return { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties };
}

/** What the client must say next. */
export async function expectAuth(connection: ScriptedConnection, reasonCode: number, data?: string): Promise<void> {
  const packet = await connection.expect({ type: PacketType.Auth, reasonCode });
  const { properties } = packet;
  const said = `${properties.authenticationMethod} ${textOf(properties.authenticationData)}`;
  const wanted = `${METHOD} ${data ?? "nothing"}`;
  if (said !== wanted) throw new Error(`expected ${wanted}, not ${said}`);
}

/** A client that has sent its CONNECT. */
export async function start(
  bench: Bench,
  options: Partial<ClientOptions> = {},
): Promise<{ client: Client; connecting: Outcome<unknown>; connection: ScriptedConnection }> {
  const client = bench.client(options);
  const connecting = follow(client.connect());
  const connection = await bench.peer.accept();
  await connection.expect(PacketType.Connect);
  return { client, connecting, connection };
}

/** A client that is connected, in one round. */
export async function connected(
  bench: Bench,
  authenticator: Authenticator,
  options: Partial<ClientOptions> = {},
): Promise<{ client: Client; connection: ScriptedConnection }> {
  const { client, connection } = await start(bench, { authenticator, ...options });
  connection.send(connack());
  await bench.clock.settle();
  return { client, connection };
}
