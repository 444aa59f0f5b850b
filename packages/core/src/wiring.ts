// SPDX-License-Identifier: Apache-2.0
import type { Packet, Publish } from "@mqttv5/wire";
import type { Callbacks } from "./callbacks.js";
import type { Connection } from "./connection/connection.js";
import type { SubscribeError } from "./errors.js";
import type { Lifecycle } from "./lifecycle.js";
import type { ResolvedOptions } from "./options.js";
import type { ServerInfo } from "./server-info.js";
import type { InboundMessage } from "./session/inbound-message.js";
import type { RecordPort } from "./session/record-port.js";
import type { ControlOperation, Session, SessionPort } from "./session/session.js";
import type { Unacked } from "./subscribe/ack-watch.js";
import type { Subscriptions, SubscriptionsPort } from "./subscribe/subscriptions.js";

/**
 * What the session and the subscriptions of a client ask of its other parts. One object with methods, and not closures in each
 * client: those were a kilobyte. Lives as long as the client, which puts the parts in.
 */
export class Wiring implements SessionPort, SubscriptionsPort {
  readonly records: RecordPort | undefined;
  session!: Session;
  subscriptions!: Subscriptions;
  lifecycle!: Lifecycle;
  readonly #options: ResolvedOptions;
  readonly #callbacks: Callbacks;

  constructor(options: ResolvedOptions, callbacks: Callbacks, records: RecordPort | undefined) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.records = records;
  }

  get #connection(): Connection | undefined {
    return this.lifecycle.connection;
  }

  // For the session

  send(packet: Packet): void {
    this.#connection?.send(packet);
  }

  sendPublish(frame: Uint8Array, duplicate: boolean, alone: boolean): void {
    this.#connection?.sender.sendFrame(frame, duplicate, alone);
  }

  deliver(publish: Publish, inbound: InboundMessage | undefined): void {
    this.subscriptions.deliver(publish, this.#connection?.topic ?? publish.topic, inbound);
  }

  ackWaits(): void {
    this.subscriptions.watchAcks();
  }

  ackIgnored(packet: string, packetId: number): void {
    this.#warn(`The broker sent ${packet} for packet identifier ${packetId}, which awaits none`);
  }

  // For the subscriptions

  request(operation: ControlOperation): void {
    this.session.request(operation);
    this.#connection?.regulate();
  }

  forget(operation: ControlOperation): void {
    this.session.forget(operation);
  }

  starved(operation: ControlOperation): boolean {
    return this.session.starved(operation);
  }

  serverInfo(): ServerInfo | undefined {
    return this.#connection?.info;
  }

  partlyRefused(error: SubscribeError): void {
    this.#warn(error.message, error);
  }

  resubscribeFailed(error: SubscribeError): void {
    this.#warn(error.message, error);
    void this.#callbacks.post(this.#options.callbacks.onResubscribeError, error);
  }

  unmatched(topic: string): void {
    const text = `A message on ${topic} came with the session and matched no subscription: it was acked`;
    this.#warn(`${text}. Subscribe before connect() to get what the broker kept`);
  }

  unacked(): Unacked {
    return this.session.unacked;
  }

  ackOverdue(text: string): void {
    this.#warn(text);
  }

  #warn(text: string, error?: Error): void {
    this.#options.logger.warn?.(text, error);
  }
}
