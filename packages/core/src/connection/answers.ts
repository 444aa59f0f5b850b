// SPDX-License-Identifier: Apache-2.0
import { type DecodedPacket, PacketType } from "@mqttv5/wire";
import type { Session } from "../session/session.js";
import { refuseProblemInformation, unexpected } from "./violations.js";

/**
 * Takes what a broker answers on an open connection; all that is legal there besides PUBLISH, AUTH and DISCONNECT. `explained`:
 * it may say why.
 */
export function receiveAnswer(session: Session, packet: DecodedPacket, explained: boolean): void {
  switch (packet.type) {
    case PacketType.Puback:
      if (!explained) refuseProblemInformation(packet);
      session.receivePuback(packet);
      return;
    case PacketType.Pubrec:
      if (!explained) refuseProblemInformation(packet);
      session.receivePubrec(packet);
      return;
    case PacketType.Pubrel:
      if (!explained) refuseProblemInformation(packet);
      session.receivePubrel(packet);
      return;
    case PacketType.Pubcomp:
      if (!explained) refuseProblemInformation(packet);
      session.receivePubcomp(packet);
      return;
    case PacketType.Suback:
    case PacketType.Unsuback:
      if (!explained) refuseProblemInformation(packet);
      session.receiveControlAck(packet);
      return;
    case PacketType.Pingresp: // keep-alive knows already that something arrived
      session.receivePingresp();
      return;
    default:
      throw unexpected(packet.type, "on an open connection");
  }
}
