// SPDX-License-Identifier: Apache-2.0
// Three processes share the filter `$share/workers/…`: each job goes to one of them, QoS 1. One dies in the middle of a
// job; what it had not acked goes to the others. Ends with 0 only if every job was done.
import { fork } from "node:child_process";
import { once } from "node:events";
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";

const JOBS = 60;

if (process.send !== undefined) await work(process.argv[2], process.argv[3]);
else await orchestrate();

/** A worker: does a job, says so, and only then acks it. */
async function work(url, name) {
  // With an expiry of 0 the session ends with the connection, and its jobs go to the others at once.
  const client = new Client({ broker: url, clientId: name, sessionExpiryInterval: 0, receiveMaximum: 5 });
  await client.connect();
  await client.subscribeCallback(
    "$share/workers/example/jobs",
    async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 5)); // the work
      process.send({ name, job: Number(message.text()) });
    },
    { qos: 1 },
  );
  process.send({ name, ready: true });
  await once(process, "message"); // that is enough
  await client.disconnect();
  process.disconnect();
}

async function orchestrate() {
  const broker = new TestBroker();
  const listener = await listen(broker);
  const done = new Map();
  const tally = new Map();
  const workers = new Map();
  let ready = 0;
  let all = () => {};

  const hear = ({ name, job, ready: isReady }) => {
    if (isReady) ready++;
    else {
      done.set(job, (done.get(job) ?? 0) + 1);
      tally.set(name, (tally.get(name) ?? 0) + 1);
    }
    if (name === "worker-2" && tally.get(name) === 5) {
      console.log("worker-2 is killed with jobs in its hands");
      workers.get(name).kill("SIGKILL");
    }
    all();
  };
  const until = (condition) =>
    new Promise((resolve) => {
      all = () => condition() && resolve();
      all();
    });

  for (const name of ["worker-1", "worker-2", "worker-3"]) {
    const worker = fork(new URL(import.meta.url), [listener.url, name]);
    worker.on("message", hear);
    workers.set(name, worker);
  }
  await until(() => ready === 3);

  const client = new Client({ broker: listener.url });
  await client.connect();
  await Promise.all(Array.from({ length: JOBS }, (_, job) => client.publish("example/jobs", `${job}`, { qos: 1 })));
  await until(() => done.size === JOBS);

  for (const name of workers.keys()) console.log(`${name} did ${tally.get(name) ?? 0} jobs`);
  const twice = [...done.values()].filter((times) => times > 1).length;
  console.log(`${done.size} of ${JOBS} jobs done, ${twice} of them twice: QoS 1 is at least once`);
  for (const worker of workers.values()) if (worker.connected) worker.send("stop");
  await client.disconnect();
  await broker.close();
  await listener.close();
}
