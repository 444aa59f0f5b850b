// SPDX-License-Identifier: Apache-2.0
import { type AckPacket, PacketType, ReasonCode } from "@mqttv5/wire";
import { Chain } from "../chain.js";
import { MqttError } from "../errors.js";
import { Ring } from "../ring.js";
import type { Stats } from "../stats.js";
import { Outcome } from "../store.js";
import { completed, explains, kept } from "./answer.js";
import type { ControlQueue } from "./control-queue.js";
import { Endings, outcomeOf, putRecord } from "./endings.js";
import { delivery, OutboundPublish, Phase } from "./outbound-publish.js";
import type { PacketIdentifiers } from "./packet-identifiers.js";
import type { RecordPort } from "./record-port.js";

/** What the sending half asks of its session and the session's port. */
export interface OutboundPort {
  readonly records?: RecordPort | undefined;
  /** Sends an encoded PUBLISH, with DUP set if `duplicate`; `alone` if it is the only one that is not settled. */
  sendPublish(frame: Uint8Array, duplicate: boolean, alone: boolean): void;
  /** An acknowledgement that belongs to nothing, for the log. */
  ackIgnored(packet: string, packetId: number): void;
}

/** What the connection of the moment allows. */
export interface SessionLimits {
  readonly receiveMaximum: number;
  /** Why this publish must not be sent here, if so. */
  refusal(publish: OutboundPublish): MqttError | undefined;
}

/**
 * The sending half of a session: QoS 1/2 publishes from acceptance to their last acknowledgement, send quota, and what has
 * to be durable before what is sent. Belongs to the session and outlives connections.
 */
export class Outbound {
  readonly #port: OutboundPort;
  readonly #queue: ControlQueue;
  readonly #stats: Stats;
  readonly #ids: PacketIdentifiers<unknown>;
  /** Called where identifiers may have come free. */
  readonly #freed: () => void;
  /** All unsettled publishes, in the order they were accepted [MQTT-4.6.0-1]. */
  readonly #unsettled = new Chain<OutboundPublish>();
  /** Those that are done and whose record is not gone. */
  readonly endings: Endings;
  /** To be sent as soon as quota and identifiers allow, in order. May hold some that are done: they are skipped. */
  readonly #waiting = new Ring<OutboundPublish>();
  /** To be sent as soon as their records are durable, in order: they hold quota and an identifier. May hold some that are done. */
  readonly #ready = new Ring<OutboundPublish>();
  #limits: SessionLimits | undefined;
  #quota = 0;
  #now = 0;
  #sequence = 0;
  #pubrecSequence = 0;

  constructor(
    port: OutboundPort,
    queue: ControlQueue,
    stats: Stats,
    ids: PacketIdentifiers<unknown>,
    freed: () => void,
  ) {
    this.#port = port;
    this.endings = new Endings(port, ids);
    this.#queue = queue;
    this.#stats = stats;
    this.#ids = ids;
    this.#freed = freed;
  }

  get hasState(): boolean {
    return this.#unsettled.size > 0 || this.endings.size > 0;
  }

  /** Whether an acknowledgement is awaited. */
  get asking(): boolean {
    return this.#unsettled.size > 0;
  }

  advance(now: number): void {
    this.#now = now;
  }

  // Life of a connection

  /** A connection is up: PUBRELs first. No slot is taken for them, so their PUBCOMPs return none [MQTT-4.4.0-1]. */
  connected(limits: SessionLimits): void {
    this.#limits = limits;
    this.#quota = limits.receiveMaximum; // anew on every connection [MQTT-4.9.0-1]
    this.#stats.sendQuota = this.#quota;
    // In the order the PUBRECs came [MQTT-4.6.0-4].
    const released = [...this.#unsettled].filter(({ phase }) => phase === Phase.AwaitPubcomp);
    released.sort((a, b) => a.pubrecSequence - b.pubrecSequence);
    for (const publish of released) this.#sendPubrel(publish.packetId, ReasonCode.Success, publish);
  }

  /** Then the PUBLISHes, in their order. */
  resume(): void {
    this.#queueAll();
    this.pump();
  }

  disconnected(): void {
    this.#limits = undefined;
    this.#quota = 0;
    this.#stats.sendQuota = 0;
    this.#ready.clear();
    for (const publish of this.#unsettled) publish.counted = false;
  }

  /** The broker has lost the session: what was in flight becomes new [MQTT-3.2.2-5]. */
  startAnew(): void {
    for (const publish of this.#unsettled) {
      const released = publish.phase === Phase.AwaitPubcomp;
      publish.phase = Phase.Accepted;
      publish.pubrecSequence = 0;
      publish.pubrec = undefined;
      // After a restart a record past its PUBREC would be taken for received.
      if (released && publish.recorded) this.#put(publish);
    }
  }

  /** What a store kept, in the order of publication. */
  restore(publishes: readonly OutboundPublish[]): void {
    for (const publish of publishes) {
      publish.recorded = true;
      publish.attempted = true; // for all we know
      this.#sequence = Math.max(this.#sequence, publish.sequence);
      this.#pubrecSequence = Math.max(this.#pubrecSequence, publish.pubrecSequence);
      this.#ids.take(publish.packetId, publish);
      this.endings.track(publish);
      if (publish.phase === Phase.Done) {
        this.endings.restore(publish);
        continue;
      }
      this.#unsettled.add(publish);
      this.#stats.publishesInflight++;
    }
  }

  abandon(lost: (publish: OutboundPublish) => boolean, error: (publish: OutboundPublish) => MqttError): void {
    for (const publish of this.#unsettled) if (lost(publish)) this.#fail(publish, error(publish));
  }

  /** Forgets everything without a word to the store. */
  drop(error: (publish: OutboundPublish) => MqttError): void {
    const forgotten = [...this.#unsettled, ...this.endings.clear()];
    this.#unsettled.clear();
    this.#waiting.clear();
    this.#ready.clear();
    for (const publish of forgotten) {
      const told = publish.phase === Phase.Done && publish.refusal === undefined;
      if (publish.phase !== Phase.Done) this.#stats.publishesInflight--;
      publish.phase = Phase.Done;
      publish.leave();
      publish.recorded = false;
      if (publish.packetId !== 0) this.#ids.free(publish.packetId);
      if (!told) publish.waiter?.failed(error(publish));
    }
  }

  release(held: boolean, error: (publish: OutboundPublish) => MqttError): void {
    for (const publish of this.#unsettled) {
      const failure = error(publish);
      if (!held || !publish.attempted) {
        this.#fail(publish, failure);
        continue;
      }
      publish.waiter?.failed(failure);
      publish.waiter = undefined;
    }
    this.endings.tell();
  }

  withdraw(publish: OutboundPublish): boolean {
    if (publish.attempted || publish.phase === Phase.Done) return false;
    this.#finish(publish);
    this.endings.leave(publish, undefined);
    // While the broker takes nothing, what was withdrawn must not fill the queue.
    if (this.#waiting.size > 2 * this.#unsettled.size + 64) this.#queueAll();
    return true;
  }

  publish(publish: OutboundPublish): void {
    publish.sequence = ++this.#sequence;
    this.endings.track(publish);
    this.#unsettled.add(publish);
    this.#stats.publishesInflight++;
    this.#waiting.push(publish);
    this.pump();
  }

  // Acknowledgements

  receivePuback(packet: AckPacket): void {
    const publish = this.#sent(packet.packetId, Phase.AwaitPuback);
    if (publish === undefined) this.ignore("PUBACK", packet.packetId);
    else this.#acknowledge(publish, packet); // whatever its code: not retransmitted [MQTT-4.4.0-2]
  }

  receivePubrec(packet: AckPacket): void {
    const owner = this.#ids.owner(packet.packetId);
    if (owner instanceof OutboundPublish && owner.phase === Phase.AwaitPubcomp) {
      this.#sendPubrel(packet.packetId, ReasonCode.Success, owner);
      return;
    }
    const publish = this.#sent(packet.packetId, Phase.AwaitPubrec);
    if (publish === undefined) {
      this.ignore("PUBREC", packet.packetId);
      // An identifier of something else must not be released by this answer.
      if (owner === undefined) this.#sendPubrel(packet.packetId, ReasonCode.PacketIdentifierNotFound, undefined);
      return;
    }
    if (packet.reasonCode >= 0x80) {
      this.#acknowledge(publish, packet);
      return;
    }
    if (explains(packet)) publish.pubrec = kept(packet);
    publish.phase = Phase.AwaitPubcomp;
    publish.pubrecSequence = ++this.#pubrecSequence;
    if (publish.recorded) this.#put(publish);
    this.#sendPubrel(packet.packetId, ReasonCode.Success, publish); // [MQTT-4.3.3-4]
  }

  receivePubcomp(packet: AckPacket): void {
    const publish = this.#sent(packet.packetId, Phase.AwaitPubcomp);
    if (publish === undefined) this.ignore("PUBCOMP", packet.packetId);
    else this.#acknowledge(publish, publish.pubrec ?? completed(packet));
  }

  ignore(packet: string, packetId: number): void {
    this.#stats.acksIgnored++;
    this.#port.ackIgnored(packet, packetId);
  }

  // Records

  /** A change of its record is durable. */
  stored(publish: OutboundPublish): void {
    if (--publish.writes > 0) return;
    if (publish.phase === Phase.Done) {
      publish.leave();
      this.endings.stored(publish);
    }
    this.#sendReady();
  }

  /** Its record could not be made: that fails this publish and no other. */
  failed(publish: OutboundPublish, error: MqttError): void {
    publish.writes--;
    publish.recorded = publish.writes > 0; // by what is asked for already
    if (publish.phase !== Phase.Done) this.#fail(publish, error);
    else if (publish.writes === 0) publish.leave();
    this.pump();
  }

  /** Its record is gone. */
  deleted(publish: OutboundPublish): void {
    publish.writes--;
    publish.leave();
    this.endings.gone(publish);
    this.pump();
  }

  /** Its owner was told its outcome, or could not be. */
  settled(publish: OutboundPublish, done: boolean): void {
    this.endings.settled(publish, done);
    this.pump();
  }

  // Inside

  /** Sends what waits, as far as quota, identifiers and records reach [MQTT-4.9.0-2]. */
  pump(): void {
    const limits = this.#limits;
    if (limits === undefined) return;
    this.#freed();
    while (this.#quota > 0) {
      const publish = this.#waiting.peek();
      if (publish === undefined) break;
      if (publish.phase === Phase.Done) {
        this.#waiting.shift();
        continue;
      }
      if (publish.packetId === 0) {
        const id = this.#ids.allocate(publish);
        if (id === 0) break; // an acknowledgement frees one
        publish.assign(id);
      }
      this.#waiting.shift();
      const refusal = this.#refusal(publish, limits);
      if (refusal !== undefined) this.#fail(publish, refusal);
      else this.#prepare(publish);
    }
    this.#sendReady();
  }

  /** Puts into the queue what has to be sent, or sent again, on this connection. */
  #queueAll(): void {
    this.#waiting.clear();
    for (const publish of this.#unsettled) {
      if (publish.phase !== Phase.AwaitPubcomp && !publish.counted) this.#waiting.push(publish);
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

  /** Takes a slot of the quota; the PUBLISH leaves at once if nothing has to become durable before. */
  #prepare(publish: OutboundPublish): void {
    publish.counted = true;
    this.#stats.sendQuota = --this.#quota;
    const accepted = publish.phase === Phase.Accepted;
    if (accepted) publish.refreshExpiry(this.#now);
    if (this.#port.records !== undefined && (!publish.recorded || (accepted && publish.expiresAt !== Infinity))) {
      this.#put(publish);
    }
    if (publish.writes === 0 && this.#ready.size === 0) this.#send(publish);
    else this.#ready.push(publish);
  }

  #sendReady(): void {
    for (let head = this.#ready.peek(); head !== undefined; head = this.#ready.peek()) {
      if (head.phase !== Phase.Done) {
        if (head.writes > 0) return;
        this.#send(head);
      }
      this.#ready.shift();
    }
  }

  #send(publish: OutboundPublish): void {
    const duplicate = publish.phase !== Phase.Accepted; // [MQTT-3.3.1-1, MQTT-3.3.1-3]
    if (duplicate) {
      this.#stats.publishesReplayed++;
    } else {
      this.#stats.publishesSent++;
      publish.phase = publish.qos === 1 ? Phase.AwaitPuback : Phase.AwaitPubrec;
    }
    publish.attempted = true;
    publish.leave();
    this.#port.sendPublish(publish.frame, duplicate, this.#unsettled.size === 1);
  }

  #sendPubrel(packetId: number, reasonCode: number, gate: OutboundPublish | undefined): void {
    this.#queue.send(PacketType.Pubrel, packetId, reasonCode, gate);
  }

  /** The publish that this acknowledgement answers, if it was sent and is in that phase. */
  #sent(packetId: number, phase: Phase): OutboundPublish | undefined {
    const owner = this.#ids.owner(packetId);
    return owner instanceof OutboundPublish && owner.phase === phase ? owner : undefined;
  }

  #acknowledge(publish: OutboundPublish, ack: AckPacket): void {
    this.#finish(publish);
    this.#stats.publishesAcked++;
    const later = ack.reasonCode >= 0x80 && publish.recorded;
    if (later) publish.refusal = kept(ack);
    this.endings.leave(publish, ack.reasonCode >= 0x80 ? ack.reasonCode : Outcome.Accepted);
    this.pump();
    if (!later) publish.waiter?.acknowledged(ack);
  }

  #fail(publish: OutboundPublish, error: MqttError): void {
    this.#finish(publish);
    this.endings.leave(publish, outcomeOf(error.code));
    publish.waiter?.failed(error);
  }

  /** Gives back what the publish held: quota, its places in order. */
  #finish(publish: OutboundPublish): void {
    publish.phase = Phase.Done;
    if (publish.writes === 0) publish.leave(); // else its store still holds it
    this.#unsettled.delete(publish);
    this.#stats.publishesInflight--;
    // Only a slot taken on this connection is given back (section 4.9).
    if (publish.counted && this.#limits !== undefined) this.#stats.sendQuota = ++this.#quota;
    publish.counted = false;
  }

  #put(publish: OutboundPublish): void {
    if (this.#port.records !== undefined) putRecord(this.#port.records, publish);
  }
}
