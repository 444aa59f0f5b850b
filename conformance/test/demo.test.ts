// SPDX-License-Identifier: Apache-2.0
// `npm run demo`, as a user runs it: a process of its own, with the built packages.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { describe, expect, test } from "vitest";
import { certificateFiles } from "../src/certificates.js";
import { PATIENCE, within } from "../src/patience.js";
import { MOSQUITTO_ABSENT, mosquittoProgram, startMosquitto } from "../src/targets/mosquitto.js";

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

const demo = fileURLToPath(new URL("../../examples/demo/demo.mjs", import.meta.url));
const built = existsSync(new URL("../../packages/core/dist/index.js", import.meta.url));
const NOT_BUILT = "the packages are not built: npm run build";
const TIMEOUT = 30_000;

/** Runs the demo to its end. `heard` may act on what it has printed so far. */
async function run(
  env: Readonly<Record<string, string>> = {},
  heard?: (output: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MQTT_BROKER|NO_COLOR|FORCE_COLOR)$/.test(name));
  const child = spawn(process.execPath, [demo], { env: { ...Object.fromEntries(inherited), ...env }, stdio: "pipe" });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
    heard?.(output, (signal) => child.kill(signal));
  });
  child.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  try {
    const [code] = (await within("the end of the demo", once(child, "close"), TIMEOUT - 2_000)) as [number | null];
    return { code, output, errors };
  } finally {
    child.kill("SIGKILL");
  }
}

function expectNothingLost({ code, output, errors }: Ended): void {
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toContain("-> QoS 1");
  expect(output).toContain("<- QoS 2");
  expect(output).toContain("The connection was lost");
  expect(output).toContain("NOT_CONNECTED (not-sent)");
  expect(output).toContain("connected again, the session goes on");
  expect(output).toMatch(/ok {6}QoS 1, at least once {2}(\d+) of \1 arrived/);
  expect(output).toMatch(/ok {6}QoS 2, exactly once {3}(\d+) of \1 arrived, 0 twice/);
  expect(output).toContain("Nothing was lost.");
}

describe.skipIf(!built)(built ? "the demo" : `the demo (skipped: ${NOT_BUILT})`, { timeout: TIMEOUT }, () => {
  test("restarts its own broker, loses nothing, and ends by itself within a few seconds", async () => {
    const start = performance.now();
    const ended = await run();
    expectNothingLost(ended);
    expect(ended.output).toContain("The broker restarts in the middle");
    expect(ended.output).not.toContain("\u001b[");
    expect(performance.now() - start).toBeLessThan(PATIENCE);
  });

  test("has colours where they are wanted, and NO_COLOR wins", async () => {
    const [coloured, plain] = await Promise.all([run({ FORCE_COLOR: "1" }), run({ FORCE_COLOR: "1", NO_COLOR: "1" })]);
    expect(coloured.output).toContain("\u001b[32m");
    expect(plain.output).not.toContain("\u001b[");
    expect([coloured.code, plain.code]).toEqual([0, 0]);
  });

  test("uses the broker it is given, and cuts its links instead", async () => {
    const broker = new TestBroker();
    const listener = await listen(broker);
    try {
      const ended = await run({ MQTT_BROKER: listener.url });
      expectNothingLost(ended);
      expect(ended.output).toContain("this demo can't restart your broker");
      expect(broker.sessions).toEqual([]);
    } finally {
      await broker.close();
      await listener.close();
    }
  });

  describe.skipIf(mosquittoProgram === undefined)(
    mosquittoProgram === undefined ? `with mosquitto (skipped: ${MOSQUITTO_ABSENT})` : "with mosquitto",
    () => {
      test.each([false, true])("loses nothing (TLS: %s)", async (tls) => {
        const broker = await startMosquitto(tls ? "TLS" : "TCP");
        try {
          expectNothingLost(await run({ MQTT_BROKER: broker.url, NODE_EXTRA_CA_CERTS: certificateFiles.ca }));
        } finally {
          await broker.stop();
        }
      });
    },
  );

  test("says so in one line if the broker can't be reached, or is none", async () => {
    const listener = await listen({ accept() {} });
    await listener.close();
    const unreachable = await run({ MQTT_BROKER: listener.url });
    expect(unreachable.code).toBe(1);
    expect(unreachable.errors.trim()).toMatch(/^The demo failed: The broker at .* can't be reached: .*ECONNREFUSED.*$/);
    const nonsense = await run({ MQTT_BROKER: "localhost" });
    expect(nonsense.code).toBe(1);
    expect(nonsense.errors.trim()).toMatch(/^The demo failed: MQTT_BROKER is not a URL such as mqtt:.*$/);
  });

  test.skipIf(process.platform === "win32")("ends at Ctrl-C", async () => {
    let pressed = false;
    const ended = await run({}, (output, kill) => {
      if (pressed || !output.includes("tries again")) return;
      pressed = true;
      kill("SIGINT");
    });
    expect(ended.code).toBe(130);
    expect(ended.errors).toContain("Interrupted.");
    expect(ended.output).not.toContain("Nothing was lost.");
  });
});
