// SPDX-License-Identifier: Apache-2.0
import { type Packet, PacketType, type SubackPacket, type UnsubackPacket } from "@mqttv5/wire";
import { type FilterResult, type InvalidArgumentError, type MqttError, SubscribeError } from "../errors.js";
import type { ServerInfo } from "../server-info.js";
import type { ControlOperation } from "../session/session.js";
import { subscribeProblem, unsubscribeProblem } from "./broker-limits.js";
import type { ResolvedFilter } from "./topic-filter.js";

/** A filter of a SUBSCRIBE, as the broker is to know it. */
export interface AskedFilter {
  readonly filter: string;
  readonly options: ResolvedFilter;
  /** Who wants it. */
  readonly holders: { readonly length: number };
}

/** Who waits for a SUBACK. */
export interface SubscribeAnswer {
  /** It is about to be sent: returns a fresh Subscription Identifier, or 0 where the broker has none. */
  sent(): number;
  /** `identifier`: what `sent` returned last. */
  answered(results: readonly FilterResult[], reasonString: string | undefined, identifier: number): void;
  failed(error: MqttError): void;
}

/** One SUBSCRIBE until its SUBACK, over as many connections as it takes (section 3.8). */
export class SubscribeOperation implements ControlOperation {
  readonly type: typeof PacketType.Subscribe = PacketType.Subscribe;
  strikes = 0;
  readonly #filters: readonly AskedFilter[];
  readonly #answer: SubscribeAnswer;
  readonly #resumed: boolean;
  /** Of the latest sending. */
  #identifier = 0;
  /** Some connection was handed it. */
  #sent = false;

  /** `resumed`: the broker may hold the filters from an earlier process, with their retained messages delivered. */
  constructor(filters: readonly AskedFilter[], answer: SubscribeAnswer, resumed: boolean) {
    this.#filters = filters;
    this.#answer = answer;
    this.#resumed = resumed;
  }

  get size(): number {
    return this.#filters.length;
  }

  get filterNames(): readonly string[] {
    return this.#filters.map(({ filter }) => filter);
  }

  /** Whether anybody wants any of it still. */
  get wanted(): boolean {
    return this.#filters.some(({ holders }) => holders.length > 0);
  }

  /** What is known of it while the broker has not answered. */
  get delivery(): "not-sent" | "unknown" {
    return this.#sent ? "unknown" : "not-sent";
  }

  /** Why this broker must not be sent it. */
  problem(info: ServerInfo | undefined): InvalidArgumentError | undefined {
    return subscribeProblem(
      this.#filters.map(({ options }) => options),
      info,
      this.delivery,
    );
  }

  packet(packetId: number): Packet {
    this.#sent = true;
    const identifier = this.#answer.sent();
    this.#identifier = identifier;
    return {
      type: PacketType.Subscribe,
      packetId,
      subscriptions: this.#filters.map(({ options }) =>
        this.#resumed && !options.retainHandlingSet ? { ...options, retainHandling: 1 } : options,
      ),
      properties: identifier === 0 ? undefined : { subscriptionIdentifier: identifier },
    };
  }

  answered(packet: SubackPacket | UnsubackPacket): void {
    this.#answer.answered(results(this.filterNames, packet), packet.properties?.reasonString, this.#identifier);
  }

  fail(error: MqttError): void {
    this.#answer.failed(error);
  }
}

/** Who waits for an UNSUBACK. */
export interface UnsubscribeAnswer {
  done(): void;
  failed(error: MqttError): void;
}

/** One UNSUBSCRIBE until its UNSUBACK (section 3.10). */
export class UnsubscribeOperation implements ControlOperation {
  readonly type: typeof PacketType.Unsubscribe = PacketType.Unsubscribe;
  strikes = 0;
  readonly filterNames: readonly string[];
  readonly #answer: UnsubscribeAnswer;
  /** Some connection was handed it. */
  #sent = false;

  constructor(filters: readonly string[], answer: UnsubscribeAnswer) {
    this.filterNames = filters;
    this.#answer = answer;
  }

  get size(): number {
    return this.filterNames.length;
  }

  /** What is known of it while the broker has not answered. */
  get delivery(): "not-sent" | "unknown" {
    return this.#sent ? "unknown" : "not-sent";
  }

  /** Why this broker must not be sent it. */
  problem(info: ServerInfo | undefined): InvalidArgumentError | undefined {
    return unsubscribeProblem(this.filterNames, info, this.delivery);
  }

  packet(packetId: number): Packet {
    this.#sent = true;
    return { type: PacketType.Unsubscribe, packetId, filters: this.filterNames };
  }

  answered(packet: SubackPacket | UnsubackPacket): void {
    const answers = results(this.filterNames, packet);
    // 0x11 (No subscription existed) is what was wanted as well.
    const refused = answers.filter((result) => result.reasonCode >= 0x80);
    if (refused.length === 0) {
      this.#answer.done();
      return;
    }
    const names = refused.map(({ filter, reasonCode }) => `${filter} (0x${reasonCode.toString(16)})`).join(", ");
    const message = `The broker refused to unsubscribe ${names}`;
    this.#answer.failed(new SubscribeError("UNSUBSCRIBE_REFUSED", message, answers, packet.properties?.reasonString));
  }

  /** There is nothing left to unsubscribe from. */
  succeed(): void {
    this.#answer.done();
  }

  fail(error: MqttError): void {
    this.#answer.failed(error);
  }
}

function results(filters: readonly string[], packet: SubackPacket | UnsubackPacket): FilterResult[] {
  return filters.map((filter, index) => ({ filter, reasonCode: packet.reasonCodes[index] as number }));
}
