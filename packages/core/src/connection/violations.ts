// SPDX-License-Identifier: Apache-2.0
import {
  type AckPacket,
  type AuthPacket,
  packetName,
  ReasonCode,
  type SubackPacket,
  type UnsubackPacket,
} from "@mqttv5/wire";
import { ProtocolError } from "../errors.js";

/** A packet that the broker may not send at this time. */
export function unexpected(type: number, when: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, `The broker sent ${packetName(type)} ${when}`);
}

/** Throws if the broker explains where it was asked not to (section 3.1.2.11.7). */
export function refuseProblemInformation(packet: AckPacket | SubackPacket | UnsubackPacket | AuthPacket): void {
  const { reasonString, userProperties } = packet.properties ?? {};
  if (reasonString === undefined && (userProperties ?? []).length === 0) return;
  const text = `The broker sent ${packetName(packet.type)} with Problem Information, which it was asked not to`;
  throw new ProtocolError(ReasonCode.ProtocolError, text);
}
