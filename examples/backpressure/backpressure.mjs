// SPDX-License-Identifier: Apache-2.0
// A consumer that is slower than the stream. At QoS 1 the broker waits for the acks, and nothing is lost; at QoS 0 somebody has to
// lose something, and `overflow` says what.
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

// A broker in this process, so that the example needs nothing else. An application has none of this.
const broker = new TestBroker();
const listener = await listen(broker);

const producer = new Client({ broker: listener.url, clientId: "producer" });
await producer.connect();

/** Publishes 1, 2, … up to `count` as fast as it goes. */
async function produce(topic, count, qos) {
  const numbers = Array.from({ length: count }, (_, index) => String(index + 1));
  await Promise.all(numbers.map((number) => producer.publish(topic, number, { qos })));
}

console.log("QoS 1: the broker waits, as at most 5 messages may be unacknowledged");
{
  const slow = new Client({ broker: listener.url, clientId: "slow", receiveMaximum: 5 });
  await slow.connect();
  const jobs = await slow.subscribe("example/backpressure/jobs", { qos: 1 });
  await produce("example/backpressure/jobs", 100, 1);
  let done = 0;
  let most = 0;
  for await (const job of jobs) {
    await new Promise((resolve) => setTimeout(resolve, 1)); // the work
    most = Math.max(most, jobs.pending + 1);
    job.ack(); // makes room for the next
    if (++done === 100) break;
  }
  console.log(`  ${done} of 100 handled, never more than ${most} here at a time`);
  if (most > 5) process.exitCode = 1;
  await slow.disconnect();
}

for (const overflow of ["hold", "drop-oldest", "pause"]) {
  const slow = new Client({ broker: listener.url, clientId: "slow" });
  await slow.connect();
  let dropped = 0;
  const ticks = await slow.subscribe("example/backpressure/ticks/#", {
    overflow,
    bufferSize: 10, // instead of 65,536
    onDrop: () => dropped++,
  });
  await produce("example/backpressure/ticks", 100, 0);
  // Each is answered behind the ticks, which have therefore arrived: at the broker, and here.
  await producer.publish("example/backpressure/elsewhere", "", { qos: 1 });
  await slow.publish("example/backpressure/elsewhere", "", { qos: 1 });
  const seen = [];
  for await (const tick of ticks) {
    seen.push(Number(tick.text()));
    if (seen.length + dropped === 100) break;
  }
  console.log(
    `QoS 0, overflow: "${overflow}": ${seen.length} handled, ${seen[0]} to ${seen.at(-1)}; ${dropped} dropped`,
  );
  if (seen.length !== (overflow === "pause" ? 100 : 10)) process.exitCode = 1;
  await slow.disconnect();
}

await producer.disconnect();
await broker.close();
await listener.close();
