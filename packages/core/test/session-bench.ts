// SPDX-License-Identifier: Apache-2.0
import {
  type AckPacket,
  decode,
  encode,
  type Packet,
  PacketType,
  packetName,
  Publish,
  type PublishPacket,
  type QoS,
} from "@mqttv5/wire";
import type { BufferedBytes } from "../src/buffered-bytes.js";
import type { MqttError } from "../src/errors.js";
import type { RecordPort } from "../src/session/record-port.js";
import type { InboundMessage } from "../src/session/inbound-message.js";
import { OutboundPublish } from "../src/session/outbound-publish.js";
import { type ControlOperation, Session, type SessionLimits } from "../src/session/session.js";
import { newStats, type Stats } from "../src/stats.js";
import { publish } from "./bench.js";

/** A publish under test and what its caller was told. */
export interface Accepted {
  readonly publish: OutboundPublish;
  ack?: AckPacket;
  error?: MqttError;
}

/** A SUBSCRIBE or UNSUBSCRIBE under test. */
export interface Asked {
  readonly operation: ControlOperation;
  answers: (readonly number[])[];
}

/** A session with everything it does written down in words, in order. */
export class SessionBench {
  readonly stats: Stats = newStats();
  readonly session: Session;
  /** Since the last {@link take}: `PUBLISH 1 dup a`, `PUBREL 1`, `deliver a`, … */
  #events: string[] = [];
  /** The frames of every PUBLISH sent, DUP flag as told, in order. */
  readonly frames: { readonly frame: Uint8Array; readonly duplicate: boolean }[] = [];
  readonly delivered: InboundMessage[] = [];
  /** What is sent is handed to the link at once. */
  writes = true;
  /** Ack a message as it is delivered. */
  autoAck = false;
  /** Called within `deliver`. */
  onDeliver: (() => void) | undefined;

  constructor({
    receiveMaximum = 100,
    highestPacketId,
    records,
    buffered,
  }: { receiveMaximum?: number; highestPacketId?: number; records?: RecordPort; buffered?: BufferedBytes } = {}) {
    this.session = new Session(
      {
        records,
        send: (packet) => {
          this.#events.push(describe(packet));
          if (this.writes) this.session.answersHanded();
        },
        sendPublish: (frame, duplicate) => {
          this.frames.push({ frame: frame.slice(), duplicate });
          const packet = decode(frame, 0, frame.length, { sender: "client" }) as Publish;
          this.#events.push(`PUBLISH ${packet.packetId}${duplicate ? " dup" : ""} ${packet.topic}`);
        },
        deliver: (packet, inbound) => {
          this.#events.push(`deliver ${packet.topic}`);
          if (inbound === undefined) return;
          this.delivered.push(inbound);
          if (this.autoAck) inbound.settle(0);
          this.onDeliver?.();
        },
        ackIgnored: (packet, packetId) => this.#events.push(`ignored ${packet} ${packetId}`),
      },
      this.stats,
      receiveMaximum,
      highestPacketId,
      buffered,
    );
  }

  /** What happened since the last call. */
  take(): string[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  connected(present: boolean, limits: Partial<SessionLimits> = {}): void {
    this.session.connected(present, { receiveMaximum: 65_535, refusal: () => undefined, ...limits });
  }

  /** Loses the connection and gets another one. */
  reconnected(present: boolean, limits: Partial<SessionLimits> = {}): string[] {
    this.session.disconnected();
    this.take();
    this.connected(present, limits);
    return this.take();
  }

  publish(
    topic: string,
    qos: 1 | 2,
    options: { retain?: boolean; expiresAt?: number; packet?: Partial<PublishPacket> } = {},
  ): Accepted {
    const { retain = false, expiresAt = Infinity, packet = {} } = options;
    // The codec rewrites the interval in place: it must be there.
    const properties = expiresAt === Infinity ? undefined : { messageExpiryInterval: 1 };
    const frame = encode(publish(topic, "", { qos, retain, packetId: 1, properties, ...packet }));
    const accepted: { publish: OutboundPublish; ack?: AckPacket; error?: MqttError } = {
      publish: new OutboundPublish(frame, qos, retain, expiresAt, {
        acknowledged: (ack) => {
          accepted.ack = ack;
        },
        failed: (error) => {
          accepted.error = error;
        },
      }),
    };
    this.session.publish(accepted.publish);
    return accepted;
  }

  ask(type: typeof PacketType.Subscribe | typeof PacketType.Unsubscribe, filter: string, size = 1): Asked {
    const filters = Array.from({ length: size }, (_, index) => (index === 0 ? filter : `${filter}${index}`));
    const asked: Asked = {
      answers: [],
      operation: {
        type,
        size,
        packet: (packetId) =>
          type === PacketType.Subscribe
            ? {
                type,
                packetId,
                subscriptions: filters.map((item) => ({
                  filter: item,
                  qos: 0,
                  noLocal: false,
                  retainAsPublished: false,
                  retainHandling: 0,
                })),
              }
            : { type, packetId, filters },
        answered: (packet) => asked.answers.push(packet.reasonCodes),
        strikes: 0,
        fail: () => {},
      },
    };
    this.session.request(asked.operation);
    return asked;
  }

  puback(packetId: number, reasonCode = 0): void {
    this.session.receivePuback({ type: PacketType.Puback, packetId, reasonCode });
  }

  pubrec(packetId: number, reasonCode = 0): void {
    this.session.receivePubrec({ type: PacketType.Pubrec, packetId, reasonCode });
  }

  pubrel(packetId: number): void {
    this.session.receivePubrel({ type: PacketType.Pubrel, packetId, reasonCode: 0 });
  }

  pubcomp(packetId: number, reasonCode = 0): void {
    this.session.receivePubcomp({ type: PacketType.Pubcomp, packetId, reasonCode });
  }

  suback(packetId: number, ...reasonCodes: number[]): void {
    this.session.receiveControlAck({ type: PacketType.Suback, packetId, reasonCodes });
  }

  unsuback(packetId: number, ...reasonCodes: number[]): void {
    this.session.receiveControlAck({ type: PacketType.Unsuback, packetId, reasonCodes });
  }

  /** A PUBLISH from the broker. */
  receive(topic: string, qos: QoS, packetId = 0, duplicate = false): void {
    const frame = encode(publish(topic, "", { qos, packetId, duplicate }));
    this.session.receivePublish(decode(frame, 0, frame.length, { sender: "server" }) as Publish);
  }
}

function describe(packet: Packet): string {
  const name = packetName(packet.type);
  switch (packet.type) {
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return packet.reasonCode === 0
        ? `${name} ${packet.packetId}`
        : `${name} ${packet.packetId} 0x${packet.reasonCode.toString(16)}`;
    case PacketType.Subscribe:
      return `${name} ${packet.packetId} ${packet.subscriptions[0]?.filter}`;
    case PacketType.Unsubscribe:
      return `${name} ${packet.packetId} ${packet.filters[0]}`;
    default:
      return name;
  }
}

/** Numbers from a seed, for random walks that can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
