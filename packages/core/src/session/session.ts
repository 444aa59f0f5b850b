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
import { MqttError, ProtocolError } from "../errors.js";
import { Ring } from "../ring.js";
import type { Stats } from "../stats.js";
import { Inbound } from "./inbound.js";
import type { InboundMessage } from "./inbound-message.js";
import { delivery, OutboundPublish, Phase } from "./outbound-publish.js";
import { PacketIdentifiers } from "./packet-identifiers.js";

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
  /** Sends a packet. Called only between `connected` and `disconnected`. */
  send(packet: Packet): void;
  /** Sends an encoded PUBLISH, with DUP set if `duplicate`. */
  sendPublish(frame: Uint8Array, duplicate: boolean): void;
  /** A message for the application. `inbound` is what answers the broker; undefined at QoS 0. */
  deliver(publish: Publish, inbound: InboundMessage | undefined): void;
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
}

/** What the connection of the moment allows. */
export interface SessionLimits {
  readonly receiveMaximum: number;
  /** Why this publish must not be sent here, if so. */
  refusal(publish: OutboundPublish): MqttError | undefined;
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
  /** All unsettled publishes, in the order they were accepted [MQTT-4.6.0-1]. */
  readonly #outbound = new Set<OutboundPublish>();
  /** Those past their PUBREC, in the order the PUBRECs came [MQTT-4.6.0-4]. */
  readonly #released = new Set<OutboundPublish>();
  /** To be sent as soon as quota and identifiers allow, in order. May hold some that are done: they are skipped. */
  readonly #waiting = new Ring<OutboundPublish>();
  /** Unanswered, in the order asked. */
  readonly #control = new Set<ControlOperation>();
  /** Of those and of forgotten ones: the identifier under which they were sent on this connection. */
  readonly #controlIds = new Map<ControlOperation, number>();
  readonly #inbound: Inbound;
  #limits: SessionLimits | undefined;
  #quota = 0;
  /** Operations that found every identifier taken. */
  #starved = false;
  #now = 0;

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
    this.#inbound = new Inbound(port, stats, receiveMaximum, buffered);
  }

  /** Whether anything would be lost if the broker forgot the session. */
  get hasState(): boolean {
    return this.#outbound.size > 0 || this.#inbound.hasState;
  }

  /** Whether an answer of the broker's is awaited: it has to be read, however much is buffered. */
  get asking(): boolean {
    return this.#outbound.size > 0 || this.#control.size > 0;
  }

  /** Tells the session what time it is; only Message Expiry depends on it. */
  advance(now: number): void {
    this.#now = now;
  }

  // Life of a connection

  /** A connection is up. `present`: the broker still holds the session [MQTT-3.2.2-4, MQTT-3.2.2-5]. */
  connected(present: boolean, limits: SessionLimits): void {
    this.#limits = limits;
    this.#quota = limits.receiveMaximum; // anew on every connection [MQTT-4.9.0-1]
    this.#stats.sendQuota = this.#quota;
    if (!present) this.#startAnew();
    // At no other time is anything resent [MQTT-4.4.0-1]. A resumed PUBREL takes no slot, so its PUBCOMP returns none.
    for (const publish of this.#released) this.#sendPubrel(publish.packetId, ReasonCode.Success);
    this.#inbound.connected();
    for (const operation of this.#control) this.#sendControl(operation);
    this.#queueAll();
    this.#pump();
  }

  /** The connection is gone. Everything is kept [MQTT-3.1.2-23]. */
  disconnected(): void {
    this.#limits = undefined;
    this.#quota = 0;
    this.#stats.sendQuota = 0;
    this.#inbound.disconnected();
    for (const publish of this.#outbound) publish.counted = false;
    // The broker's answers to these belong to the lost connection; they will be asked again under new identifiers.
    for (const [operation, id] of this.#controlIds) {
      this.#ids.free(id);
      this.#controlIds.delete(operation);
    }
  }

  /** Fails the publishes that `lost` picks, because the session they belong to is gone. */
  abandon(lost: (publish: OutboundPublish) => boolean, error: (publish: OutboundPublish) => MqttError): void {
    for (const publish of this.#outbound) if (lost(publish)) this.#fail(publish, error(publish));
  }

  /**
   * The client closes: whoever waits is told. What no connection was handed is withdrawn; the rest stays for the next
   * connection if the broker keeps the session (`held`).
   */
  release(held: boolean, error: (publish: OutboundPublish) => MqttError): void {
    for (const publish of this.#outbound) {
      const failure = error(publish);
      if (!held || !publish.attempted) {
        this.#fail(publish, failure);
        continue;
      }
      publish.waiter?.failed(failure);
      publish.waiter = undefined;
    }
    if (!held) this.#inbound.discard();
  }

  /** Withdraws a publish that no connection was ever handed. True if it was: it will certainly not be sent. */
  withdraw(publish: OutboundPublish): boolean {
    if (publish.attempted || publish.phase === Phase.Done) return false;
    this.#finish(publish);
    // While the broker takes nothing, what was withdrawn must not fill the queue.
    if (this.#waiting.size > 2 * this.#outbound.size + 64) this.#queueAll();
    return true;
  }

  // Commands

  /** Takes over a publish: from here it is sent until it is acknowledged, whatever happens to connections. */
  publish(publish: OutboundPublish): void {
    this.#outbound.add(publish);
    this.#stats.publishesInflight++;
    this.#waiting.push(publish);
    this.#pump();
  }

  /** Takes over a SUBSCRIBE or UNSUBSCRIBE; sent now, or on the next connection. */
  request(operation: ControlOperation): void {
    this.#control.add(operation);
    if (this.#limits !== undefined) this.#sendControl(operation);
  }

  /** Forgets an operation; an answer that still comes is ignored. */
  forget(operation: ControlOperation): void {
    this.#control.delete(operation);
    // Its identifier stays taken while the connection lasts: the broker may still answer it.
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
    const publish = this.#sent(packet.packetId, Phase.AwaitPuback);
    if (publish === undefined) this.#ignore("PUBACK", packet.packetId);
    else this.#acknowledge(publish, packet); // whatever its code: not retransmitted [MQTT-4.4.0-2]
  }

  /** PUBREC. */
  receivePubrec(packet: AckPacket): void {
    const owner = this.#ids.owner(packet.packetId);
    if (owner instanceof OutboundPublish && owner.phase === Phase.AwaitPubcomp) {
      this.#sendPubrel(packet.packetId, ReasonCode.Success);
      return;
    }
    const publish = this.#sent(packet.packetId, Phase.AwaitPubrec);
    if (publish === undefined) {
      this.#ignore("PUBREC", packet.packetId);
      // An identifier of something else must not be released by this answer.
      if (owner === undefined) this.#sendPubrel(packet.packetId, ReasonCode.PacketIdentifierNotFound);
      return;
    }
    if (packet.reasonCode >= 0x80) {
      this.#acknowledge(publish, packet);
      return;
    }
    publish.phase = Phase.AwaitPubcomp;
    this.#released.add(publish);
    this.#sendPubrel(packet.packetId, ReasonCode.Success); // [MQTT-4.3.3-4]
  }

  /** PUBCOMP. 0x92 ends the exchange as well: the broker has nothing left of it. */
  receivePubcomp(packet: AckPacket): void {
    const publish = this.#sent(packet.packetId, Phase.AwaitPubcomp);
    if (publish === undefined) this.#ignore("PUBCOMP", packet.packetId);
    else this.#acknowledge(publish, packet.reasonCode === 0 ? packet : { ...packet, reasonCode: ReasonCode.Success });
  }

  /** SUBACK or UNSUBACK. Throws a `ProtocolError` when it has not one code a filter; the operation is asked again then. */
  receiveControlAck(packet: SubackPacket | UnsubackPacket): void {
    const owner = this.#ids.owner(packet.packetId);
    const expected = packet.type === PacketType.Suback ? PacketType.Subscribe : PacketType.Unsubscribe;
    if (owner === undefined || owner instanceof OutboundPublish || owner.type !== expected) {
      this.#ignore(packet.type === PacketType.Suback ? "SUBACK" : "UNSUBACK", packet.packetId);
      return;
    }
    if (packet.reasonCodes.length !== owner.size) {
      const name = packet.type === PacketType.Suback ? "SUBACK" : "UNSUBACK";
      throw new ProtocolError(
        ReasonCode.ProtocolError,
        `The broker answered ${owner.size} filters with ${packet.reasonCodes.length} codes in ${name}`,
      );
    }
    this.#ids.free(packet.packetId);
    this.#controlIds.delete(owner);
    const wanted = this.#control.delete(owner);
    this.#pump();
    if (wanted) owner.answered(packet);
  }

  // Inside

  /** The broker has lost the session: what was in flight becomes new [MQTT-3.2.2-5]. */
  #startAnew(): void {
    this.#inbound.discard();
    this.#released.clear();
    for (const publish of this.#outbound) publish.phase = Phase.Accepted;
  }

  /** Puts into the queue what has to be sent, or sent again, on this connection. */
  #queueAll(): void {
    this.#waiting.clear();
    for (const publish of this.#outbound) {
      if (publish.phase !== Phase.AwaitPubcomp && !publish.counted) this.#waiting.push(publish);
    }
  }

  /** Sends what waits, as far as quota and identifiers reach [MQTT-4.9.0-2]. */
  #pump(): void {
    const limits = this.#limits;
    if (limits === undefined) return;
    if (this.#starved) this.#sendStarved();
    while (this.#quota > 0) {
      const publish = this.#waiting.peek();
      if (publish === undefined) return;
      if (publish.phase === Phase.Done) {
        this.#waiting.shift();
        continue;
      }
      if (publish.packetId === 0) {
        const id = this.#ids.allocate(publish);
        if (id === 0) return; // an acknowledgement frees one
        publish.assign(id);
      }
      this.#waiting.shift();
      const refusal = this.#refusal(publish, limits);
      if (refusal !== undefined) this.#fail(publish, refusal);
      else this.#send(publish);
    }
  }

  #refusal(publish: OutboundPublish, limits: SessionLimits): MqttError | undefined {
    // Expiry never cancels what was already sent in this session [MQTT-4.3.3-7].
    if (publish.phase === Phase.Accepted && publish.expiresAt <= this.#now) {
      return new MqttError("MESSAGE_EXPIRED", "The message expired before it could be sent", {
        delivery: delivery(publish),
      });
    }
    return limits.refusal(publish);
  }

  #send(publish: OutboundPublish): void {
    const duplicate = publish.phase !== Phase.Accepted; // [MQTT-3.3.1-1, MQTT-3.3.1-3]
    if (duplicate) {
      this.#stats.publishesReplayed++;
    } else {
      this.#stats.publishesSent++;
      publish.refreshExpiry(this.#now);
      publish.phase = publish.qos === 1 ? Phase.AwaitPuback : Phase.AwaitPubrec;
    }
    publish.attempted = true;
    publish.leave();
    publish.counted = true;
    this.#stats.sendQuota = --this.#quota;
    this.#port.sendPublish(publish.frame, duplicate);
  }

  #sendPubrel(packetId: number, reasonCode: number): void {
    this.#port.send({ type: PacketType.Pubrel, packetId, reasonCode });
  }

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

  /** The publish that this acknowledgement answers, if it was sent and is in that phase. */
  #sent(packetId: number, phase: Phase): OutboundPublish | undefined {
    const owner = this.#ids.owner(packetId);
    return owner instanceof OutboundPublish && owner.phase === phase ? owner : undefined;
  }

  #acknowledge(publish: OutboundPublish, ack: AckPacket): void {
    this.#finish(publish);
    this.#stats.publishesAcked++;
    this.#pump();
    publish.waiter?.acknowledged(ack);
  }

  #fail(publish: OutboundPublish, error: MqttError): void {
    this.#finish(publish);
    publish.waiter?.failed(error);
  }

  /** Gives back what the publish held: identifier, quota, its places in order. */
  #finish(publish: OutboundPublish): void {
    publish.phase = Phase.Done;
    publish.leave();
    if (publish.packetId !== 0) this.#ids.free(publish.packetId);
    this.#outbound.delete(publish);
    this.#released.delete(publish);
    this.#stats.publishesInflight--;
    // Only a slot taken on this connection is given back (section 4.9).
    if (publish.counted && this.#limits !== undefined) this.#stats.sendQuota = ++this.#quota;
    publish.counted = false;
  }

  /** Identifiers may have come free: control operations that went without try again, in order. */
  #sendStarved(): void {
    this.#starved = false;
    for (const operation of this.#control) {
      this.#sendControl(operation);
      if (this.#starved) return;
    }
  }

  #ignore(packet: string, packetId: number): void {
    this.#stats.acksIgnored++;
    this.#port.ackIgnored(packet, packetId);
  }
}
