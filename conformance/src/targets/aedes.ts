// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Aedes } from "aedes";
import { ca, serverTls } from "../certificates.js";
import { KNOWN_USER, type Limits, type RunningBroker, type Target } from "../target.js";

/** aedes 2.0.0-beta.1, in this process. What it lacks was seen on the wire, with this version. */
export function aedes(tls: boolean): Target {
  return {
    name: `aedes over ${tls ? "TLS" : "TCP"}`,
    lacks: {
      "broker's topic aliases": "aedes gives its messages no aliases",
      "client's Maximum Packet Size": "aedes does not keep to it",
      "client's Receive Maximum": "aedes does not keep to it",
      "DUP on redelivery": "aedes sends again with DUP 0",
      "empty levels for +": "+ of aedes matches no empty level",
      "exactly once with many in flight": "aedes sends PUBLISH again after PUBREL",
      "limits on publishing": "aedes has no setting for Maximum QoS and Retain Available",
      "limits on subscribing": "aedes has no setting for them",
      "no kept messages for shared subscriptions": "aedes has no shared subscriptions",
      "order of resent messages": "aedes mixes new messages among those it sends again",
      "order of user properties": "aedes groups user properties by name",
      "overlapping subscriptions": "aedes sends one copy, with the identifier and QoS of the first filter alone",
      redirects: "aedes never sends anybody elsewhere",
      SCRAM: "aedes refuses every Authentication Method with 0x8C",
      "sessions without subscriptions": "aedes keeps a session only for subscriptions",
      "shared subscriptions": "aedes has none, and says so in CONNACK",
      "will delay": "aedes forwards Will Delay Interval in PUBLISH, where it is not allowed",
    },
    start: () => start(tls, {}),
  };
}

async function start(tls: boolean, limits: Limits): Promise<RunningBroker> {
  const { topicAliasMaximum = 10, receiveMaximum = 20, maximumPacketSize = 0, serverKeepAlive = 0 } = limits;
  const broker = await Aedes.createBroker({
    topicAliasMaximum,
    receiveMaximum,
    maximumPacketSize,
    keepaliveLimit: serverKeepAlive,
    authenticate: (_client, username, password, done) => {
      const right = username === KNOWN_USER.username && password?.toString() === KNOWN_USER.password;
      done(null, username === undefined || right);
    },
  });
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    socket.setNoDelay(true); // aedes writes its answers in pieces
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    broker.handle(socket);
  };
  const server = tls ? createTlsServer(serverTls, serve) : createServer(serve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `${tls ? "mqtts" : "mqtt"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tls: { ca },
    limited: (others) => start(tls, others),
    async stop() {
      await new Promise<void>((resolve) => broker.close(resolve));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
