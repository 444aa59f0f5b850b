// SPDX-License-Identifier: Apache-2.0
import {
  type ConnackPacket,
  type ConnectPacket,
  encodeUtf8,
  PacketType,
  type PublishPacket,
  type PublishProperties,
  type QoS,
  type SubscribeFilter,
  type SubscribePacket,
} from "@mqttv5/wire";
import {
  type DecodedOf,
  type FaultyLink,
  type PacketPattern,
  ScriptedConnection,
  TestBroker,
  type TestBrokerOptions,
  VirtualClock,
} from "../src/index.js";

export interface Dialled {
  readonly connection: ScriptedConnection;
  readonly connack: DecodedOf<typeof PacketType.Connack>;
  readonly brokerEnd: FaultyLink;
}

/** A broker on a virtual clock, and clients made of raw packets. */
export class Bench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly broker: TestBroker;

  constructor(options: TestBrokerOptions = {}) {
    this.broker = new TestBroker({ clock: this.clock, ...options });
  }

  /** A link to the broker, without a word said. */
  async dial(): Promise<{ connection: ScriptedConnection; brokerEnd: FaultyLink }> {
    const ends: FaultyLink[] = [];
    const transport = this.broker.transport({ onConnect: (_client, broker) => ends.push(broker) });
    const link = await transport.connect(new URL("mqtt://test"), { signal: new AbortController().signal });
    const connection = new ScriptedConnection(link, { clock: this.clock, peer: "server" });
    return { connection, brokerEnd: ends[0] as FaultyLink };
  }

  /** A client whose CONNECT was answered by a CONNACK like `expected`. */
  async handshake(
    connect: Partial<ConnectPacket> = {},
    expected: Omit<PacketPattern<typeof PacketType.Connack>, "type"> = { reasonCode: 0 },
  ): Promise<Dialled> {
    const { connection, brokerEnd } = await this.dial();
    connection.send({ ...connectPacket, ...connect });
    const connack = await connection.expect({ type: PacketType.Connack, ...expected });
    return { connection, connack, brokerEnd };
  }

  async connect(clientId: string, connect: Partial<ConnectPacket> = {}): Promise<ScriptedConnection> {
    return (await this.handshake({ clientId, ...connect })).connection;
  }

  /** A client whose session outlives its connection. */
  keep(clientId: string, connect: Partial<ConnectPacket> = {}): Promise<ScriptedConnection> {
    return this.connect(clientId, {
      cleanStart: false,
      ...connect,
      properties: { sessionExpiryInterval: 3600, ...connect.properties },
    });
  }

  /** A CONNECT that must be refused with this code, and then the end. */
  async refused(connect: Partial<ConnectPacket>, reasonCode: number): Promise<ConnackPacket> {
    const { connection, connack } = await this.handshake(connect, { reasonCode, sessionPresent: false });
    await connection.expectClosed();
    return connack;
  }
}

export const connectPacket: ConnectPacket = {
  type: PacketType.Connect,
  clientId: "client",
  cleanStart: true,
  keepAlive: 0,
};

export function publish(
  topic: string,
  payload: string,
  rest: Partial<Omit<PublishPacket, "payload">> & { properties?: PublishProperties } = {},
): PublishPacket {
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

export function filter(text: string, rest: Partial<SubscribeFilter> = {}): SubscribeFilter {
  return { filter: text, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0, ...rest };
}

export function subscribePacket(
  filters: readonly (string | SubscribeFilter)[],
  rest: Partial<SubscribePacket> = {},
): SubscribePacket {
  const subscriptions = filters.map((item) => (typeof item === "string" ? filter(item) : item));
  return { type: PacketType.Subscribe, packetId: 1, subscriptions, ...rest };
}

/** Subscribes, and waits for a SUBACK without refusals. */
export async function subscribe(
  connection: ScriptedConnection,
  ...filters: readonly (string | SubscribeFilter)[]
): Promise<void> {
  const packet = subscribePacket(filters);
  connection.send(packet);
  const reasonCodes = packet.subscriptions.map(({ qos }) => qos);
  await connection.expect({ type: PacketType.Suback, packetId: 1, reasonCodes });
}

export const ack = (type: 4 | 5 | 6 | 7, packetId: number, reasonCode = 0) => ({ type, packetId, reasonCode }) as const;

/** Expects a PUBLISH and acknowledges it to the end of its exchange. */
export function receive(
  connection: ScriptedConnection,
  topic: string,
  payload: string,
  rest: Omit<PacketPattern<typeof PacketType.Publish>, "type"> = {},
): Promise<DecodedOf<typeof PacketType.Publish>> {
  return connection.acceptPublish({ topic, payload, ...rest });
}

export const qosLevels: readonly QoS[] = [0, 1, 2];
