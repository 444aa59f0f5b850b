// SPDX-License-Identifier: Apache-2.0
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { type ConnectPacket, encodeUtf8, ReasonCode } from "@mqttv5/wire";
import { ca, serverTls } from "../certificates.js";
import { KNOWN_USER, type Target } from "../target.js";
import { scramServer } from "./scram-server.js";

/** The broker of `@mqttv5/testing`, in this process. */
export function testBroker(tls: boolean): Target {
  return {
    name: `TestBroker over ${tls ? "TLS" : "TCP"}`,
    lacks: {},
    async start() {
      const broker = new TestBroker({
        authenticate,
        authenticationMethods: { "SCRAM-SHA-256": scramServer },
        receiveMaximum: 20,
        outgoingTopicAliases: 5,
      });
      const listener = await listen(broker, tls ? { tls: serverTls } : {});
      return {
        url: listener.url,
        tls: { ca },
        async stop() {
          await broker.close();
          await listener.close();
        },
      };
    },
  };
}

function authenticate({ username, password }: ConnectPacket): number {
  if (username === undefined) return ReasonCode.Success;
  const expected = encodeUtf8(KNOWN_USER.password);
  const right = username === KNOWN_USER.username && password !== undefined && Buffer.compare(password, expected) === 0;
  return right ? ReasonCode.Success : ReasonCode.BadUserNameOrPassword;
}
