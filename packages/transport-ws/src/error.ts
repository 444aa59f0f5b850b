// SPDX-License-Identifier: Apache-2.0

/** What can go wrong with a WebSocket. Stable; the text of a message may change. */
export type WsErrorCode =
  | "BAD_FRAME"
  | "CLOSED_BY_PEER"
  | "CONNECT_FAILED"
  | "FRAME_TOO_LARGE"
  | "HANDSHAKE_FAILED"
  | "HANDSHAKE_TIMEOUT"
  | "READ_OVERFLOW"
  | "TEXT_FRAME"
  | "WRONG_SUBPROTOCOL";

/**
 * Why there is no WebSocket, or no more. Core makes it the `cause` of its own error: `CONNECT_FAILED` before the connection,
 * `CONNECTION_LOST` after it.
 */
export class WsError extends Error {
  override readonly name: string = "WsError";
  readonly code: WsErrorCode;
  /** What `value` is: `status` (of HTTP), `subprotocol`, `closeCode`, `frame`, or the option that was passed over. */
  readonly field: string;
  readonly value: unknown;
  /** What the other side said of it: the reason of its close frame, or the Location it wanted to send us to. */
  readonly reason: string | undefined;

  constructor(
    code: WsErrorCode,
    message: string,
    field: string,
    value: unknown,
    details: { reason?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.field = field;
    this.value = value;
    this.reason = details.reason;
  }
}

/** A data frame was not binary [MQTT-6.0.0-1]. */
export function textFrame(): WsError {
  return new WsError("TEXT_FRAME", "The broker sent a text frame, where MQTT has binary ones", "frame", "text");
}

/** The broker speaks something else than what we asked for [MQTT-6.0.0-4]. */
export function wrongSubprotocol(chosen: string | undefined): WsError {
  const said = chosen === undefined || chosen === "" ? "no subprotocol" : `the subprotocol ${JSON.stringify(chosen)}`;
  return new WsError("WRONG_SUBPROTOCOL", `The broker chose ${said}, not "mqtt"`, "subprotocol", chosen ?? "");
}

/** A frame, or a message of several fragments, of more than we are willing to hold. */
export function frameTooLarge(maximum: number, cause?: unknown): WsError {
  const text = `The broker sent a frame of more than ${maximum} bytes`;
  return new WsError("FRAME_TOO_LARGE", text, "maximumFrameSize", maximum, { cause });
}

/** How the other side closed; undefined if it was in good order: 1000, or a close frame without a code. */
export function closedByPeer(code: number, reason: string): WsError | undefined {
  if (code === 1000 || code === 1005) return undefined;
  const what = code === 1006 ? "The broker went away without a close frame" : `The broker closed with ${code}`;
  const said = reason === "" ? what : `${what}: ${reason}`;
  return new WsError("CLOSED_BY_PEER", said, "closeCode", code, { reason: reason === "" ? undefined : reason });
}
