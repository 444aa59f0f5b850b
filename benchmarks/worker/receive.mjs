// SPDX-License-Identifier: Apache-2.0
// Receives what the counterpart sends, by a callback or an async iterator, and checks every sequence number.
import { Tally } from "../counterpart/endpoint.mjs";
import { FILTER, sequenceOf } from "../counterpart/frames.mjs";
import { openFloor } from "../peers/floor.mjs";
import { FloorFrames } from "../peers/floor-frames.mjs";
import { loadPeer } from "../peers/peers.mjs";

export async function setUp(settings, control) {
  const { peer, qos, size, topicCount, single } = settings;
  const prepare = (count) => control.ask("prepare", { mode: "source", qos, size, topicCount, single, count });
  const clientId = `worker-${process.pid}`;
  if (peer === "floor" && settings.through !== "mosquitto") {
    const floor = await openFloor({ ...settings, clientId });
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
  const onSequence = (sequence) => tally.add(sequence);
  const close = await (peer === "floor" ? subscribeFloor : subscribeClient)({ ...settings, clientId }, onSequence);
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
    close,
  };
}

async function subscribeClient({ peer, port, clientId, qos, iterator, view }, onSequence) {
  const connection = await (await loadPeer(peer)).open({ port, clientId });
  const onPayload = (payload) => onSequence(sequenceOf(payload));
  await connection[iterator ? "iterate" : view ? "subscribeView" : "subscribe"](FILTER, qos, onPayload);
  return () => connection.close();
}

async function subscribeFloor(settings, onSequence) {
  const frames = await FloorFrames.open(settings);
  frames.onAnswer = onSequence;
  await frames.subscribe(settings.qos);
  return () => frames.close();
}
