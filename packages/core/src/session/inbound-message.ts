// SPDX-License-Identifier: Apache-2.0

/** Who is told when a received message has been settled by all its holders. */
export interface InboundOwner {
  settled(message: InboundMessage): void;
}

/** A subscription, known by its filters. */
export type Holder = readonly { readonly filter: string }[];

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
  /** On the session's clock. */
  readonly arrivedAt: number;
  /** The Topic Name, once it is known who holds it. */
  topic = "";
  /** How many still have to settle it. */
  holders = 1;
  /** The subscriptions among them: the first, and if there are several the rest. */
  #first: Holder | undefined;
  #others: Holder[] | undefined;
  reasonCode = 0;
  settled = false;
  /** Its last answer is about to be handed to the link. */
  answered = false;
  /** The connection on which its exchange goes on, as the session counts them; 0 if on none. */
  connection: number;
  /** QoS 2: changes of its record that are not durable yet. */
  writes = 0;
  /** Undefined once the session it belongs to is gone. */
  owner: InboundOwner | undefined;

  constructor(packetId: number, qos: number, size: number, owner: InboundOwner, arrivedAt = 0, connection = 0) {
    this.packetId = packetId;
    this.qos = qos;
    this.size = size;
    this.owner = owner;
    this.arrivedAt = arrivedAt;
    this.connection = connection;
  }

  /** One more subscription holds it. */
  hold(topic = "", holder?: Holder): void {
    this.holders++;
    this.topic = topic;
    if (this.#first === undefined) this.#first = holder;
    else if (holder !== undefined) (this.#others ??= []).push(holder);
  }

  /** The filters of the subscriptions that have not settled it, for a log. */
  get heldBy(): string {
    const holders = [...(this.#first ?? []), ...(this.#others ?? []).flat()];
    return holders.map(({ filter }) => filter).join(", ");
  }

  /** One holder is done with it. Each holder calls this once. */
  settle(reasonCode: number, holder?: Holder): void {
    if (this.reasonCode < 0x80 && reasonCode >= 0x80) this.reasonCode = reasonCode;
    if (--this.holders > 0) {
      if (holder !== undefined && this.#others !== undefined) this.#leave(holder, this.#others);
      return;
    }
    this.settled = true;
    this.owner?.settled(this);
  }

  #leave(holder: Holder, others: Holder[]): void {
    if (this.#first === holder) this.#first = others.shift();
    else if (others.includes(holder)) others.splice(others.indexOf(holder), 1);
  }
}
