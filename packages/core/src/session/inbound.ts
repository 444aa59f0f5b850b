// SPDX-License-Identifier: Apache-2.0
import { type Packet, PacketType, type Publish, ReasonCode } from "@mqttv5/wire";
import type { BufferedBytes } from "../buffered-bytes.js";
import { ProtocolError } from "../errors.js";
import { Ring } from "../ring.js";
import type { Stats } from "../stats.js";
import { InboundMessage, type InboundOwner } from "./inbound-message.js";

/** What the receiving half asks of its session's port. */
export interface InboundPort {
  send(packet: Packet): void;
  deliver(publish: Publish, inbound: InboundMessage | undefined): void;
}

/**
 * The receiving half of a session: QoS 1/2 messages from arrival to answer, answered strictly in order of arrival
 * [MQTT-4.6.0-2, MQTT-4.6.0-3]. Belongs to the session and outlives connections.
 */
export class Inbound implements InboundOwner {
  readonly #port: InboundPort;
  readonly #stats: Stats;
  readonly #receiveMaximum: number;
  readonly #buffered: BufferedBytes;
  /** Not yet answered, in order of arrival. */
  readonly #order = new Ring<InboundMessage>();
  /** The same by Packet Identifier. */
  readonly #held = new Map<number, InboundMessage>();
  /** QoS 2: answered with PUBREC, waiting for PUBREL; a repeated PUBLISH is not delivered [MQTT-4.3.3-10]. */
  readonly #received = new Set<number>();
  #connected = false;
  /** PUBLISH packets of this connection whose exchange has not ended: what our Receive Maximum counts (section 4.9). */
  readonly #open = new Set<number>();
  /** Answered on this connection for the last time before the broker's resending arrived: it is under way, and needs no answer. */
  readonly #overtaken = new Set<number>();

  constructor(port: InboundPort, stats: Stats, receiveMaximum: number, buffered: BufferedBytes) {
    this.#port = port;
    this.#stats = stats;
    this.#receiveMaximum = receiveMaximum;
    this.#buffered = buffered;
  }

  get hasState(): boolean {
    return this.#held.size > 0 || this.#received.size > 0;
  }

  /** A connection is up: acknowledgements given while there was none leave now. */
  connected(): void {
    this.#connected = true;
    this.#open.clear();
    this.#overtaken.clear();
    this.#flush();
  }

  disconnected(): void {
    this.#connected = false;
  }

  /** The session is gone: later acknowledgements of its messages do nothing. */
  discard(): void {
    for (const message of this.#order) {
      message.owner = undefined;
      this.#buffered.remove(message.size);
    }
    this.#order.clear();
    this.#held.clear();
    this.#received.clear();
  }

  /** A QoS 1/2 PUBLISH. */
  receive(publish: Publish): void {
    const id = publish.packetId;
    if (this.#overtaken.delete(id) && publish.duplicate) {
      // Taken for a new message it would be held under an identifier that the broker is about to use for another.
      this.#stats.inboundDuplicates++;
      return;
    }
    if (!this.#open.has(id) && this.#open.size >= this.#receiveMaximum) {
      throw new ProtocolError(
        ReasonCode.ReceiveMaximumExceeded,
        `The broker sent more than ${this.#receiveMaximum} unacknowledged messages`,
      );
    }
    this.#open.add(id);
    if (this.#held.has(id)) {
      // Sent again over a resumed session while the application holds it: its one answer is still to come.
      this.#stats.inboundDuplicates++;
      return;
    }
    if (publish.qos === 2 && this.#received.has(id)) {
      this.#stats.inboundDuplicates++;
      this.#port.send({ type: PacketType.Pubrec, packetId: id, reasonCode: ReasonCode.Success });
      return;
    }
    if (this.#buffered.held > 2 * this.#buffered.maximum) {
      const text = `More than ${2 * this.#buffered.maximum} bytes of received messages wait to be acked`;
      throw new ProtocolError(ReasonCode.QuotaExceeded, text);
    }
    const size = publish.end - publish.start;
    const message = new InboundMessage(id, publish.qos, size, this);
    this.#buffered.add(size);
    this.#held.set(id, message);
    this.#order.push(message);
    this.#port.deliver(publish, message);
  }

  /** PUBREL: the exchange ends, whether it is known or not [MQTT-4.3.3-11]. */
  release(packetId: number): void {
    const known = this.#received.delete(packetId);
    this.#open.delete(packetId);
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    this.#port.send({ type: PacketType.Pubcomp, packetId, reasonCode });
  }

  settled(_message: InboundMessage): void {
    if (this.#connected) this.#flush();
  }

  /** Answers the settled messages at the head, and stops at the first that is not. */
  #flush(): void {
    for (let head = this.#order.peek(); head?.settled; head = this.#order.peek()) {
      this.#order.shift();
      this.#held.delete(head.packetId);
      head.owner = undefined;
      this.#buffered.remove(head.size);
      if (head.qos === 2 && head.reasonCode < 0x80)
        this.#received.add(head.packetId); // [MQTT-4.3.3-9]
      else if (!this.#open.delete(head.packetId)) this.#overtaken.add(head.packetId);
      const type = head.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
      this.#port.send({ type, packetId: head.packetId, reasonCode: head.reasonCode });
    }
  }
}
