// SPDX-License-Identifier: Apache-2.0
import { type AckPacket, ReasonCode } from "@mqttv5/wire";

/** Whether a PUBREC says more than "received": PUBCOMP has nothing to say of the message any more (section 3.7.2.1). */
export function explains({ reasonCode, properties }: AckPacket): boolean {
  const { reasonString, userProperties = [] } = properties ?? {};
  return reasonCode !== ReasonCode.Success || reasonString !== undefined || userProperties.length > 0;
}

/** An acknowledgement that outlives the bytes it was decoded from. */
export function kept({ type, packetId, reasonCode, properties }: AckPacket): AckPacket {
  const { reasonString, userProperties } = properties ?? {};
  return { type, packetId, reasonCode, properties: { reasonString, userProperties } };
}

/** 0x92 ends the exchange as well: the broker has nothing left of it. */
export function completed(pubcomp: AckPacket): AckPacket {
  return pubcomp.reasonCode === ReasonCode.Success ? pubcomp : { ...pubcomp, reasonCode: ReasonCode.Success };
}
