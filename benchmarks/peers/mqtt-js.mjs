// SPDX-License-Identifier: Apache-2.0
import mqtt from "mqtt";

export const name = "MQTT.js";
export const lacks = {};

export async function open({ port, clientId, resume }) {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    clientId,
    ...(resume
      ? { clean: false, properties: { sessionExpiryInterval: 300 }, reconnectPeriod: 1 } // 0 would not reconnect
      : { clean: true, reconnectPeriod: 0 }),
  });
  const noDelay = () => client.stream.setNoDelay(true);
  noDelay();
  client.on("connect", noDelay);
  const options = [{ qos: 0 }, { qos: 1 }, { qos: 2 }];
  const subscribe = async (filter, qos, onPayload) => {
    client.on("message", (_topic, payload) => onPayload(payload)); // the ack follows its return
    await client.subscribeAsync(filter, { qos });
  };
  return {
    client,
    publish: (topic, payload, qos) => client.publishAsync(topic, payload, options[qos]),
    subscribe,
    subscribeView: subscribe, // every payload is a view of what the socket read
    iterate: subscribe, // it has no async iterator: the callback stands in
    close: () => client.endAsync(true),
  };
}
