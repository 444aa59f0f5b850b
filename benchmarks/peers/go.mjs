// SPDX-License-Identifier: Apache-2.0
// The Go clients. Their modules are fetched when a run needs them, into a cache of the user's, and built there.
import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const PEERS = [
  {
    id: "go-mqttv5",
    name: "mqttv5 (Go)",
    source: "mqttv5.go",
    module: "github.com/ashtonian/mqttv5",
    version: "latest",
  },
  {
    id: "go-paho",
    name: "paho.golang",
    source: "paho.go",
    module: "github.com/eclipse/paho.golang",
    version: "v0.23.0",
  },
];
const GO_VERSION = "1.24";

const lacks = {
  qos2: "run for QoS 0 and one QoS 1 publish at a time only",
  window: "run for QoS 0 and one QoS 1 publish at a time only",
  topics: "run for one topic only",
};

/** The Go peers, built, or with `missing`: why they can't be run. */
export async function goPeers(wanted) {
  if (!wanted) return {};
  const peers = {};
  for (const peer of PEERS) peers[peer.id] = { ...peer, lacks, ...(await build(peer)) };
  return peers;
}

async function build({ id, source, module, version }) {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mqttv5-benchmarks", id);
  const go = (...args) => run("go", args, { cwd: folder, timeout: 180_000 });
  try {
    await mkdir(folder, { recursive: true });
    for (const name of ["harness.go", source]) {
      await copyFile(fileURLToPath(new URL(`go/${name}`, import.meta.url)), join(folder, name));
    }
    await writeFile(join(folder, "go.mod"), `module bench\n\ngo ${GO_VERSION}\n`);
    await go("get", `${module}@${version}`);
    await go("build", "-o", "bench", ".");
    const { stdout } = await go("list", "-m", "-f", "{{.Version}}", module);
    const toolchain = (await go("version")).stdout.trim();
    return { binary: join(folder, "bench"), version: `${stdout.trim()}, ${toolchain.replace("go version ", "")}` };
  } catch (error) {
    if (error.code === "ENOENT") return { missing: "there is no `go` here" };
    const lines = (error.stderr || error.message).trim().split("\n");
    const reason = lines.filter((line) => !line.startsWith("go: downloading")).join(" ");
    return {
      missing: reason
        .replaceAll(/\s*https?:\/\/\S+/g, "")
        .replaceAll(/\s+/g, " ")
        .slice(0, 200),
    };
  }
}
