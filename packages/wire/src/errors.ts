// SPDX-License-Identifier: Apache-2.0
import { packetName } from "./packet-type.js";
import { reasonName } from "./reason.js";

/** What a peer did wrong: malformed bytes, a rule broken, or one of the cases with a reason code of its own. */
export type DecodeErrorCode =
  | "MALFORMED_PACKET"
  | "PROTOCOL_ERROR"
  | "UNSUPPORTED_PROTOCOL_VERSION"
  | "TOPIC_ALIAS_INVALID"
  | "PACKET_TOO_LARGE";

/** What is wrong with a packet that was to be encoded. */
export type EncodeErrorCode =
  | "INVALID_TOPIC"
  | "FIELD_TOO_LONG"
  | "INVALID_FIELD"
  | "INVALID_QOS"
  | "PACKET_ID_REQUIRED"
  | "EMPTY_FILTER_LIST"
  | "PACKET_TOO_LARGE";

/** The reason codes a {@link DecodeError} can ask the connection to be closed with. */
export type DecodeReasonCode = 0x81 | 0x82 | 0x84 | 0x94 | 0x95;

const decodeCodes: Readonly<Record<DecodeReasonCode, DecodeErrorCode>> = {
  0x81: "MALFORMED_PACKET",
  0x82: "PROTOCOL_ERROR",
  0x84: "UNSUPPORTED_PROTOCOL_VERSION",
  0x94: "TOPIC_ALIAS_INVALID",
  0x95: "PACKET_TOO_LARGE",
};

/** The base of everything this package throws about packets. Match on `code`, never on the message. */
export abstract class WireError extends Error {
  /** A stable name of what happened. */
  abstract readonly code: string;
  /** The type of the packet at fault; 0 if it isn't known. */
  readonly packetType: number;

  protected constructor(packetType: number, message: string) {
    super(message);
    this.packetType = packetType;
  }
}

/**
 * Received bytes break the standard. `reasonCode` is what to put into the DISCONNECT that closes the connection
 * (section 4.13.1); nothing after the offending packet may be processed.
 */
export class DecodeError extends WireError {
  override readonly name: string = "DecodeError";
  readonly code: DecodeErrorCode;
  /** The reason code to close the connection with. */
  readonly reasonCode: DecodeReasonCode;
  /** What is wrong, in words, without the packet's name. */
  readonly detail: string;

  constructor(reasonCode: DecodeReasonCode, packetType: number, detail: string) {
    super(packetType, `${packetName(packetType)}: ${detail} (${reasonName(reasonCode)}, 0x${reasonCode.toString(16)})`);
    this.code = decodeCodes[reasonCode];
    this.reasonCode = reasonCode;
    this.detail = detail;
  }
}

/** A packet can't be encoded because one of its fields is not what the standard allows. Nothing was written. */
export class EncodeError extends WireError {
  override readonly name: string = "EncodeError";
  readonly code: EncodeErrorCode;
  /** The path of the field at fault, as in `"topic"`, `"subscriptions[1].filter"` or `"will.properties.contentType"`. */
  readonly field: string;
  /** The value that was refused. */
  readonly value: unknown;
  /** What the field allows: a number is the most it may be or hold. */
  declare readonly limit?: string | number;

  constructor(code: EncodeErrorCode, packetType: number, field: string, value: unknown, limit?: string | number) {
    super(packetType, encodeMessage(packetType, field, value, limit));
    this.code = code;
    this.field = field;
    this.value = value;
    if (limit !== undefined) this.limit = limit;
  }
}

function encodeMessage(packetType: number, field: string, value: unknown, limit: string | number | undefined): string {
  const rule = typeof limit === "number" ? `the limit is ${limit}` : limit;
  return `${packetName(packetType)}: ${field} = ${shorten(value)}${rule === undefined ? "" : `: ${rule}`}`;
}

/** A value as a message shows it: never longer than a line, never the content of binary data. */
function shorten(value: unknown): string {
  if (typeof value === "string") {
    return value.length > 60
      ? `${JSON.stringify(value.slice(0, 60))}… (${value.length} characters)`
      : JSON.stringify(value);
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}
