// SPDX-License-Identifier: Apache-2.0
import { TestBroker, type TestBrokerOptions } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { listen as listenWs } from "@mqttv5/testing/ws";
import { type ConnectPacket, encodeUtf8, PacketType, ReasonCode } from "@mqttv5/wire";
import { ca, serverTls } from "../certificates.js";
import { type Carrier, KNOWN_USER, type Redirect, type RunningBroker, type Target } from "../target.js";
import { scramServer } from "./scram-server.js";

const usual: TestBrokerOptions = {
  authenticate,
  authenticationMethods: { "SCRAM-SHA-256": scramServer },
  receiveMaximum: 20,
  outgoingTopicAliases: 5,
};

/** The broker of `@mqttv5/testing`, in this process. */
export function testBroker(over: Carrier): Target {
  return {
    name: `TestBroker over ${over}`,
    lacks: {},
    start: () => serve(new TestBroker(usual), over),
  };
}

async function serve(broker: TestBroker, over: Carrier): Promise<RunningBroker> {
  const listener = await (over === "WebSocket"
    ? listenWs(broker)
    : listen(broker, over === "TLS" ? { tls: serverTls } : {}));
  return {
    url: listener.url,
    tls: { ca },
    limited: (limits) => serve(new TestBroker({ ...usual, ...limits }), over),
    redirecting: (redirect) => serve(redirecting(redirect), over),
    async stop() {
      await broker.close();
      await listener.close();
    },
  };
}

function redirecting({ packet, reasonCode, serverReference }: Redirect): TestBroker {
  if (packet === "CONNACK") return new TestBroker({ authenticate: () => ({ reasonCode, serverReference }) });
  const broker = new TestBroker({
    onPacket({ direction, clientId, packet: { type } }) {
      if (direction !== "sent" || type !== PacketType.Connack) return;
      setImmediate(() => broker.disconnect(clientId, { reasonCode, serverReference }));
    },
  });
  return broker;
}

function authenticate({ username, password }: ConnectPacket): number {
  if (username === undefined) return ReasonCode.Success;
  const expected = encodeUtf8(KNOWN_USER.password);
  const right = username === KNOWN_USER.username && password !== undefined && Buffer.compare(password, expected) === 0;
  return right ? ReasonCode.Success : ReasonCode.BadUserNameOrPassword;
}
