// SPDX-License-Identifier: Apache-2.0
// Receives what the counterpart sends, by a callback or an async iterator, and checks every sequence number.
import { Tally } from "../counterpart/endpoint.mjs";
import { FILTER, sequenceOf } from "../counterpart/frames.mjs";
import { openFloor } from "../peers/floor.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp(settings, control) {
  const { peer, port, qos, size, topicCount, iterator, view } = settings;
  const prepare = (count) => control.ask("prepare", { mode: "source", qos, size, topicCount, count });
  if (peer === "floor") {
    const floor = await openFloor({ ...settings, clientId: "floor" });
    await floor.subscribe();
    return {
      async run(count) {
        await prepare(count);
        const all = floor.receive(count);
        await control.ask("go");
        await all;
        await control.finish();
      },
      close: () => floor.close(),
    };
  }
  let tally;
  const onPayload = (payload) => tally.add(sequenceOf(payload));
  const connection = await (await loadPeer(peer)).open({ port, clientId: `worker-${process.pid}` });
  await connection[iterator ? "iterate" : view ? "subscribeView" : "subscribe"](FILTER, qos, onPayload);
  return {
    async run(count) {
      await prepare(count);
      await new Promise((resolve, reject) => {
        tally = new Tally(count, resolve);
        control.ask("go").catch(reject);
      });
      await control.finish();
      if (tally.error !== undefined) throw new Error(`${peer}: ${tally.error}`);
    },
    close: () => connection.close(),
  };
}
