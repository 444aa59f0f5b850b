// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ca, certificateFiles } from "../certificates.js";
import { PATIENCE } from "../patience.js";
import { type Carrier, KNOWN_USER, type Limits, type RunningBroker, type Target } from "../target.js";

/** The mosquitto of this machine; undefined if there is none. */
export const mosquittoProgram: string | undefined = find();

export const MOSQUITTO_ABSENT = "mosquitto is not installed";

/** Seen on the wire, with mosquitto 2.0.11. */
const lacks: Target["lacks"] = {
  "broker's topic aliases": "mosquitto 2.0.11 gives its messages no aliases",
  "client's Receive Maximum": "mosquitto 2.0.11 sends more with the first PUBACK than it allows",
  "DISCONNECT when taken over": "mosquitto 2.0.11 closes without a word",
  "limit on shared subscriptions": "mosquitto 2.0.11 has no setting for it",
  "limits on subscribing": "mosquitto 2.0.11 has no setting for them",
  redirects: "mosquitto 2.0.11 never sends anybody elsewhere",
  "Server Keep Alive of a second": "mosquitto 2.0.11 takes none below 10 seconds",
  SCRAM: "mosquitto 2.0.11 refuses it with 0x8C without a plug-in",
  "no kept messages for shared subscriptions": "mosquitto 2.0.11 brings them all the same",
};

/** It looks at its WebSockets ten times a second: each exchange takes its time, and the whole suite more than a minute. */
const overWebSocket = {
  lacks: { ...lacks, "messages of a MiB": "mosquitto 2.0.11 takes half a minute for one over WebSocket" },
  parts: ["connect", "authentication", "delivery", "payloads", "aliases", "sessions"],
};

/** A mosquitto process of its own. */
export function mosquitto(over: Carrier): Target {
  return {
    name: `mosquitto over ${over}`,
    absent: mosquittoProgram === undefined ? MOSQUITTO_ABSENT : undefined,
    lacks,
    ...(over === "WebSocket" ? overWebSocket : {}),
    start: () => startMosquitto(over),
  };
}

/** Starts mosquitto on a free port of the loopback; it keeps nothing on disk. */
export async function startMosquitto(over: Carrier, limits: Limits = {}): Promise<RunningBroker> {
  // The port was free a moment ago, and somebody else may have it by now.
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(over, await freePort(), limits);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

async function start(over: Carrier, port: number, limits: Limits): Promise<RunningBroker> {
  if (mosquittoProgram === undefined) throw new Error(MOSQUITTO_ABSENT);
  const folder = mkdtempSync(join(tmpdir(), "mqttv5-mosquitto-"));
  const passwords = join(folder, "passwords");
  writeFileSync(passwords, `${KNOWN_USER.username}:${hash(KNOWN_USER.password)}\n`);
  const { ca: cafile, cert, key } = certificateFiles;
  const config = [
    "per_listener_settings false",
    "allow_anonymous true",
    `password_file ${passwords}`,
    "user root", // else a broker started by root becomes one that can't read what root wrote
    "persistence false",
    "set_tcp_nodelay true",
    "max_queued_messages 20000",
    ...settings([
      ["max_inflight_messages", limits.receiveMaximum],
      ["max_packet_size", limits.maximumPacketSize],
      ["max_keepalive", limits.serverKeepAlive],
      ["retain_available", limits.retainAvailable],
    ]),
    // It does not start with a WebSocket listener alone.
    ...(over === "WebSocket" ? [`listener 0 ${join(folder, "socket")}`] : []),
    `listener ${port} 127.0.0.1`,
    ...settings([
      ["max_topic_alias", limits.topicAliasMaximum],
      ["max_qos", limits.maximumQoS],
    ]),
    ...(over === "WebSocket" ? ["protocol websockets"] : []),
    ...(over === "TLS" ? [`cafile ${cafile}`, `certfile ${cert}`, `keyfile ${key}`] : []),
  ];
  writeFileSync(join(folder, "mosquitto.conf"), `${config.join("\n")}\n`);
  const child = spawn(mosquittoProgram, ["-c", join(folder, "mosquitto.conf")], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const record = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on("data", record);
  child.stderr.on("data", record);
  const gone = once(child, "exit").finally(() => rmSync(folder, { recursive: true, force: true }));
  const stop = async (): Promise<void> => {
    child.kill();
    await gone;
  };
  const failed = gone.then(() => Promise.reject(new Error(`mosquitto ended:\n${output}`)));
  failed.catch(() => {}); // at the end it is meant to
  try {
    await Promise.race([answers(port), failed]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `${{ TCP: "mqtt", TLS: "mqtts", WebSocket: "ws" }[over]}://127.0.0.1:${port}`,
    tls: { ca },
    limited: (others) => startMosquitto(over, others),
    stop,
  };
}

/** The lines of those that are set. */
function settings(values: readonly (readonly [string, number | boolean | undefined])[]): string[] {
  return values.filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${value}`);
}

/** Resolves when something listens on the port. */
async function answers(port: number): Promise<void> {
  for (const until = Date.now() + PATIENCE; Date.now() < until; ) {
    const socket = connect(port, "127.0.0.1");
    const up = await Promise.race([once(socket, "connect"), once(socket, "close")]).then(
      () => !socket.connecting && !socket.destroyed,
      () => false,
    );
    socket.destroy();
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`mosquitto does not listen on port ${port}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** As mosquitto_passwd writes it: PBKDF2 with SHA-512. */
function hash(password: string): string {
  const salt = randomBytes(12);
  const derived = pbkdf2Sync(password, salt, 101, 64, "sha512");
  return `$7$101$${salt.toString("base64")}$${derived.toString("base64")}`;
}

function find(): string | undefined {
  const usual = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "C:\\Program Files\\mosquitto"];
  const places = [...(process.env["PATH"] ?? "").split(delimiter), ...usual].filter((place) => place !== "");
  return places.flatMap((place) => [join(place, "mosquitto"), join(place, "mosquitto.exe")]).find(existsSync);
}
