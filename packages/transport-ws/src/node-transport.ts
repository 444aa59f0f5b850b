// SPDX-License-Identifier: Apache-2.0
import type { Transport } from "@mqttv5/core";
import { type ClientOptions, WebSocket } from "ws";
import { WsError, wrongSubprotocol } from "./error.js";
import { type Dial, transportOver } from "./handshake.js";
import { NodeLink } from "./node-link.js";
import { type ResolvedOptions, resolveOptions, type WsOptions } from "./options.js";

/** Milliseconds for the other side to answer our close frame, and to close the socket after its own. */
const CLOSE_TIMEOUT = 1000;

/**
 * Links over WebSocket (section 6): `new Client({ broker: "wss://host/mqtt", transport: ws() })`. One transport serves any number of clients.
 * Throws an `InvalidArgumentError` that names the option that is wrong.
 */
export function ws(options: WsOptions = {}): Transport {
  return transportOver(dial, resolveOptions(options));
}

const dial: Dial = ({ url, headers }, options, opened, failed) => {
  const socket = new WebSocket(url, ["mqtt"], { ...settings(options), headers }); // [MQTT-6.0.0-3]
  socket.binaryType = "fragments"; // as they come: the receiver puts packets together
  let switched = false;
  let subprotocol: string | undefined;
  socket.on("upgrade", (response) => {
    switched = true;
    subprotocol = response.headers["sec-websocket-protocol"];
  });
  socket.on("unexpected-response", (_, { statusCode = 0, statusMessage = "", headers: { location } }) => {
    const where = location === undefined ? "" : `; redirects are not followed, and it wants to go to ${location}`;
    const text = `The broker answered the handshake with ${statusCode} ${statusMessage}`.trimEnd() + where;
    failed(new WsError("HANDSHAKE_FAILED", text, "status", statusCode, { reason: location ?? statusMessage }));
    socket.terminate();
  });
  socket.on("error", (error) => {
    if (!switched) failed(error);
    else if (subprotocol !== "mqtt")
      failed(wrongSubprotocol(subprotocol)); // [MQTT-6.0.0-4]
    else failed(new WsError("HANDSHAKE_FAILED", error.message, "status", 101, { cause: error }));
  });
  socket.on("open", () => {
    socket.removeAllListeners();
    opened(new NodeLink(socket, options.clock, options.maximumFrameSize));
  });
  return () => socket.terminate();
};

/** One setting is newer than the declarations of `ws`. */
type Settings = ClientOptions & { readonly closeTimeout: number };

function settings({ tls, agent, maximumFrameSize }: ResolvedOptions): Settings {
  const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  return {
    ...given,
    ...(agent === undefined ? {} : { agent: agent as NonNullable<ClientOptions["agent"]> }),
    followRedirects: false, // one may lead from TLS to plain text
    perMessageDeflate: false, // memory for each connection, and a way to make much out of little
    maxPayload: maximumFrameSize,
    closeTimeout: CLOSE_TIMEOUT,
  };
}
