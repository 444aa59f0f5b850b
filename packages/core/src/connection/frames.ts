// SPDX-License-Identifier: Apache-2.0
import { type DecodedPacket, type DecodeOptions, decode, type Framer, PacketType } from "@mqttv5/wire";

/** Acknowledgements without properties: all of them is read at once. */
const PLAIN = 4;

/**
 * The packet that the framer has found. Whoever gives us bytes may use their memory again as soon as they are read, and a packet
 * is a view: so all but PUBLISH, whose memory is its receivers' concern, gets bytes of its own.
 */
export function decodeFound({ buffer, start, end }: Framer, options: DecodeOptions): DecodedPacket {
  if ((buffer[start] as number) >> 4 === PacketType.Publish || end - start <= PLAIN) {
    return decode(buffer, start, end, options);
  }
  const bytes = new Uint8Array(buffer.subarray(start, end)); // a copy
  return decode(bytes, 0, bytes.length, options);
}
