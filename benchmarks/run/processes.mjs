// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The line of a stack trace that says what happened. */
function messageOf(text) {
  return text.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? text;
}

/** What a program prints as its last line of JSON. Rejects with its errors if it fails or takes too long. */
export function runToEnd(command, args, { timeout = 120_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeout);
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(JSON.parse(output.trim().split("\n").pop()));
      const reason = signal === "SIGKILL" ? `no result within ${timeout / 1000} s` : errors.trim();
      reject(new Error(messageOf(reason) || `ended with ${code ?? signal}`));
    });
  });
}

/** One run of a peer in a process of its own. */
export function runPeer(peer, settings) {
  const json = JSON.stringify({ ...settings, peer: peer.id });
  if (peer.binary !== undefined) return runToEnd(peer.binary, [json]);
  const flags = settings.allocation ? ["--min-semi-space-size=128", "--max-semi-space-size=128"] : [];
  return runToEnd(process.execPath, ["--expose-gc", ...flags, ...settings.flags, path("../worker/worker.mjs"), json]);
}

/** Starts sink and source; `close` ends it. With the port of a broker it stands at the broker's other side. */
export async function startCounterpart(brokerPort) {
  // Memory enough that its collections do not stand in the clients' latencies.
  const flags = ["--min-semi-space-size=64", "--max-semi-space-size=64"];
  const args = [
    ...flags,
    path("../counterpart/counterpart.mjs"),
    ...(brokerPort === undefined ? [] : [String(brokerPort)]),
  ];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the counterpart ended with ${code}`)));
  });
  return { ...JSON.parse(line), close: () => child.stdin.end() };
}
