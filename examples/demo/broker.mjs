// SPDX-License-Identifier: Apache-2.0
// The broker of the demo: one inside this process, or yours, behind a proxy whose links the demo can cut. Both have
// `url`, `access`, `goDown`, `comeBack` and `stop`.
import { once } from "node:events";
import { connect, createServer, isIP } from "node:net";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const DEFAULT_PORTS = { "mqtt:": 1883, "tcp:": 1883, "mqtts:": 8883, "tls:": 8883, "ssl:": 8883 };

/** A broker in this process. It restarts for good: nobody listens meanwhile, and what it had promised to keep is kept. */
export async function embeddedBroker() {
  const broker = new TestBroker();
  let listener = await listen(broker);
  const { port, url } = listener;
  return {
    url,
    access: {},
    about: `TestBroker of @mqttv5/testing, in this process, at ${url}`,
    restarting: "The broker restarts in the middle",
    goesDown: "stops listening and drops every connection",
    isBack: "listens again; as any real broker does, it kept its sessions",
    async goDown() {
      await listener.close();
    },
    async comeBack() {
      listener = await listen(broker, { port });
    },
    async stop() {
      await broker.close();
      await listener.close();
    },
  };
}

/** Your broker: it is not ours to restart, so the demo cuts the clients off from it instead. */
export async function yourBroker(text) {
  const url = parse(text);
  const target = { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || DEFAULT_PORTS[url.protocol]) };
  const shown = `${url.protocol}//${url.host}`;
  await probe(target, shown);
  const sockets = new Set();
  const keep = (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((client) => {
    const broker = keep(connect(target));
    keep(client);
    client.setNoDelay(true);
    broker.setNoDelay(true);
    client.pipe(broker).pipe(client);
    client.on("close", () => broker.destroy());
    broker.on("close", () => client.destroy());
  });
  const start = async (port) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const goDown = () =>
    new Promise((resolve) => {
      server.close(resolve);
      for (const socket of sockets) socket.destroy();
    });
  await start(0);
  const { port } = server.address();
  return {
    url: `${url.protocol}//127.0.0.1:${port}`,
    access: {
      tls: isIP(target.host) ? {} : { servername: target.host },
      ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    },
    about: `yours, at ${shown}, through a proxy in this process (port ${port})`,
    restarting: "The network fails in the middle",
    goesDown:
      "can't be reached: this demo can't restart your broker, so its proxy cuts every link and takes no new one",
    isBack: "can be reached again",
    goDown,
    comeBack: () => start(port),
    stop: goDown,
  };
}

function parse(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === "" || !Object.hasOwn(DEFAULT_PORTS, url.protocol)) {
    throw new Error("MQTT_BROKER is not a URL such as mqtt://host:1883 (mqtt, tcp, mqtts, tls or ssl)");
  }
  return url;
}

/** A typo in the address should be the first thing said, not the last. */
async function probe(target, shown) {
  const socket = connect(target);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(5_000) });
  } catch (error) {
    const reason = error.name === "AbortError" ? "no answer within 5 s" : error.message || error.code;
    throw new Error(`The broker at ${shown} can't be reached: ${reason}`, { cause: error });
  } finally {
    socket.on("error", () => {});
    socket.destroy();
  }
}
