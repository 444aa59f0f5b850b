// SPDX-License-Identifier: Apache-2.0

import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TlsOptions } from "node:tls";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Link, LinkAcceptor, LinkReceiver } from "./link.js";

/** Options of {@link listen}. */
export interface WsListenOptions {
  /** Default 0: a free port. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** The one path that is served. Default: every path; the URL then says `/mqtt`. */
  readonly path?: string | undefined;
  /** Key and certificate, and all else that `node:tls` knows: then the listener speaks TLS. */
  readonly tls?: TlsOptions | undefined;
  /** Answers requests that are no handshakes: to serve a page beside the broker, say. Default: 426, with nothing in it. */
  readonly onRequest?: RequestListener | undefined;
}

/** A listening socket. */
export interface WsListener {
  /** The port in use. */
  readonly port: number;
  /** What to connect to: `ws://…` or `wss://…`. */
  readonly url: string;
  /** Stops listening and cuts the connections that are left. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Lets an acceptor serve clients over WebSocket. Needs the package `ws` beside this one. Rejects if the address can't be had.
 *
 * @example
 * const broker = new TestBroker();
 * const listener = await listen(broker, { port: 8080 });
 */
export async function listen(acceptor: LinkAcceptor, options: WsListenOptions = {}): Promise<WsListener> {
  const { port = 0, host = "127.0.0.1", path, tls, onRequest = upgradeRequired } = options;
  const http = tls === undefined ? createHttpServer(onRequest) : createHttpsServer(tls, onRequest);
  const sockets = new WebSocketServer({
    server: http,
    ...(path === undefined ? {} : { path }),
    // Who does not ask for it does not speak MQTT [MQTT-6.0.0-3].
    handleProtocols: (asked) => (asked.has("mqtt") ? "mqtt" : false),
    verifyClient: ({ req }: { req: IncomingMessage }) =>
      /(^|,)\s*mqtt\s*(,|$)/.test(req.headers["sec-websocket-protocol"] ?? ""),
    perMessageDeflate: false,
  });
  sockets.on("connection", (socket) => acceptor.accept(new ServerLink(socket)));
  sockets.on("error", () => {}); // of the server below, where `listening` has it
  await listening(http, port, host);
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      http.close(() => resolve());
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
    });
  const actualPort = (http.address() as AddressInfo).port;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${actualPort}`;
  const url = `${tls === undefined ? "ws" : "wss"}://${authority}${path ?? "/mqtt"}`;
  return { port: actualPort, url, close, [Symbol.asyncDispose]: close };
}

const upgradeRequired: RequestListener = (_, response) => {
  response.writeHead(426, { Upgrade: "websocket" }).end();
};

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Bytes in the socket's buffer above which `send` returns false. */
const HIGH_WATER = 65_536;

/** A WebSocket of a client as a link. Lives as long as the socket. */
class ServerLink implements Link {
  readonly #socket: WebSocket;
  #receiver: LinkReceiver | undefined;
  #drainWanted = false;
  #ending = false;
  #error: Error | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.pause();
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("message", (data, isBinary) => this.#message(data, isBinary));
    socket.on("close", () => this.#receiver?.closed(this.#error));
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    if (this.#socket.readyState === this.#socket.CLOSED) setImmediate(() => receiver.closed(this.#error));
    else this.#socket.resume();
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    if (this.#ending || this.#socket.readyState !== this.#socket.OPEN) return false;
    this.#socket.send(chunk, (error) => {
      if (error !== undefined && error !== null) return;
      flushed?.();
      this.#written();
    });
    if (this.#socket.bufferedAmount <= HIGH_WATER) return true;
    this.#drainWanted = true;
    return false;
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#ending = true;
    if (this.#socket.bufferedAmount === 0) this.#socket.close(1000);
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.terminate();
  }

  #written(): void {
    if (this.#socket.bufferedAmount > 0) return;
    if (this.#drainWanted) {
      this.#drainWanted = false;
      this.#receiver?.drained();
    }
    if (this.#ending) this.#socket.close(1000);
  }

  #message(data: RawData, isBinary: boolean): void {
    // Other frames than binary ones end the connection [MQTT-6.0.0-1].
    if (isBinary) this.#receiver?.received(data as Buffer);
    else this.#socket.close(1003, "MQTT needs binary frames");
  }
}
