// SPDX-License-Identifier: Apache-2.0
// Questions and answers over MQTT 5: Response Topic and Correlation Data are the client's to handle.
import { json } from "@mqttv5/codec-json";
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

// A broker in this process, so that the example needs nothing else. An application has none of this.
const broker = new TestBroker();
const listener = await listen(broker);

const service = new Client({ broker: listener.url, clientId: "service" });
const asker = new Client({ broker: listener.url, clientId: "asker" });
await Promise.all([service.connect(), asker.connect()]);

// What the handler returns is the response: bytes, text, or an object with a payload and properties.
await service.respond("example/echo", (request) => `${request.text()}!`, { qos: 1 });
const answer = await asker.request("example/echo", "hello", { qos: 1 });
console.log(`hello -> ${answer.text()}`);

// The same over values. 1,000 questions under way at a time share one subscription; each finds its answer.
const sums = service.typed(json());
await sums.respond("example/sum", ({ value }) => value.reduce((sum, number) => sum + number, 0), { qos: 1 });
const calculator = asker.typed(json());
const questions = Array.from({ length: 1000 }, (_, n) => [n, n + 1]);
const answers = await Promise.all(questions.map((numbers) => calculator.request("example/sum", numbers, { qos: 1 })));
const right = answers.filter(({ value }, n) => value === 2 * n + 1).length;
console.log(`${right} of ${answers.length} sums are right`);

/** How a question ends that nobody answers. */
async function fails(what, asking) {
  const error = await asking.then(
    () => new Error("was answered"),
    (reason) => reason,
  );
  console.log(`${what}: ${error.code}, delivery: ${error.delivery}`);
}

await fails("nobody listens there", asker.request("example/nobody", "hello?", { qos: 1 }));
await service.respond("example/silence", () => undefined, { qos: 1 });
await fails("nobody answers", asker.request("example/silence", "hello?", { qos: 1, timeout: 100 }));
await fails("the asker loses patience", asker.request("example/silence", "?", { signal: AbortSignal.timeout(50) }));

if (right !== answers.length) process.exitCode = 1;
await Promise.all([service.disconnect(), asker.disconnect()]);
await broker.close();
await listener.close();
