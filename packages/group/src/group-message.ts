// SPDX-License-Identifier: Apache-2.0
import type { AnyParameters, Message, Properties, QoS } from "@mqttv5/core";

/** A received message, and the member it came from. All else is that of {@link Message}: `ack` answers the broker of this member. */
export class GroupMessage<Params = AnyParameters> {
  /** The member's name. */
  readonly member: string;
  /** The message itself, for what takes a `Message`. */
  readonly message: Message<Params>;

  /** Made by the group. */
  constructor(member: string, message: Message<Params>) {
    this.member = member;
    this.message = message;
  }

  get topic(): string {
    return this.message.topic;
  }

  /** See {@link Message.params}. */
  get params(): Params {
    return this.message.params;
  }

  get payload(): Uint8Array {
    return this.message.payload;
  }

  get size(): number {
    return this.message.size;
  }

  get qos(): QoS {
    return this.message.qos;
  }

  get retain(): boolean {
    return this.message.retain;
  }

  get duplicate(): boolean {
    return this.message.duplicate;
  }

  get properties(): Properties {
    return this.message.properties;
  }

  /** See {@link Message.text}. */
  text(): string {
    return this.message.text();
  }

  /** See {@link Message.json}. */
  json(): unknown {
    return this.message.json();
  }

  /** See {@link Message.ack}. */
  ack(): void {
    this.message.ack();
  }

  /** See {@link Message.reject}. */
  reject(reasonCode: number): void {
    this.message.reject(reasonCode);
  }
}
