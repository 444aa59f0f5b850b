// SPDX-License-Identifier: Apache-2.0
import {
  type AckPacket,
  type Packet,
  PacketType,
  type Publish,
  ReasonCode,
  type SubackPacket,
  type UnsubackPacket,
} from "@mqttv5/wire";
import { BufferedBytes } from "../buffered-bytes.js";
import { type MqttError, ProtocolError } from "../errors.js";
import { LazyMap } from "../lazy-map.js";
import { LazySet } from "../lazy-set.js";
import type { Stats } from "../stats.js";
import type { Settle } from "../store.js";
import { STRIKES } from "./blame.js";
import { ControlQueue } from "./control-queue.js";
import { Inbound } from "./inbound.js";
import type { InboundMessage } from "./inbound-message.js";
import { Outbound, type SessionLimits } from "./outbound.js";
import { OutboundPublish, Phase, type PublishWaiter } from "./outbound-publish.js";
import { PacketIdentifiers } from "./packet-identifiers.js";
import type { Recorded, RecordPort } from "./record-port.js";

export type { SessionLimits } from "./outbound.js";

/**
 * Which acknowledgement is legal for a publish, by QoS and phase; any other is ignored and counted.
 *
 * | packet  | QoS | phase         | then                                        |
 * | ------- | --- | ------------- | ------------------------------------------- |
 * | PUBACK  | 1   | AwaitPuback   | done                                        |
 * | PUBREC  | 2   | AwaitPubrec   | below 0x80: PUBREL, AwaitPubcomp; else done |
 * | PUBREC  | 2   | AwaitPubcomp  | PUBREL again                                |
 * | PUBREC  | -   | unknown       | PUBREL 0x92                                 |
 * | PUBCOMP | 2   | AwaitPubcomp  | done                                        |
 */

/** What the session asks of the connection it is on, and of the client. Called last, when all state is settled. */
export interface SessionPort {
  /** Undefined without a store. */
  readonly records?: RecordPort | undefined;
  /** Sends a packet. Called only between `connected` and `disconnected`. */
  send(packet: Packet): void;
  /** Sends an encoded PUBLISH, with DUP set if `duplicate`; `alone` if it is the only one that is not settled. */
  sendPublish(frame: Uint8Array, duplicate: boolean, alone: boolean): void;
  /** A message for the application. `inbound` is what answers the broker; undefined at QoS 0. */
  deliver(publish: Publish, inbound: InboundMessage | undefined): void;
  /** A second received message waits to be acked. */
  ackWaits?(): void;
  /** An acknowledgement that belongs to nothing, for the log. */
  ackIgnored(packet: string, packetId: number): void;
}

/** A SUBSCRIBE or UNSUBSCRIBE that has to be answered; sent again on the next connection if the link is lost first. */
export interface ControlOperation {
  readonly type: typeof PacketType.Subscribe | typeof PacketType.Unsubscribe;
  /** How many Reason Codes the answer must hold. */
  readonly size: number;
  /** Made anew for each sending: the identifier and the broker's limits may differ. */
  packet(packetId: number): Packet;
  answered(packet: SubackPacket | UnsubackPacket): void;
  /** How often it was unanswered when the broker closed the connection over something it was sent. */
  strikes: number;
  /** It is given up. */
  fail(error: MqttError): void;
}

/**
 * What MQTT remembers across connections: identifiers, QoS 1/2 exchanges in both directions, acknowledgement order, send
 * quota (sections 4.1, 4.3, 4.4, 4.6, 4.9). A pure state machine: packets and commands go in, calls on one port come
 * out; no promise, timer, clock or socket. Lives as long as the client; `connected(false)` starts a new session in it.
 */
export class Session {
  readonly #port: SessionPort;
  readonly #stats: Stats;
  readonly #ids: PacketIdentifiers<OutboundPublish | ControlOperation>;
  /** Acknowledgements of both directions leave through it. */
  readonly #queue: ControlQueue;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  /** Unanswered, in the order asked. */
  readonly #control = new LazySet<ControlOperation>();
  /** Of those and of forgotten ones: the identifier under which they were sent on this connection. */
  readonly #controlIds = new LazyMap<ControlOperation, number>();
  #connected = false;
  /** Operations that found every identifier taken. */
  #starved = false;
  /** Responses to requests that the application waits for: they come as messages. */
  awaited = 0;

  constructor(
    port: SessionPort,
    stats: Stats,
    receiveMaximum: number,
    highestPacketId?: number,
    buffered: BufferedBytes = new BufferedBytes(Infinity, () => {}),
  ) {
    this.#port = port;
    this.#stats = stats;
    this.#ids = new PacketIdentifiers(highestPacketId);
    this.#queue = new ControlQueue((packet) => {
      this.#inbound.encoding(packet.type, packet.reasonCode);
      port.send(packet);
    });
    this.#outbound = new Outbound(port, this.#queue, stats, this.#ids, () => {
      if (this.#starved) this.#sendStarved();
    });
    this.#inbound = new Inbound(port, this.#queue, stats, receiveMaximum, buffered);
  }

  /** Whether anything would be lost if the broker forgot the session. */
  get hasState(): boolean {
    return this.#outbound.hasState || this.#inbound.hasState;
  }

  /** Whether an answer of the broker's is awaited: it has to be read, however much is buffered. */
  get asking(): boolean {
    return this.#outbound.asking || this.#control.size > 0 || this.awaited > 0;
  }

  /** Whether this has no Packet Identifier, and none is free: whatever else it waits for, it can't be sent before one is. */
  starved(owner: OutboundPublish | ControlOperation): boolean {
    if (!this.#ids.exhausted) return false;
    if (owner instanceof OutboundPublish) return owner.packetId === 0 && owner.phase === Phase.Accepted;
    return this.#control.has(owner) && !this.#controlIds.has(owner);
  }

  /** Bytes of answers that wait for the store. */
  get unsent(): number {
    return this.#queue.held;
  }

  /** What has been received and not answered. */
  get unacked(): Inbound["unacked"] {
    return this.#inbound.unacked;
  }

  /** Tells the session what time it is; only Message Expiry depends on it. */
  advance(now: number): void {
    this.#outbound.advance(now);
    this.#inbound.advance(now);
  }

  // Life of a connection

  /** A connection is up. `present`: the broker still holds the session [MQTT-3.2.2-4, MQTT-3.2.2-5]. */
  connected(present: boolean, limits: SessionLimits): void {
    this.#connected = true;
    if (!present) this.lost();
    // At no other time is anything resent [MQTT-4.4.0-1].
    this.#outbound.connected(limits);
    this.#inbound.connected();
    for (const operation of this.#control) this.#sendControl(operation);
    this.#outbound.resume();
  }

  /** The connection is gone. Everything is kept [MQTT-3.1.2-23]. */
  disconnected(): void {
    this.#connected = false;
    this.#queue.clear();
    this.#outbound.disconnected();
    this.#inbound.disconnected();
    // The broker's answers to these belong to the lost connection; they will be asked again under new identifiers.
    for (const [operation, id] of this.#controlIds) {
      this.#ids.free(id);
      this.#controlIds.delete(operation);
    }
  }

  /** The broker has lost the session: what was in flight becomes new [MQTT-3.2.2-5]. */
  lost(): void {
    this.#inbound.discard();
    this.#outbound.startAnew();
  }

  /** Fails the publishes that `lost` picks, because the session they belong to is gone. */
  abandon(lost: (publish: OutboundPublish) => boolean, error: (publish: OutboundPublish) => MqttError): void {
    this.#outbound.abandon(lost, error);
  }

  /** Whether an owner of a tracked publish may still ask how it ended. */
  get tracking(): boolean {
    return this.#outbound.endings.tracking;
  }

  /** Deletes the records that hold an identifier and can't be read: the session they were of is gone. */
  discardCorrupt(): void {
    this.#outbound.endings.discardCorrupt();
  }

  /** Forgets the session here and now: whoever waits for a publish is told. What a store holds is not touched. */
  drop(error: (publish: OutboundPublish) => MqttError): void {
    this.#queue.clear();
    this.#inbound.discard(false);
    this.#outbound.drop(error);
  }

  /** Takes over what a store kept: publishes in the order of publication, received QoS 2 messages by identifier. For an empty session. */
  restore(publishes: readonly OutboundPublish[], received: readonly number[]): void {
    this.#outbound.restore(publishes);
    this.#inbound.restore(received);
  }

  /**
   * The client closes: whoever waits is told. What no connection was handed is withdrawn; the rest stays for the next
   * connection if the broker keeps the session (`held`).
   */
  release(held: boolean, error: (publish: OutboundPublish) => MqttError): void {
    this.#outbound.release(held, error);
    if (!held) this.#inbound.discard();
  }

  // Commands

  /** Takes over a publish: from here it is sent until it is acknowledged, whatever happens to connections. */
  publish(publish: OutboundPublish): void {
    this.#outbound.publish(publish);
  }

  /** Withdraws a publish that no connection was ever handed. True if it was: it will certainly not be sent. */
  withdraw(publish: OutboundPublish): boolean {
    return this.#outbound.withdraw(publish);
  }

  /**
   * The publish that its owner knows by `ref`, of this process or an earlier one. From here `settle` and `waiter` are told
   * how it ends, or ended. Undefined if there is none: it was never accepted, or its owner was told.
   */
  adopt(ref: Uint8Array, settle: Settle, waiter?: PublishWaiter): OutboundPublish | undefined {
    return this.#outbound.endings.adopt(ref, settle, waiter);
  }

  /** Takes over a SUBSCRIBE or UNSUBSCRIBE; sent now, or on the next connection. */
  request(operation: ControlOperation): void {
    this.#control.add(operation);
    if (this.#connected) this.#sendControl(operation);
  }

  /** The broker closes over something it was sent: what it left unanswered too often is given up. Before `disconnected`. */
  blame(error: MqttError): void {
    for (const operation of this.#control) {
      if (!this.#controlIds.has(operation) || ++operation.strikes < STRIKES) continue;
      this.#control.delete(operation);
      operation.fail(error);
    }
  }

  /** Forgets an operation; an answer that still comes is ignored. */
  forget(operation: ControlOperation): void {
    this.#control.delete(operation);
    // Its identifier stays taken while the connection lasts: the broker may still answer it.
  }

  // What became of records

  /** A change of a record is durable. */
  stored(owner: Recorded): void {
    if (owner instanceof OutboundPublish) this.#outbound.stored(owner);
    else this.#inbound.written(owner);
    this.#queue.flush();
  }

  /** A record is gone. */
  deleted(owner: Recorded): void {
    if (owner instanceof OutboundPublish) this.#outbound.deleted(owner);
    else this.#inbound.written(owner);
    this.#queue.flush();
  }

  /** The record of a new publish could not be made. */
  failed(publish: OutboundPublish, error: MqttError): void {
    this.#outbound.failed(publish, error);
  }

  /** Whoever tracks the publish was told how it ended (`done`), or could not be. */
  settled(publish: OutboundPublish, done: boolean): void {
    this.#outbound.settled(publish, done);
  }

  /** All that was sent so far has been handed to the link. */
  answersHanded(): void {
    this.#inbound.answersHanded();
  }

  // Packets in

  /** PUBLISH. Throws a `ProtocolError` when the broker exceeds our Receive Maximum. */
  receivePublish(publish: Publish): void {
    this.#stats.inboundPublishes++;
    if (publish.qos === 0) this.#port.deliver(publish, undefined);
    else this.#inbound.receive(publish);
  }

  /** PUBREL. */
  receivePubrel(packet: AckPacket): void {
    this.#inbound.release(packet.packetId);
  }

  /** PUBACK. */
  receivePuback(packet: AckPacket): void {
    this.#outbound.receivePuback(packet);
  }

  /** PUBREC. */
  receivePubrec(packet: AckPacket): void {
    this.#outbound.receivePubrec(packet);
  }

  /** PUBCOMP. 0x92 ends the exchange as well: the broker has nothing left of it. */
  receivePubcomp(packet: AckPacket): void {
    this.#outbound.receivePubcomp(packet);
  }

  /** PINGRESP. */
  receivePingresp(): void {
    this.#inbound.pingAnswered();
  }

  /** SUBACK or UNSUBACK. Throws a `ProtocolError` when it has not one code a filter; the operation is asked again then. */
  receiveControlAck(packet: SubackPacket | UnsubackPacket): void {
    const owner = this.#ids.owner(packet.packetId);
    const name = packet.type === PacketType.Suback ? "SUBACK" : "UNSUBACK";
    const expected = packet.type === PacketType.Suback ? PacketType.Subscribe : PacketType.Unsubscribe;
    if (owner === undefined || owner instanceof OutboundPublish || owner.type !== expected) {
      this.#outbound.ignore(name, packet.packetId);
      return;
    }
    if (packet.reasonCodes.length !== owner.size) {
      const text = `The broker answered ${owner.size} filters with ${packet.reasonCodes.length} codes in ${name}`;
      throw new ProtocolError(ReasonCode.ProtocolError, text);
    }
    this.#ids.free(packet.packetId);
    this.#controlIds.delete(owner);
    const wanted = this.#control.delete(owner);
    this.#outbound.pump();
    if (wanted) owner.answered(packet);
  }

  // Inside

  #sendControl(operation: ControlOperation): void {
    if (this.#controlIds.has(operation)) return;
    const id = this.#ids.allocate(operation);
    if (id === 0) {
      this.#starved = true;
      return;
    }
    this.#controlIds.set(operation, id);
    if (operation.type === PacketType.Subscribe) this.#stats.subscribesSent++;
    else this.#stats.unsubscribesSent++;
    this.#port.send(operation.packet(id));
  }

  /** Identifiers may have come free: control operations that went without try again, in order. */
  #sendStarved(): void {
    this.#starved = false;
    for (const operation of this.#control) {
      this.#sendControl(operation);
      if (this.#starved) return;
    }
  }
}
