// SPDX-License-Identifier: Apache-2.0
import { PacketType, type Publish, ReasonCode } from "@mqttv5/wire";
import type { BufferedBytes } from "../buffered-bytes.js";
import { ProtocolError } from "../errors.js";
import { LazyMap } from "../lazy-map.js";
import { Ring } from "../ring.js";
import type { Stats } from "../stats.js";
import type { ControlQueue } from "./control-queue.js";
import { InboundMessage, type InboundOwner } from "./inbound-message.js";
import type { RecordPort } from "./record-port.js";

/** What the receiving half asks of its session's port. */
export interface InboundPort {
  readonly records?: RecordPort | undefined;
  deliver(publish: Publish, inbound: InboundMessage | undefined): void;
  /** A second message waits to be acked. */
  ackWaits?(): void;
}

/**
 * The receiving half of a session: QoS 1/2 messages from arrival to answer, answered strictly in the order in which they
 * arrived on the connection [MQTT-4.6.0-2, MQTT-4.6.0-3]. One of an earlier connection is answered when the broker sends it
 * again, as it must [MQTT-4.4.0-1]: an answer that crossed it would be a second one to come, and might meet the next message
 * of that identifier. Belongs to the session and outlives connections.
 */
export class Inbound implements InboundOwner {
  readonly #port: InboundPort;
  readonly #queue: ControlQueue;
  readonly #stats: Stats;
  readonly #receiveMaximum: number;
  readonly #buffered: BufferedBytes;
  /** Not yet answered, by Packet Identifier, the oldest first. */
  readonly #held = new LazyMap<number, InboundMessage>();
  /** Those of them that came, or came again, on this connection, in that order. May hold some whose identifier was used again. */
  readonly #order = new Ring<InboundMessage>();
  /** QoS 2: answered with PUBREC, waiting for PUBREL; a repeated PUBLISH is not delivered [MQTT-4.3.3-10]. */
  readonly #received = new LazyMap<number, InboundMessage>();
  /** QoS 2: PUBREL came, and the record is not deleted yet; PUBCOMP must not leave before, however often PUBREL comes. */
  readonly #releasing = new LazyMap<number, InboundMessage>();
  #connected = false;
  #now = 0;
  /** Counts connections, from 1: a message that is open has the number of the connection it is open on. */
  #connection = 0;
  /** PUBLISH packets of this connection whose exchange has not ended: what our Receive Maximum counts (section 4.9). */
  #open = 0;

  /**
   * Answered for the last time, in order, and not handed to the link: these answers were certainly not written, and the messages are
   * still known. The first `#encoded` are in what is handed next.
   */
  readonly #unwritten = new Ring<InboundMessage>();
  #encoded = 0;

  constructor(port: InboundPort, queue: ControlQueue, stats: Stats, receiveMaximum: number, buffered: BufferedBytes) {
    this.#port = port;
    this.#queue = queue;
    this.#stats = stats;
    this.#receiveMaximum = receiveMaximum;
    this.#buffered = buffered;
  }

  get hasState(): boolean {
    return this.#held.size > 0 || this.#received.size > 0;
  }

  connected(): void {
    this.#connected = true;
    this.#connection++;
    this.#open = 0;
    this.#order.clear();
  }

  /**
   * The broker has answered a PINGREQ: what it was to send again was sent before. It is told of what it seems not to await, in
   * case it does, or its Receive Maximum would be used up for good.
   */
  pingAnswered(): void {
    for (const message of this.#held.values()) {
      if (message.settled && !message.answered && !this.#isOpen(message)) this.#answer(message);
    }
  }

  /** Tells it what time it is. */
  advance(now: number): void {
    this.#now = now;
  }

  /** The oldest message that is not acked, and how many are not answered. */
  get unacked(): { readonly head: InboundMessage | undefined; readonly count: number } {
    const count = this.#waiting;
    for (const message of this.#held.values()) if (!message.settled) return { head: message, count };
    return { head: undefined, count };
  }

  disconnected(): void {
    this.#connected = false;
    // They are answered when the broker sends them again, as what is acked while there is no connection.
    for (const message of this.#unwritten) {
      message.answered = false;
      this.#buffered.add(message.size);
    }
    this.#unwritten.clear();
    this.#encoded = 0;
  }

  /** One of the last answers is being encoded for the link. */
  encoding(type: PacketType, reasonCode: number): void {
    if (type === PacketType.Puback || (type === PacketType.Pubrec && reasonCode >= 0x80)) this.#encoded++;
  }

  /** What has been encoded is handed to the link: it may be written from here on. */
  answersHanded(): void {
    for (; this.#encoded > 0; this.#encoded--) {
      const message = this.#unwritten.shift();
      if (message !== undefined && this.#held.get(message.packetId) === message) this.#held.delete(message.packetId);
    }
  }

  /** What a store kept: QoS 2 messages that were acked and not released. */
  restore(packetIds: readonly number[]): void {
    for (const id of packetIds) this.#received.set(id, new InboundMessage(id, 2, 0, this));
  }

  /** The session is gone: later acknowledgements of its messages do nothing. `records`: those are deleted as well. */
  discard(records = true): void {
    const { records: port } = this.#port;
    if (records && port !== undefined) {
      for (const message of this.#received.values()) if (!port.delete(message)) message.writes++;
    }
    this.#releasing.clear();
    this.#order.clear();
    for (const { packetId } of this.#unwritten) this.#held.delete(packetId);
    this.#unwritten.clear();
    this.#encoded = 0;
    for (const message of this.#held.values()) this.#forget(message);
    this.#received.clear();
  }

  /** A QoS 1/2 PUBLISH. */
  receive(publish: Publish): void {
    const id = publish.packetId;
    let held = this.#held.get(id);
    if (held?.answered === true) {
      if (publish.duplicate && publish.qos === held.qos) {
        this.#stats.inboundDuplicates++; // its answer is as good as on its way
        return;
      }
      this.#held.delete(id);
      held = undefined;
    }
    const received = this.#received.get(id);
    const again = this.#isOpen(held) || this.#isOpen(received);
    if (!again && this.#open >= this.#receiveMaximum) {
      throw new ProtocolError(
        ReasonCode.ReceiveMaximumExceeded,
        `The broker sent more than ${this.#receiveMaximum} unacknowledged messages`,
      );
    }
    this.#end(held);
    this.#end(received);
    this.#open++;
    if (held !== undefined) {
      // A first attempt, says DUP, so another message: the broker is done with the one before. But there are brokers that resend
      // without DUP: only what the application still holds from an earlier connection is taken for that.
      const first = publish.qos === 1 && !publish.duplicate && (again || held.settled);
      const reused = first || held.qos !== publish.qos;
      if (!reused) {
        held.connection = this.#connection;
        this.#repeated(held, again);
        return;
      }
      this.#forget(held);
    }
    if (received !== undefined && publish.qos === 2) {
      received.connection = this.#connection;
      this.#stats.inboundDuplicates++;
      this.#queue.send(PacketType.Pubrec, id, ReasonCode.Success, received);
      return;
    }
    if (this.#buffered.held > 2 * this.#buffered.maximum) {
      const text = `More than ${2 * this.#buffered.maximum} bytes of received messages wait to be acked`;
      throw new ProtocolError(ReasonCode.QuotaExceeded, text);
    }
    const size = publish.end - publish.start;
    const message = new InboundMessage(id, publish.qos, size, this, this.#now, this.#connection);
    this.#buffered.add(size);
    this.#held.set(id, message);
    this.#order.push(message);
    this.#port.deliver(publish, message);
    if (this.#waiting === 2) this.#port.ackWaits?.();
  }

  /** Sent again, over a resumed session: its one answer is still to come, now if the application is done with it. */
  #repeated(message: InboundMessage, again: boolean): void {
    this.#stats.inboundDuplicates++;
    if (again) return;
    this.#order.push(message);
    this.#flush();
  }

  /** PUBREL: the exchange ends, whether it is known or not [MQTT-4.3.3-11]. */
  release(packetId: number): void {
    const message = this.#received.get(packetId);
    const { records } = this.#port;
    this.#end(message);
    this.#end(this.#held.get(packetId));
    if (message !== undefined) {
      this.#received.delete(packetId);
      if (records !== undefined && !records.delete(message)) {
        message.writes++;
        this.#releasing.set(packetId, message);
      }
    }
    const gate = message ?? this.#releasing.get(packetId);
    const reasonCode = gate === undefined ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success;
    this.#queue.send(PacketType.Pubcomp, packetId, reasonCode, gate);
  }

  /** The record of a message became durable, or is gone. */
  written(message: InboundMessage): void {
    message.writes--;
    if (message.writes === 0 && this.#releasing.get(message.packetId) === message) {
      this.#releasing.delete(message.packetId);
    }
  }

  settled(_message: InboundMessage): void {
    if (this.#connected) this.#flush();
  }

  /** Answers the settled messages at the head, and stops at the first that is not. */
  #flush(): void {
    for (let head = this.#order.peek(); head !== undefined; head = this.#order.peek()) {
      const current = head.owner !== undefined; // else its identifier was used again
      if (current && !head.settled) return;
      this.#order.shift();
      if (current) this.#answer(head);
    }
  }

  #answer(message: InboundMessage): void {
    const { packetId, qos, reasonCode } = message;
    if (qos === 2 && reasonCode < 0x80) {
      this.#forget(message);
      this.#remember(message);
    } else {
      message.answered = true;
      this.#buffered.remove(message.size);
      this.#end(message);
      this.#unwritten.push(message);
    }
    this.#queue.send(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, reasonCode, message);
  }

  #isOpen(message: InboundMessage | undefined): boolean {
    return message !== undefined && message.connection === this.#connection;
  }

  /** Its exchange has ended, if it was open. */
  #end(message: InboundMessage | undefined): void {
    if (message === undefined || message.connection !== this.#connection) return;
    message.connection = 0;
    this.#open--;
  }

  /** How many are not answered. */
  get #waiting(): number {
    return this.#held.size - this.#unwritten.size;
  }

  /** From here on its acknowledgement does nothing. */
  #forget(message: InboundMessage): void {
    this.#held.delete(message.packetId);
    message.owner = undefined;
    this.#buffered.remove(message.size);
  }

  /** From its PUBREC to its PUBREL [MQTT-4.3.3-9]. */
  #remember(message: InboundMessage): void {
    this.#received.set(message.packetId, message);
    const { records } = this.#port;
    if (records !== undefined && !records.put(message, false)) message.writes++;
  }
}
