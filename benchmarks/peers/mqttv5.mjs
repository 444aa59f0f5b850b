// SPDX-License-Identifier: Apache-2.0
import { Client, constantBackoff } from "@mqttv5/core";

export const name = "@mqttv5/core";
export const lacks = {};

export async function open({ port, clientId, resume }) {
  const client = new Client({
    broker: `mqtt://127.0.0.1:${port}`,
    clientId,
    ...(resume ? { sessionExpiryInterval: 300, reconnectBackoff: constantBackoff(0) } : {}),
  });
  await client.connect();
  const options = [{ qos: 0 }, { qos: 1 }, { qos: 2 }];
  return {
    client,
    publish: (topic, payload, qos) => client.publish(topic, payload, options[qos]),
    subscribe: (filter, qos, onPayload) =>
      client.subscribeCallback(filter, (message) => onPayload(message.payload), { qos }),
    subscribeView: (filter, qos, onPayload) =>
      client.subscribeCallback(filter, (message) => onPayload(message.payload), { qos, zeroCopy: true }),
    async iterate(filter, qos, onPayload) {
      const subscription = await client.subscribe(filter, { qos, bufferSize: 1_000_000 });
      void (async () => {
        for await (const message of subscription) {
          onPayload(message.payload);
          message.ack();
        }
      })();
    },
    close: () => client.disconnect(),
  };
}
