// SPDX-License-Identifier: Apache-2.0

/** Who is told when a received message has been settled by all its holders. */
export interface InboundOwner {
  settled(message: InboundMessage): void;
}

/**
 * A received QoS 1/2 message that the broker waits to have answered. Several subscriptions may hold it; the broker is
 * answered when all have settled, and the first refusal's code wins. Belongs to the session; an acknowledgement after
 * the session was lost does nothing.
 */
export class InboundMessage {
  readonly packetId: number;
  readonly qos: number;
  /** Bytes of the packet. */
  readonly size: number;
  /** Who still has to settle it. */
  holders = 1;
  reasonCode = 0;
  settled = false;
  /** QoS 2: changes of its record that are not durable yet. */
  writes = 0;
  /** Undefined once the session it belongs to is gone. */
  owner: InboundOwner | undefined;

  constructor(packetId: number, qos: number, size: number, owner: InboundOwner) {
    this.packetId = packetId;
    this.qos = qos;
    this.size = size;
    this.owner = owner;
  }

  /** One more subscription holds it. */
  hold(): void {
    this.holders++;
  }

  /** One holder is done with it. Each holder calls this once. */
  settle(reasonCode: number): void {
    if (this.reasonCode < 0x80 && reasonCode >= 0x80) this.reasonCode = reasonCode;
    if (--this.holders > 0) return;
    this.settled = true;
    this.owner?.settled(this);
  }
}
