// SPDX-License-Identifier: Apache-2.0
import { PacketType } from "../packet-type.js";
import type { Reader } from "../reader.js";
import type { Writer } from "../writer.js";

/** Asks for a sign of life. Section 3.12. */
export interface PingreqPacket {
  readonly type: typeof PacketType.Pingreq;
}

/** Gives a sign of life. Section 3.13. */
export interface PingrespPacket {
  readonly type: typeof PacketType.Pingresp;
}

export function read<T extends typeof PacketType.Pingreq | typeof PacketType.Pingresp>(
  reader: Reader,
  type: T,
): { readonly type: T } {
  reader.finish();
  return { type };
}

export function write(writer: Writer, packet: PingreqPacket | PingrespPacket): void {
  writer.open(packet.type, 0);
  writer.close();
}
