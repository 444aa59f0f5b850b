// SPDX-License-Identifier: Apache-2.0
import { mqtt_v5 as createClient } from "u8-mqtt/node";

export const name = "u8-mqtt";
export const lacks = {
  publishQos0: "its publish throws at QoS 0",
  qos2: "it has no QoS 2",
  replay: "it sends nothing again after a reconnect",
  identifiers: "it uses the packet identifier 0, for which a broker disconnects it",
  iterator: "it has no async iterator",
};

export async function open({ port, clientId }) {
  const client = createClient({ log_conn() {}, on_disconnect() {} });
  client.with_tcp(port, "127.0.0.1", { noDelay: true });
  await client.connect({ client_id: clientId, flags: { clean_start: true } });
  return {
    client,
    publish: (topic, payload, qos) => client.pub({ topic, payload, qos }),
    async subscribe(filter, qos, onPayload) {
      client.on_topic(filter, (packet) => onPayload(packet.payload));
      await client.subscribe([[filter, { qos }]]);
    },
    close: () => client.disconnect(),
  };
}
