// SPDX-License-Identifier: Apache-2.0

import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import type { Link, LinkAcceptor, LinkReceiver } from "./link.js";

export type { LinkAcceptor } from "./link.js";

/** Options of {@link listen}. */
export interface ListenOptions {
  /** Default 0: a free port. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** A Unix socket (or a Windows named pipe) instead of a port. */
  readonly path?: string | undefined;
  /** Key and certificate, and all else that `node:tls` knows: then the listener speaks TLS. */
  readonly tls?: TlsOptions | undefined;
}

/** A listening socket. */
export interface Listener {
  /** The port in use; 0 for a Unix socket. */
  readonly port: number;
  /** What to connect to: `mqtt://…`, `mqtts://…`, or `unix:` with the path. */
  readonly url: string;
  /** Stops listening and cuts the connections that are left. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Lets an acceptor serve clients on a TCP port, over TLS, or on a Unix socket. Rejects if the address can't be had.
 *
 * @example
 * const broker = new TestBroker();
 * const listener = await listen(broker, { port: 1883 });
 */
export async function listen(acceptor: LinkAcceptor, options: ListenOptions = {}): Promise<Listener> {
  const { port = 0, host = "127.0.0.1", path, tls } = options;
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    acceptor.accept(new SocketLink(socket));
  };
  const server = tls ? createTlsServer(tls, serve) : createTcpServer(serve);
  if (path === undefined) await listening(server, () => server.listen(port, host));
  else await listening(server, () => server.listen(path));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const actualPort = path === undefined ? (server.address() as AddressInfo).port : 0;
  const url = path === undefined ? `${tls ? "mqtts" : "mqtt"}://${bracketed(host)}:${actualPort}` : `unix:${path}`;
  return { port: actualPort, url, close, [Symbol.asyncDispose]: close };
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    start();
  });
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** A socket as a link. Lives as long as the socket. */
class SocketLink implements Link {
  readonly #socket: Socket;
  #receiver: LinkReceiver | undefined;
  #drainWanted = false;
  #error: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.pause();
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("data", (chunk) => this.#receiver?.received(chunk));
    socket.on("drain", () => this.#drained());
    socket.on("close", () => this.#receiver?.closed(this.#error));
  }

  open(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    if (this.#socket.closed) setImmediate(() => receiver.closed(this.#error));
    else this.#socket.resume();
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    if (!this.#socket.writable) return false;
    const written = flushed && ((error?: Error | null) => error ?? flushed());
    if (this.#socket.write(chunk, written)) return true;
    this.#drainWanted = true;
    return false;
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #drained(): void {
    if (!this.#drainWanted) return;
    this.#drainWanted = false;
    this.#receiver?.drained();
  }
}
