// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { mosquittoVersion } from "../counterpart/mosquitto.mjs";
import { peerVersions } from "../peers/peers.mjs";

function commit() {
  try {
    const git = (...args) =>
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain") === "" ? "" : " with changes"}`;
  } catch {
    return undefined;
  }
}

/** Where, when and with what a run was made. */
export async function describeRun(peers) {
  const versions = await peerVersions();
  for (const { id, name, version, binary } of Object.values(peers))
    if (id.startsWith("go-") && binary !== undefined) versions[name] = version;
  const broker = mosquittoVersion();
  if (broker !== undefined) versions.mosquitto = broker.version;
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGigabytes: Math.round(totalmem() / 2 ** 30),
      system: `${process.platform} ${release()} ${process.arch}`,
    },
    node: process.versions.node,
    v8: process.versions.v8,
    versions,
  };
}
