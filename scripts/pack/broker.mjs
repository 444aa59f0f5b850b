// SPDX-License-Identifier: Apache-2.0
// Brokers on free ports of this machine: `{ url, stop() }`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { root } from "../command.mjs";

const load = (file) => import(pathToFileURL(join(root, "packages", "testing", "dist", file)).href);

/** The TestBroker, built. `scheme`: mqtt or ws. */
export async function testBroker(scheme = "mqtt") {
  const [{ TestBroker }, { listen }] = await Promise.all([
    load("index.js"),
    load(scheme === "ws" ? "ws.js" : "node.js"),
  ]);
  const broker = new TestBroker();
  const listener = await listen(broker);
  const stop = () => Promise.all([broker.close(), listener.close()]);
  return { url: `${scheme}://127.0.0.1:${listener.port}`, stop };
}

export function findMosquitto() {
  const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];
  return places.flatMap((place) => [join(place, "mosquitto"), join(place, "mosquitto.exe")]).find(existsSync);
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Whether something accepts connections on the port, now. */
function answers(port) {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Its configuration is written into `folder`. */
export async function mosquitto(program, folder) {
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  const child = spawn(program, ["-c", config], { stdio: "ignore" });
  const gone = once(child, "exit");
  const stop = async () => {
    child.kill();
    await gone;
  };
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await answers(port)) return { url: `mqtt://127.0.0.1:${port}`, stop };
    await setTimeout(50);
  }
  await stop();
  throw new Error("mosquitto did not start");
}
