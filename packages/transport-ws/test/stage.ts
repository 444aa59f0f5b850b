// SPDX-License-Identifier: Apache-2.0
import type { Link, Transport } from "@mqttv5/core";
import { afterEach } from "vitest";
import { WebSocket } from "ws";
import { ws } from "../src/index.js";
import type { WsOptions } from "../src/options.js";
import { type PlatformWebSocket, webTransport } from "../src/web-transport.js";
import { type HostileServer, hostileServer, type RawConnection } from "./hostile-server.js";

/** The transport of every platform; that for the web runs here over the class of `ws`, which has the same face. */
export const platforms: readonly (readonly [string, (options?: WsOptions) => Transport])[] = [
  ["for Node", ws],
  ["for other platforms", (options = {}) => webTransport(options, () => WebSocket as unknown as PlatformWebSocket)],
];

const servers: HostileServer[] = [];

/** A server that is closed behind the test. */
export async function serve(play: (connection: RawConnection) => void): Promise<HostileServer> {
  const server = await hostileServer(play);
  servers.push(server);
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** What came of a link. */
export interface Watched {
  readonly link: Link;
  readonly chunks: Buffer[];
  /** Resolves with what `closed` said. */
  readonly closed: Promise<Error | undefined>;
  /** Resolves when so many bytes have come. */
  bytes(count: number): Promise<Buffer>;
}

export async function connect(transport: Transport, url: URL, signal = new AbortController().signal): Promise<Watched> {
  return watch(await transport.connect(url, { signal }));
}

export function watch(link: Link): Watched {
  const chunks: Buffer[] = [];
  let arrived: (() => void)[] = [];
  const closed = new Promise<Error | undefined>((resolve) => {
    link.open({
      received(chunk) {
        chunks.push(Buffer.from(chunk));
        for (const wake of arrived.splice(0)) wake();
      },
      drained() {},
      closed: resolve,
    });
  });
  const bytes = async (count: number): Promise<Buffer> => {
    while (Buffer.concat(chunks).length < count)
      await new Promise<void>((resolve) => (arrived = [...arrived, resolve]));
    return Buffer.concat(chunks);
  };
  return { link, chunks, closed, bytes };
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it resolved",
    (error: unknown) => error,
  );
}
