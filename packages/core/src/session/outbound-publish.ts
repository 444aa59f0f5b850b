// SPDX-License-Identifier: Apache-2.0
import { type AckPacket, type QoS, withMessageExpiry } from "@mqttv5/wire";
import type { Link } from "../chain.js";
import type { MqttError } from "../errors.js";
import { type PendingBytes, pendingCost } from "../pending-bytes.js";
import type { Settle } from "../store.js";

/** Where a QoS 1/2 publish stands. Small integers: compared on every acknowledgement. */
export const Phase = {
  /** Accepted, and nothing of it was sent in this session. */
  Accepted: 0,
  /** QoS 1: PUBLISH sent (section 4.3.2). */
  AwaitPuback: 1,
  /** QoS 2: PUBLISH sent (section 4.3.3). */
  AwaitPubrec: 2,
  /** QoS 2: PUBREC came, PUBREL is due or sent; the PUBLISH is never sent again [MQTT-4.3.3-6]. */
  AwaitPubcomp: 3,
  /** Settled; nothing refers to it but queues that skip it. */
  Done: 4,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** What is left to do for a publish that is done and has a record. Its identifier is free when the record is gone. */
export const Ending = {
  /** Nothing: it is not done, or has no record. */
  None: 0,
  /** Tracked: its outcome becomes durable before its owner is told. */
  Recording: 1,
  /** Tracked: its owner is being told. */
  Settling: 2,
  /** Tracked: nobody could be told; the record keeps the outcome until somebody adopts it. */
  Orphaned: 3,
  /** The record is being deleted. */
  Deleting: 4,
  /** Nobody knows: its record can't be read, and holds its identifier for as long as it is there. */
  Corrupt: 5,
} as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

/** Who waits for the end of a publish. */
export interface PublishWaiter {
  /** Acknowledged; `ack` may still hold a refusal of 0x80 or above. */
  acknowledged(ack: AckPacket): void;
  failed(error: MqttError): void;
}

/** One QoS 1/2 publish, from acceptance to its last acknowledgement. Belongs to the session; ends when it is done. */
export class OutboundPublish implements Link<OutboundPublish> {
  readonly qos: QoS;
  readonly retain: boolean;
  /** The encoded PUBLISH with DUP 0; the identifier is written in when it is assigned. */
  frame: Uint8Array;
  packetId = 0;
  phase: Phase = Phase.Accepted;
  /** Some connection was handed it at some time: only without this is it certainly not sent. */
  attempted = false;
  /** Holds a slot of this connection's send quota. */
  counted = false;
  /** When its Message Expiry Interval has run out, on the session's clock; Infinity without one. */
  readonly expiresAt: number;
  /** Nobody, once the caller stopped waiting. */
  waiter: PublishWaiter | undefined;
  /** Counts its bytes until a connection is first handed it. */
  #pending: PendingBytes | undefined;
  /** Order of publication in this session. */
  sequence = 0;
  /** Order in which the PUBRECs came; 0 before. */
  pubrecSequence = 0;
  /** A store was asked to keep a record of it. */
  recorded = false;
  /** Changes of its record that are not durable yet. */
  writes = 0;
  ending: Ending = Ending.None;
  /** How it ended, for its record. */
  outcome = 0;
  /** The refusal that its waiter is told once the record is gone: a refused publish must not come back. */
  refusal: AckPacket | undefined;
  /** A PUBREC that says more than "received", such as 0x10 or a reason: it is the answer, PUBCOMP only ends the exchange. */
  pubrec: AckPacket | undefined;
  /** What the owner of a tracked publish knows it by, at most 255 bytes. */
  ref: Uint8Array | undefined;
  /** Undefined as long as nobody adopted a restored one. */
  settle: Settle | undefined;
  /** Its neighbours among the unsettled publishes of its session. */
  previous: OutboundPublish | undefined;
  next: OutboundPublish | undefined;

  constructor(
    frame: Uint8Array,
    qos: QoS,
    retain: boolean,
    expiresAt: number,
    waiter: PublishWaiter | undefined,
    pending?: PendingBytes,
  ) {
    this.frame = frame;
    this.qos = qos;
    this.retain = retain;
    this.expiresAt = expiresAt;
    this.waiter = waiter;
    this.#pending = pending;
    pending?.add(pendingCost(frame.length));
  }

  /** It waits no more to be sent: a connection is handed it, or it is done. */
  leave(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    pending.remove(pendingCost(this.frame.length));
  }

  /** Takes a Packet Identifier and writes it into the frame, behind the topic. */
  assign(packetId: number): void {
    this.packetId = packetId;
    const frame = this.frame;
    let at = 1;
    while ((frame[at++] as number) & 0x80);
    at += 2 + (((frame[at] as number) << 8) | (frame[at + 1] as number));
    frame[at] = packetId >> 8;
    frame[at + 1] = packetId & 0xff;
  }

  /** Before it is first sent: the interval becomes what is left of it, in whole seconds, rounded up (section 3.3.2.3.3). */
  refreshExpiry(now: number): void {
    if (this.expiresAt === Infinity) return;
    this.frame = withMessageExpiry(this.frame, Math.ceil((this.expiresAt - now) / 1000));
  }
}

/** What is known about a publish that failed. */
export function delivery(publish: OutboundPublish): "not-sent" | "unknown" {
  return publish.attempted ? "unknown" : "not-sent";
}
