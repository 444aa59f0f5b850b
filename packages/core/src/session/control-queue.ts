// SPDX-License-Identifier: Apache-2.0
import type { AckPacket, AckType } from "@mqttv5/wire";
import { Ring } from "../ring.js";
import type { Recorded } from "./record-port.js";

/** One of PUBACK, PUBREC, PUBREL and PUBCOMP that waits. */
interface Entry {
  readonly type: AckType;
  readonly packetId: number;
  readonly reasonCode: number;
  readonly gate: Recorded | undefined;
}

/** Bytes, about, that one takes while it waits. */
export const ENTRY = 64;

/**
 * The way out for PUBACK, PUBREC, PUBREL and PUBCOMP: each leaves when the record it depends on is durable, and never before
 * one that was asked for earlier [MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-4]. Without a store nothing ever waits here.
 * Emptied when the connection is lost: the session asks again, or the broker does.
 */
export class ControlQueue {
  readonly #send: (packet: AckPacket) => void;
  readonly #entries = new Ring<Entry>();

  constructor(send: (packet: AckPacket) => void) {
    this.#send = send;
  }

  /** Bytes that what waits takes, about. */
  get held(): number {
    return this.#entries.size * ENTRY;
  }

  /** Sends now if `gate` is durable and nothing waits. */
  send(type: AckType, packetId: number, reasonCode: number, gate: Recorded | undefined): void {
    if (this.#entries.size > 0 || (gate !== undefined && gate.writes > 0)) {
      this.#entries.push({ type, packetId, reasonCode, gate });
    } else {
      this.#send({ type, packetId, reasonCode });
    }
  }

  /** A record became durable: sends up to the first that still waits. */
  flush(): void {
    for (let head = this.#entries.peek(); head !== undefined; head = this.#entries.peek()) {
      if (head.gate !== undefined && head.gate.writes > 0) return;
      this.#entries.shift();
      this.#send({ type: head.type, packetId: head.packetId, reasonCode: head.reasonCode });
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
