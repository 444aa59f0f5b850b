// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const CONFIG = `allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
max_queued_bytes 0
persistence false
log_type error
`;

const COMMANDS = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/** Its version, or undefined where it is not installed. */
export function mosquittoVersion() {
  for (const command of COMMANDS) {
    const { stdout } = spawnSync(command, ["-h"], { encoding: "utf8" });
    const version = /mosquitto version (\S+)/.exec(stdout ?? "")?.[1];
    if (version !== undefined) return { command, version };
  }
  return undefined;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port) {
  const socket = connect({ port, host: "127.0.0.1" });
  const answered = await new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  socket.destroy();
  return answered;
}

/** A broker with a configuration of its own on a free port of the loopback. */
export async function startMosquitto(command) {
  const folder = await mkdtemp(join(tmpdir(), "bench-mosquitto-"));
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  await writeFile(config, `listener ${port} 127.0.0.1\n${CONFIG}`);
  const child = spawn(command, ["-c", config], { stdio: ["ignore", "ignore", "inherit"] });
  for (let i = 0; i < 200 && child.exitCode === null && !(await answers(port)); i++) await sleep(25);
  if (child.exitCode !== null) throw new Error("mosquitto did not start");
  return {
    port,
    async close() {
      child.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
