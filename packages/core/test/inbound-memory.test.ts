// SPDX-License-Identifier: Apache-2.0
import { encode, type QoS } from "@mqttv5/wire";
import { describe, expect, it } from "vitest";
import { publish } from "./bench.js";
import { ForgetfulLink, held } from "./forgetful-link.js";

const MIB = 1 << 20;

describe("received messages of 1 MiB [decision 2]", () => {
  it.each<[QoS, number | undefined]>([
    [0, 8],
    [1, 8],
    [0, undefined],
    [1, undefined],
  ])("at QoS %i occupy no more than maximumBufferedBytes (%s MiB, by default 64), measured", async (qos, mebibytes) => {
    const limit = mebibytes ?? 64;
    const { clock, client, link } = await ForgetfulLink.client(
      mebibytes === undefined ? {} : { maximumBufferedBytes: mebibytes * MIB },
    );
    const queue = await clock.run(client.subscribeQueue("a", { qos }));
    const payload = "x".repeat(MIB);
    const before = await held();
    let sent = 0;
    while (sent < 100 && !link.paused)
      link.receive(encode(publish("a", payload, qos === 0 ? {} : { qos, packetId: ++sent })));
    await clock.settle();
    const grown = (await held()) - before;
    expect(queue.size).toBe(limit);
    expect(grown).toBeGreaterThan(limit * MIB);
    expect(grown).toBeLessThan((limit + 0.5) * MIB);
    await clock.run(client.disconnect());
  });
});
