// SPDX-License-Identifier: Apache-2.0
import { connect as connectTcp, type NetConnectOpts, type Socket } from "node:net";
import { platform, versions } from "node:process";
import type { ConnectionOptions } from "node:tls";
import type { Link, LinkReceiver, TlsOptions, Transport } from "./transport.js";

/** The only file that imports the platform's sockets. `node:tls` is loaded only for TLS brokers. */

const SECURE = new Set(["mqtts:", "tls:", "ssl:"]);

/** Links over TCP (`mqtt`, `tcp`: 1883), TLS (`mqtts`, `tls`, `ssl`: 8883) and Unix sockets (`unix:/path`). */
export function tcp(tls: TlsOptions): Transport {
  return {
    async connect(url, { signal }) {
      signal.throwIfAborted();
      const reading = new SharedReading();
      const socket = SECURE.has(url.protocol)
        ? (await import("node:tls")).connect(secureOptions(url, tls))
        : connectTcp({ ...plainOptions(url), ...reading.options });
      return new Promise<Link>((resolve, reject) => {
        const stop = (): void => {
          socket.destroy();
          reject(signal.reason);
        };
        const ready = SECURE.has(url.protocol) ? "secureConnect" : "connect";
        const fail = (error: Error): void => {
          signal.removeEventListener("abort", stop);
          socket.destroy();
          reject(error);
        };
        socket.once("error", fail);
        socket.once(ready, () => {
          signal.removeEventListener("abort", stop);
          socket.off("error", fail);
          resolve(new SocketLink(socket, reading));
        });
        if (signal.aborted) stop();
        else signal.addEventListener("abort", stop, { once: true });
      });
    },
  };
}

/** One for all sockets of a thread: what is in it was read before another socket can write to it. */
const memory: { bytes?: Uint8Array } = {};
const SIZE = 65_536;

/**
 * Reads a socket into memory that is used again for each chunk. Only Node does so, and not on Windows, where a socket that waits
 * for bytes has its memory already.
 */
class SharedReading {
  receiver: LinkReceiver | undefined;
  error: Error | undefined;

  get options(): Pick<NetConnectOpts, "onread"> {
    if (platform === "win32" || versions["bun"] !== undefined || versions["deno"] !== undefined) return {};
    const bytes = (memory.bytes ??= new Uint8Array(SIZE));
    const callback = (length: number, chunk: Uint8Array): boolean => {
      this.receiver?.received(chunk.subarray(0, length));
      return true;
    };
    return { onread: { buffer: bytes, callback } };
  }
}

function plainOptions(url: URL): NetConnectOpts {
  if (url.protocol === "unix:") return { path: decodeURIComponent(url.pathname) };
  return { host: hostOf(url), port: Number(url.port || 1883), noDelay: true };
}

function secureOptions(url: URL, tls: TlsOptions): ConnectionOptions {
  const host = hostOf(url);
  const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  // An address can't be asked for by name (RFC 6066); it is still verified against the certificate.
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  return { host, port: Number(url.port || 8883), ...servername, ...given };
}

/** Without the brackets that a URL puts around an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** Who reads a socket. */
const READING = Symbol("reading");

interface ReadSocket extends Socket {
  [READING]?: SharedReading;
}

// The listeners are the same for all sockets, which know who reads them: a client that is idle holds none of its own.
function failed(this: ReadSocket, error: Error): void {
  const reading = this[READING];
  if (reading !== undefined) reading.error = error;
}

function closed(this: ReadSocket): void {
  this[READING]?.receiver?.closed(this[READING].error);
}

function drained(this: ReadSocket): void {
  this[READING]?.receiver?.drained();
}

function received(this: ReadSocket, chunk: Uint8Array): void {
  this[READING]?.receiver?.received(chunk);
}

/** One socket as a link. Ends with the socket. */
class SocketLink implements Link {
  readonly #socket: ReadSocket;
  readonly #reading: SharedReading;

  constructor(socket: ReadSocket, reading: SharedReading) {
    this.#socket = socket;
    this.#reading = reading;
    socket[READING] = reading;
    socket.setNoDelay(true);
    // Until it is opened nothing is read, and a failure waits for whoever opens it.
    socket.pause();
    socket.on("error", failed);
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  open(receiver: LinkReceiver): void {
    const socket = this.#socket;
    if (socket.closed) {
      setImmediate(() => receiver.closed(this.#reading.error));
      return;
    }
    this.#reading.receiver = receiver;
    socket.on("drain", drained);
    socket.on("close", closed);
    socket.on("data", received); // where it is not read otherwise
    socket.resume();
  }

  send(chunk: Uint8Array, flushed?: () => void): boolean {
    if (!this.#socket.writable) return false;
    if (flushed === undefined) return this.#socket.write(chunk);
    return this.#socket.write(chunk, (error) => {
      if (error === undefined || error === null) flushed();
    });
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
}
