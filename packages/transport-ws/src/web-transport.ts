// SPDX-License-Identifier: Apache-2.0
import { MqttError, type Transport } from "@mqttv5/core";
import { WsError, wrongSubprotocol } from "./error.js";
import { type Dial, transportOver } from "./handshake.js";
import { invalid, resolveOptions, type WsOptions } from "./options.js";
import { type PlatformSocket, WebLink } from "./web-link.js";

/** A platform's `WebSocket`. */
export type PlatformWebSocket = new (url: string, protocols: string[]) => PlatformSocket;

/**
 * Links over WebSocket (section 6): `new Client({ broker: "wss://host/mqtt", transport: ws() })`. One transport serves any number of clients.
 * Throws an `InvalidArgumentError` that names the option that is wrong.
 */
export function ws(options: WsOptions = {}): Transport {
  return webTransport(options, () => (globalThis as { WebSocket?: PlatformWebSocket }).WebSocket);
}

/** The same over a given `WebSocket`, which is looked up with each attempt. */
export function webTransport(options: WsOptions, platform: () => PlatformWebSocket | undefined): Transport {
  const resolved = resolveOptions(options);
  // To leave out what was asked for would be worse than to fail: an unauthenticated request, or a certificate not looked at.
  refuseHeaders(resolved.headers);
  if (options.tls !== undefined) throw invalid("tls", options.tls, "is the platform's own business here");
  if (options.agent !== undefined) throw invalid("agent", options.agent, "is for Node only");
  return transportOver(dialWith(platform), resolved);
}

function refuseHeaders(headers: Readonly<Record<string, string>>): void {
  const names = Object.keys(headers).join(", ");
  if (names !== "") throw invalid("headers", names, "no header can be sent here: put it into the URL, with request()");
}

function dialWith(platform: () => PlatformWebSocket | undefined): Dial {
  return ({ url, headers }, { clock, maximumFrameSize }, opened, failed) => {
    refuseHeaders(headers);
    const Socket = platform();
    if (Socket === undefined) throw new MqttError("CONNECT_FAILED", "This platform has no WebSocket");
    const socket = new Socket(url.href, ["mqtt"]); // [MQTT-6.0.0-3]
    socket.binaryType = "arraybuffer";
    let told = "";
    const forget = (): void => {
      socket.onopen = null;
      socket.onclose = null;
    };
    socket.onopen = () => {
      if (socket.protocol === "mqtt") return opened(new WebLink(socket, clock, maximumFrameSize));
      failed(wrongSubprotocol(socket.protocol)); // [MQTT-6.0.0-4]
      forget();
      socket.close(1000);
    };
    socket.onerror = ({ message }) => {
      told = message ?? "";
    };
    socket.onclose = ({ code, reason }) => {
      const why = reason || told || "the platform does not tell a program why; its console may";
      const text = `No WebSocket to ${url.protocol}//${url.host}${url.pathname}: ${why}`;
      failed(new WsError("CONNECT_FAILED", text, "closeCode", code, { reason: reason || undefined }));
    };
    return () => {
      forget();
      socket.close();
    };
  };
}
