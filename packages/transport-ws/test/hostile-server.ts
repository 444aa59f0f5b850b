// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** One connection of a server that speaks WebSocket by hand, and so can speak it wrongly. */
export interface RawConnection {
  readonly socket: Socket;
  /** The lines of the request. */
  readonly request: readonly string[];
  /** Answers 101, with these header lines beside the usual ones and `more` in the same write. */
  accept(subprotocol?: string, more?: Uint8Array): void;
  /** Answers the request otherwise. */
  answer(status: string, ...headers: readonly string[]): void;
  /** One frame as it comes: flags and opcode, length, payload. */
  frame(first: number, payload?: Uint8Array | string): void;
  /** The next frame of the client: its first byte and its unmasked payload. */
  next(): Promise<{ first: number; masked: boolean; payload: Buffer }>;
  /** What the client asked for in one header. */
  header(name: string): string | undefined;
}

export interface HostileServer {
  readonly url: URL;
  readonly connections: readonly RawConnection[];
  close(): Promise<void>;
}

/** A frame of a server: not masked. */
export function frameBytes(first: number, payload: Uint8Array | string = ""): Buffer {
  const body = Buffer.from(payload as Uint8Array);
  const size =
    body.length < 126
      ? Buffer.from([body.length])
      : body.length < 65_536
        ? Buffer.from([126, body.length >> 8, body.length & 255])
        : Buffer.concat([Buffer.from([127]), bigEndian(body.length)]);
  return Buffer.concat([Buffer.from([first]), size, body]);
}

export function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

/** Calls `play` with each connection whose request is complete. */
export async function hostileServer(play: (connection: RawConnection) => void): Promise<HostileServer> {
  const connections: RawConnection[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    let received = Buffer.alloc(0);
    socket.on("data", function read(chunk: Buffer) {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end === -1) return;
      socket.off("data", read);
      const connection = rawConnection(
        socket,
        received.subarray(0, end).toString().split("\r\n"),
        received.subarray(end + 4),
      );
      connections.push(connection);
      play(connection);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/mqtt`),
    connections,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

function rawConnection(socket: Socket, request: string[], head: Buffer): RawConnection {
  let rest = head;
  const arrived: (() => void)[] = [];
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (const resolve of arrived.splice(0)) resolve();
  });
  const bytes = async (count: number): Promise<Buffer> => {
    while (rest.length < count) await new Promise<void>((resolve) => arrived.push(resolve));
    const taken = rest.subarray(0, count);
    rest = rest.subarray(count);
    return taken;
  };
  const header = (name: string): string | undefined =>
    request.find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))?.replace(/^[^:]*: */, "");
  return {
    socket,
    request,
    header,
    accept(subprotocol = "mqtt", more = new Uint8Array(0)) {
      const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
      const key = createHash("sha1")
        .update(`${header("Sec-WebSocket-Key")}${guid}`)
        .digest("base64");
      const chosen = subprotocol === "" ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`];
      const lines = ["HTTP/1.1 101 Go on", "Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${key}`];
      socket.write(Buffer.concat([Buffer.from(`${[...lines, ...chosen].join("\r\n")}\r\n\r\n`), more]));
    },
    answer(status, ...headers) {
      socket.write(`${[`HTTP/1.1 ${status}`, "Content-Length: 0", ...headers].join("\r\n")}\r\n\r\n`);
    },
    frame: (first, payload) => void socket.write(frameBytes(first, payload)),
    async next() {
      const [first = 0, second = 0] = await bytes(2);
      let length = second & 127;
      if (length === 126) length = (await bytes(2)).readUInt16BE();
      else if (length === 127) length = Number((await bytes(8)).readBigUInt64BE());
      const mask = second >= 128 ? await bytes(4) : Buffer.alloc(4);
      const payload = Buffer.from(await bytes(length)).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      return { first, masked: second >= 128, payload: Buffer.from(payload) };
    },
  };
}

/** A port of the loopback where nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
