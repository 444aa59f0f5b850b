// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect as connectTcp, createServer, type Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { TlsOptions } from "@mqttv5/core";
import { Framer, type PacketType } from "@mqttv5/wire";
import { createWebSocketStream, WebSocket, WebSocketServer } from "ws";
import { ca, serverTls } from "./certificates.js";
import { within } from "./patience.js";

export type Side = "client" | "broker";

/** A packet of this type from this side. */
export interface Step {
  readonly from: Side;
  readonly type: PacketType;
}

/** A packet that passed, or was swallowed by a cut. */
export interface SeenPacket extends Step {
  /** Whole, fixed header included. */
  readonly bytes: Uint8Array;
  /** Counts connections from 1. */
  readonly connection: number;
  /** It was the one at which the link was cut, and went no further. */
  readonly swallowed: boolean;
}

interface Watch {
  readonly step: Step;
  /** How many such packets are to come, this one included. */
  left: number;
  /** The link is cut after this share of the packet's bytes; undefined if it only is to be seen. */
  readonly share: number | undefined;
  readonly done: () => void;
}

/**
 * Sits between a client and a broker, knows the packets that pass, and cuts the link at a named one. Speaks TLS or WebSocket on both
 * sides where the broker does. Lives as long as its test.
 */
export class CuttingProxy {
  /** All packets so far, in the order they passed. */
  readonly packets: SeenPacket[] = [];
  readonly #upstream: URL;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #watches = new Set<Watch>();
  #connections = 0;
  #port = 0;
  #blocked = false;

  private constructor(upstream: URL) {
    this.#upstream = upstream;
    const accept = (socket: Duplex): void => this.#accept(socket);
    this.#server = listener(upstream, accept);
    this.#server.on("tlsClientError", () => {});
  }

  static async start(url: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(url));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  get url(): string {
    const { protocol, pathname } = this.#upstream;
    return `${protocol}//127.0.0.1:${this.#port}${pathname}`;
  }

  get tls(): TlsOptions {
    return { ca };
  }

  /** Resolves when a packet has passed (the `nth` from now). */
  passed(step: Step, nth = 1): Promise<void> {
    return this.#watch(step, nth, undefined);
  }

  /** The `nth` such packet from now goes no further: the link is cut instead. Resolves when both halves are closed. */
  cutAt(step: Step, nth = 1): Promise<void> {
    return this.#watch(step, nth, 0);
  }

  /**
   * Cuts the link in the `nth` such packet from now, after that share of its bytes, if so many ever come. `done` is called
   * when both halves are closed. Gives a function that calls it off.
   */
  arm(step: Step, nth: number, share: number, done: () => void): () => void {
    const watch = { step, left: nth, share, done };
    this.#watches.add(watch);
    return () => this.#watches.delete(watch);
  }

  /** Cuts every link, without a word. Resolves when both halves of each are closed. */
  async cut(): Promise<void> {
    await Promise.all([...this.#pairs].map((pair) => pair.cut()));
  }

  /** Cuts every link, and takes no new one. */
  async block(): Promise<void> {
    this.#blocked = true;
    await this.cut();
  }

  /** Takes connections again. */
  unblock(): void {
    this.#blocked = false;
  }

  /** Resolves when no link is left: the broker has closed its half, or learnt that the client has. */
  async idle(): Promise<void> {
    await within("the links' end", Promise.all([...this.#pairs].map((pair) => pair.closed)));
  }

  /** Connections so far. */
  get connections(): number {
    return this.#connections;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const pair of this.#pairs) pair.destroy();
    await closed;
  }

  #watch(step: Step, left: number, share: number | undefined): Promise<void> {
    const what = `packet ${step.type} from the ${step.from}`;
    return within(what, new Promise((done) => this.#watches.add({ step, left, share, done })));
  }

  #accept(client: Duplex): void {
    if (this.#blocked) {
      client.on("error", () => {});
      client.destroy();
      return;
    }
    const broker = dial(this.#upstream);
    const connection = ++this.#connections;
    const pair = new Pair(client, broker, (from, bytes) => this.#look(pair, connection, from, bytes));
    this.#pairs.add(pair);
    void pair.closed.then(() => this.#pairs.delete(pair));
  }

  /** How many of the packet's bytes may pass; if not all, the link is cut after them. */
  #look(pair: Pair, connection: number, from: Side, bytes: Uint8Array): number {
    const type = ((bytes[0] as number) >> 4) as PacketType;
    const due = [...this.#watches].filter(({ step }) => step.from === from && step.type === type);
    const reached = due.filter((watch) => --watch.left === 0);
    for (const watch of reached) this.#watches.delete(watch);
    const cutting = reached.filter(({ share }) => share !== undefined);
    this.packets.push({ from, type, bytes: bytes.slice(), connection, swallowed: cutting.length > 0 });
    for (const { share, done } of reached) if (share === undefined) done();
    if (cutting.length === 0) return bytes.length;
    void pair.closed.then(() => cutting.forEach(({ done }) => done()));
    return Math.floor(bytes.length * Math.min(...cutting.map(({ share = 0 }) => share)));
  }
}

type Look = (from: Side, bytes: Uint8Array) => number;

/** One link through the proxy: ends when both its sockets are closed. */
class Pair {
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<void>;
  readonly #client: Duplex;
  readonly #broker: Duplex;
  #cut = false;

  constructor(client: Duplex, broker: Duplex, look: Look) {
    this.#client = client;
    this.#broker = broker;
    for (const socket of [client, broker]) {
      if (socket instanceof Socket) socket.setNoDelay(true);
      socket.on("error", () => {}); // "close" follows
    }
    const ends = [client, broker].map((socket) => new Promise<void>((resolve) => socket.on("close", () => resolve())));
    this.closed = Promise.all(ends).then(() => {});
    this.#relay(client, broker, "client", look);
    this.#relay(broker, client, "broker", look);
  }

  /** Ends both halves after what has passed; what still comes is not passed on. */
  cut(): Promise<void> {
    this.#cut = true;
    this.#client.end();
    this.#broker.end();
    return this.closed;
  }

  destroy(): void {
    this.#client.destroy();
    this.#broker.destroy();
  }

  #relay(source: Duplex, sink: Duplex, from: Side, look: Look): void {
    const framer = new Framer();
    source.on("data", (chunk: Uint8Array) => {
      if (this.#cut) return;
      framer.push(chunk);
      while (!this.#cut && framer.next()) {
        const bytes = framer.buffer.subarray(framer.start, framer.end);
        const passing = look(from, bytes);
        if (passing > 0) sink.write(bytes.slice(0, passing));
        if (passing < bytes.length) void this.cut();
      }
    });
    source.on("end", () => source.end()); // as sockets do by themselves, and streams over a WebSocket don't
    source.on("close", () => sink.end());
  }
}

/** What listens as the broker does. */
function listener({ protocol }: URL, accept: (socket: Duplex) => void): Server {
  if (protocol === "mqtts:") return createTlsServer(serverTls, accept);
  if (protocol === "mqtt:") return createServer(accept);
  const server = createHttpServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => "mqtt" });
  sockets.on("connection", (socket) => accept(createWebSocketStream(socket)));
  return server;
}

function dial({ href, protocol, hostname: host, port }: URL): Duplex {
  if (protocol === "mqtts:") return connectTls({ host, port: Number(port), ca });
  if (protocol === "mqtt:") return connectTcp({ host, port: Number(port) });
  return createWebSocketStream(new WebSocket(href, ["mqtt"]));
}
