// SPDX-License-Identifier: Apache-2.0
import {
  type AckType,
  type ConnackPacket,
  encodeUtf8,
  PacketType,
  type PublishPacket,
  type SubackPacket,
  type UnsubackPacket,
} from "@mqttv5/wire";
import {
  type HandshakeOptions,
  type ScriptedConnection,
  ScriptedPeer,
  TestBroker,
  VirtualClock,
} from "@mqttv5/testing";
import type { TestBrokerOptions } from "@mqttv5/testing";
import { Client, type ClientOptions, constantBackoff, type Message, MqttError } from "../src/index.js";

/** A client and a scripted broker on one virtual clock. */
export class Bench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly peer: ScriptedPeer = new ScriptedPeer({ clock: this.clock });
  /** What the client logged at `warn` and `error`. */
  readonly log: string[] = [];

  client(options: Partial<ClientOptions> = {}): Client {
    return new Client({
      ...(options.brokers === undefined ? { broker: "mqtt://test" } : {}),
      clientId: "client",
      transport: this.peer.transport(),
      clock: this.clock,
      reconnectBackoff: constantBackoff(100),
      logger: { warn: (message) => this.log.push(message), error: (message) => this.log.push(message) },
      ...options,
    });
  }

  /** A client whose CONNECT was accepted. */
  async connect(
    options: Partial<ClientOptions> = {},
    handshake: HandshakeOptions = {},
  ): Promise<{ client: Client; connection: ScriptedConnection }> {
    const client = this.client(options);
    const connecting = client.connect();
    const connection = await this.peer.acceptConnect(handshake);
    await this.clock.run(connecting);
    return { client, connection };
  }

  /** Cuts the line and takes the client's next connection, by default with its session. */
  async reconnect(
    connection: ScriptedConnection,
    connack: Partial<Omit<ConnackPacket, "type">> = {},
  ): Promise<ScriptedConnection> {
    connection.cut();
    return this.peer.acceptConnect({ connack: { sessionPresent: true, ...connack } });
  }

  /** Ends the client; nothing may be left behind. */
  async end(client: Client): Promise<void> {
    await this.clock.run(client.disconnect(), 5000);
    await this.clock.settle();
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers left behind`);
  }
}

/** A client and the test broker on one virtual clock. */
export class BrokerBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly broker: TestBroker;

  constructor(options: TestBrokerOptions = {}) {
    this.broker = new TestBroker({ clock: this.clock, ...options });
  }

  async connect(options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = new Client({
      broker: "mqtt://test",
      clientId: "client",
      transport: this.broker.transport(),
      clock: this.clock,
      reconnectBackoff: constantBackoff(100),
      ...options,
    });
    await this.clock.run(client.connect());
    return client;
  }
}

/** How a promise stands, for tests about settling. */
export interface Outcome<T> {
  status: "pending" | "resolved" | "rejected";
  value?: T;
  error?: unknown;
}

/** Follows a promise; a rejection counts as handled. */
export function follow<T>(promise: Promise<T>): Outcome<T> {
  const outcome: Outcome<T> = { status: "pending" };
  const watch = async (): Promise<void> => {
    try {
      outcome.value = await promise;
      outcome.status = "resolved";
    } catch (error) {
      outcome.error = error;
      outcome.status = "rejected";
    }
  };
  void watch();
  return outcome;
}

/** The code of an `MqttError`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof MqttError ? error.code : undefined;
}

export function ack(
  type: AckType,
  packetId: number,
  reasonCode = 0,
): { type: AckType; packetId: number; reasonCode: number } {
  return { type, packetId, reasonCode };
}

export const puback = (packetId: number, reasonCode = 0) => ack(PacketType.Puback, packetId, reasonCode);
export const pubrec = (packetId: number, reasonCode = 0) => ack(PacketType.Pubrec, packetId, reasonCode);
export const pubrel = (packetId: number, reasonCode = 0) => ack(PacketType.Pubrel, packetId, reasonCode);
export const pubcomp = (packetId: number, reasonCode = 0) => ack(PacketType.Pubcomp, packetId, reasonCode);

export function suback(packetId: number, ...reasonCodes: number[]): SubackPacket {
  return { type: PacketType.Suback, packetId, reasonCodes };
}

export function unsuback(packetId: number, ...reasonCodes: number[]): UnsubackPacket {
  return { type: PacketType.Unsuback, packetId, reasonCodes };
}

export function publish(topic: string, payload: string, rest: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: PacketType.Publish,
    topic,
    payload: encodeUtf8(payload),
    qos: 0,
    retain: false,
    duplicate: false,
    packetId: 0,
    ...rest,
  };
}

/** Answers the next SUBSCRIBE by granting what it asks; gives its packet. */
export async function grant(connection: ScriptedConnection, ...codes: number[]) {
  const packet = await connection.expect(PacketType.Subscribe);
  connection.send(suback(packet.packetId, ...(codes.length > 0 ? codes : packet.subscriptions.map(({ qos }) => qos))));
  return packet;
}

/** Answers the next UNSUBSCRIBE. */
export async function confirm(connection: ScriptedConnection, ...codes: number[]) {
  const packet = await connection.expect(PacketType.Unsubscribe);
  connection.send(unsuback(packet.packetId, ...(codes.length > 0 ? codes : packet.filters.map(() => 0))));
  return packet;
}

/** Reads a subscription in the background: `topic=payload` of each message, and how the loop ended. */
export function collect(
  messages: AsyncIterable<Message>,
  each: (message: Message) => void = (message) => message.ack(),
): { readonly got: string[]; readonly end: Outcome<void> } {
  const got: string[] = [];
  const loop = async (): Promise<void> => {
    for await (const message of messages) {
      got.push(`${message.topic}=${message.text()}`);
      each(message);
    }
  };
  return { got, end: follow(loop()) };
}
