// SPDX-License-Identifier: Apache-2.0
export { type DecodedPacket, decode, type DecodeOptions } from "./decode.js";
export { encode, encodeInto, encodePublishHeader, type Packet } from "./encode.js";
export {
  DecodeError,
  type DecodeErrorCode,
  type DecodeReasonCode,
  EncodeError,
  type EncodeErrorCode,
  WireError,
} from "./errors.js";
export { Framer, type FramerOptions } from "./framer.js";
export { packetName, PacketType, type QoS, type Sender } from "./packet-type.js";
export type {
  AckPacket,
  AckType,
  DecodedAck,
  PubackPacket,
  PubcompPacket,
  PubrecPacket,
  PubrelPacket,
} from "./packets/ack.js";
export type { AuthPacket, DecodedAuth } from "./packets/auth.js";
export type { ConnackPacket, DecodedConnack } from "./packets/connack.js";
export type { ConnectPacket, DecodedConnect, DecodedWill, Will } from "./packets/connect.js";
export type { DecodedDisconnect, DisconnectPacket } from "./packets/disconnect.js";
export type { PingreqPacket, PingrespPacket } from "./packets/ping.js";
export { Publish, type PublishPacket } from "./packets/publish.js";
export type { DecodedSuback, DecodedUnsuback, SubackPacket, UnsubackPacket } from "./packets/suback.js";
export type { DecodedSubscribe, RetainHandling, SubscribeFilter, SubscribePacket } from "./packets/subscribe.js";
export type { DecodedUnsubscribe, UnsubscribePacket } from "./packets/unsubscribe.js";
export { Properties } from "./properties.js";
export { Property } from "./property.js";
export type {
  AckProperties,
  AuthProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  PropertyValues,
  PublishProperties,
  SubscribeProperties,
  UnsubscribeProperties,
  UserProperty,
  WillProperties,
} from "./property-values.js";
export { isReasonCodeOf, ReasonCode, reasonName } from "./reason.js";
export { withDuplicate, withMessageExpiry } from "./rewrite.js";
export {
  isTopicFilter,
  isTopicName,
  matchTopic,
  parseSharedFilter,
  topicFilterProblem,
  topicNameProblem,
} from "./topic.js";
export { decodeUtf8, encodeUtf8, isUtf8, isWellFormed, utf8Length } from "./utf8.js";
export { Writer } from "./writer.js";
