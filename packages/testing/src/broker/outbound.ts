// SPDX-License-Identifier: Apache-2.0

import { PacketType, type PublishPacket, ReasonCode } from "@mqttv5/wire";
import type { Clock } from "../clock.js";
import { Fifo } from "../fifo.js";
import { forwardedProperties, isExpired } from "./message.js";
import type { Delivery } from "./subscription.js";

/** Where a session's packets leave: the connection it has at the moment. */
export interface Outlet {
  /** The client's Receive Maximum on this connection. */
  readonly receiveMaximum: number;
  /** False while the link's buffer is full. */
  readonly writable: boolean;
  /** Says false, and sends nothing, if the packet is larger than the client accepts. */
  publish(packet: PublishPacket): boolean;
  release(packetId: number, reasonCode: number): void;
}

/** How much may wait for one session. */
export interface OutboundLimits {
  readonly maximumQueuedMessages: number;
  readonly maximumQueuedBytes: number;
  readonly queueQoS0: boolean;
}

const LAST_PACKET_ID = 65535;

/**
 * What a session sends: the queue, the QoS 1 and 2 exchanges, the send quota and the packet identifiers.
 *
 * Lives as long as the session; what belongs to one connection is reset by {@link attach}.
 */
export class Outbound {
  readonly #clock: Clock;
  readonly #limits: () => OutboundLimits;

  /** QoS 1 and 2, which wait for the quota, the link or a connection. */
  readonly #queue: Fifo<Delivery> = new Fifo();
  /** QoS 0, which waits for the link alone. */
  readonly #queueQoS0: Fifo<Delivery> = new Fifo();
  #queuedBytes = 0;
  /** PUBLISH packets sent and not answered, by identifier, in the order of their first sending. */
  readonly #unacknowledged: Map<number, Delivery> = new Map();
  /** Identifiers of PUBREL packets sent and not answered, in the order of their PUBRECs. */
  readonly #unreleased: Set<number> = new Set();
  #lastPacketId = 0;
  #dropped = 0;

  // One connection.
  #outlet: Outlet | undefined;
  /** Identifiers of `#unacknowledged` that this connection has yet to see. */
  readonly #unsent: Set<number> = new Set();
  #pumping = false;

  constructor(clock: Clock, limits: () => OutboundLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get queued(): number {
    return this.#queue.size + this.#queueQoS0.size;
  }

  get inFlight(): number {
    return this.#unacknowledged.size + this.#unreleased.size;
  }

  /** Messages lost to the limits of the queue or to the client's Maximum Packet Size. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The session has a connection: sends again what is unacknowledged, and only now. [MQTT-4.4.0-1] */
  attach(outlet: Outlet): void {
    this.#outlet = outlet;
    for (const packetId of this.#unreleased) outlet.release(packetId, ReasonCode.Success);
    for (const packetId of this.#unacknowledged.keys()) this.#unsent.add(packetId);
    this.pump();
  }

  detach(): void {
    this.#outlet = undefined;
    this.#unsent.clear();
    if (!this.#limits().queueQoS0) while (this.#dequeue(this.#queueQoS0));
  }

  deliver(delivery: Delivery): void {
    const limits = this.#limits();
    if (delivery.qos === 0 && !this.#outlet && !limits.queueQoS0) return;
    const size = sizeOf(delivery);
    if (this.queued >= limits.maximumQueuedMessages || this.#queuedBytes + size > limits.maximumQueuedBytes) {
      this.#dropped += 1;
      return;
    }
    (delivery.qos === 0 ? this.#queueQoS0 : this.#queue).push(delivery);
    this.#queuedBytes += size;
    this.pump();
  }

  /** Sends what the quota and the link allow: first what the last connection left, then the queue. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#outlet?.writable && this.#sendNext(this.#outlet));
    } finally {
      this.#pumping = false;
    }
  }

  /** Says false if the identifier belongs to another kind of exchange. */
  acknowledged(packetId: number): boolean {
    if (this.#unacknowledged.get(packetId)?.qos === 2 || this.#unreleased.has(packetId)) return false;
    this.#settle(packetId);
    this.pump();
    return true;
  }

  /** PUBREC. Says false if the identifier belongs to another kind of exchange. */
  received(packetId: number, reasonCode: number): boolean {
    const delivery = this.#unacknowledged.get(packetId);
    if (delivery?.qos === 1) return false;
    if (delivery && reasonCode >= 0x80) {
      this.#settle(packetId); // [MQTT-4.4.0-2]
      this.pump();
    } else if (delivery || this.#unreleased.has(packetId)) {
      this.#settle(packetId);
      this.#unreleased.add(packetId);
      this.#outlet?.release(packetId, ReasonCode.Success); // [MQTT-4.3.3-4]
    } else {
      this.#outlet?.release(packetId, ReasonCode.PacketIdentifierNotFound);
    }
    return true;
  }

  /** PUBCOMP. Says false if the identifier belongs to another kind of exchange. */
  completed(packetId: number): boolean {
    if (this.#unacknowledged.has(packetId)) return false;
    this.#unreleased.delete(packetId);
    this.pump();
    return true;
  }

  /**
   * The session is over: empties it and gives what another member of a shared subscription may have instead. A QoS 2
   * message whose PUBLISH was sent is not among it. [MQTT-4.8.2-5]
   */
  takeShared(): Delivery[] {
    const started = [...this.#unacknowledged.values()].filter(({ qos }) => qos === 1);
    const waiting: Delivery[] = [];
    for (const queue of [this.#queue, this.#queueQoS0]) {
      for (let next = this.#dequeue(queue); next; next = this.#dequeue(queue)) waiting.push(next);
    }
    this.#unacknowledged.clear();
    this.#unreleased.clear();
    return [...started, ...waiting].filter(({ share }) => share !== undefined);
  }

  #sendNext(outlet: Outlet): boolean {
    return this.#resendOne(outlet) || this.#sendOne(outlet) || this.#sendOneQoS0(outlet);
  }

  #resendOne(outlet: Outlet): boolean {
    const [packetId] = this.#unsent;
    const delivery = packetId === undefined ? undefined : this.#unacknowledged.get(packetId);
    if (packetId === undefined || !delivery || this.#quotaUsed >= outlet.receiveMaximum) return false;
    this.#unsent.delete(packetId);
    if (!outlet.publish(this.#packetOf(delivery, packetId, true))) this.#discard(packetId);
    return true;
  }

  #sendOne(outlet: Outlet): boolean {
    const next = this.#queue.first;
    if (!next || this.#quotaUsed >= outlet.receiveMaximum) return false; // [MQTT-3.3.4-9]
    const packetId = this.#freePacketId();
    if (packetId === 0) return false;
    this.#dequeue(this.#queue);
    if (isExpired(next.message, this.#clock.now())) return true; // [MQTT-3.3.2-5]
    this.#unacknowledged.set(packetId, next);
    if (!outlet.publish(this.#packetOf(next, packetId, false))) this.#discard(packetId);
    return true;
  }

  #sendOneQoS0(outlet: Outlet): boolean {
    const next = this.#dequeue(this.#queueQoS0);
    if (!next) return false;
    if (isExpired(next.message, this.#clock.now())) return true;
    if (!outlet.publish(this.#packetOf(next, 0, false))) this.#dropped += 1;
    return true;
  }

  #settle(packetId: number): void {
    this.#unacknowledged.delete(packetId);
    this.#unsent.delete(packetId);
  }

  /** The client would refuse the packet: as if it had been sent. [MQTT-3.1.2-25] */
  #discard(packetId: number): void {
    this.#settle(packetId);
    this.#dropped += 1;
  }

  /** A QoS 2 exchange holds its place until PUBCOMP, also one that an earlier connection began. Section 4.9. */
  get #quotaUsed(): number {
    return this.#unacknowledged.size - this.#unsent.size + this.#unreleased.size;
  }

  #packetOf(delivery: Delivery, packetId: number, duplicate: boolean): PublishPacket {
    return {
      type: PacketType.Publish,
      topic: delivery.message.topic,
      payload: delivery.message.payload,
      qos: delivery.qos,
      retain: delivery.retain,
      duplicate,
      packetId,
      properties: forwardedProperties(delivery.message, delivery.identifiers, this.#clock.now()),
    };
  }

  #dequeue(queue: Fifo<Delivery>): Delivery | undefined {
    const delivery = queue.shift();
    if (delivery) this.#queuedBytes -= sizeOf(delivery);
    return delivery;
  }

  /** The next unused identifier; 0 if all are in use. [MQTT-2.2.1-4] */
  #freePacketId(): number {
    if (this.inFlight >= LAST_PACKET_ID) return 0;
    let packetId = this.#lastPacketId;
    do packetId = (packetId % LAST_PACKET_ID) + 1;
    while (this.#unacknowledged.has(packetId) || this.#unreleased.has(packetId));
    this.#lastPacketId = packetId;
    return packetId;
  }
}

/** Roughly what a waiting message costs. */
function sizeOf({ message }: Delivery): number {
  return message.topic.length + message.payload.length + 100;
}
