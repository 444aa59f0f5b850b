// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * An address that leads to a broker while it is open, and refuses connections while it is shut. Knows nothing of what passes. Lives as
 * long as its test.
 */
export class Door {
  readonly url: string;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(port: number, path: string) {
    this.#port = port;
    this.url = `ws://127.0.0.1:${port}${path}`;
  }

  /** A door to this broker, open. */
  static async to(broker: string): Promise<Door> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const door = new Door((server.address() as AddressInfo).port, new URL(broker).pathname);
    door.#serve(server, broker);
    return door;
  }

  /** Leads to this broker from now on. */
  async open(broker: string): Promise<void> {
    const server = createServer().listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#serve(server, broker);
  }

  /** Refuses connections, and cuts those that there are. Idempotent. */
  async shut(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(server: Server, broker: string): void {
    this.#server = server;
    const { hostname: host, port } = new URL(broker);
    server.on("connection", (near) => {
      const far = connect({ host, port: Number(port) });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on("error", () => {}); // "close" follows
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }
}
