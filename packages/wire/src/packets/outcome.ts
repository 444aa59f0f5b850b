// SPDX-License-Identifier: Apache-2.0
import type { PacketType } from "../packet-type.js";
import type { PropertyValues } from "../property-values.js";
import { writeProperties } from "../write-properties.js";
import type { Writer } from "../writer.js";

/**
 * Writes the end of a packet that says how something went, in the shortest form: without the length of the properties if
 * there are none, and then without the reason code if it is 0. Sections 3.4.2.1 and 3.14.2.1.
 */
export function writeOutcome(
  writer: Writer,
  type: PacketType,
  reasonCode: number,
  properties: PropertyValues | undefined,
): void {
  writer.reasonCode(type, reasonCode);
  if (properties !== undefined && writeProperties(writer, type, properties) !== 0) return;
  writer.drop((properties === undefined ? 0 : 1) + (reasonCode === 0 ? 1 : 0));
}
