// SPDX-License-Identifier: Apache-2.0
// The contract of transports, kept by `@mqttv5/transport-ws` as built for browsers, in a Chromium.
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { contractPeer, transportContract } from "@mqttv5/testing";
import { listen, type WsListener } from "@mqttv5/testing/ws";
import { ws } from "@mqttv5/transport-ws";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumAbsent, startChromium, unlessAbsent } from "../src/browser/chromium.js";

/** What a page runs: one check of the contract, by its name. */
const PROGRAM = `
  import { transportContract } from "@mqttv5/testing";
  import { ws } from "@mqttv5/transport-ws";
  globalThis.keep = async (name, url, nowhere) => {
    const checks = transportContract({ transport: ws(), url: new URL(url), nowhere: new URL(nowhere) });
    await checks.find((check) => check.name === name).run();
    return "kept";
  };`;

/** As strict as a page can be that talks to a broker. */
const PAGE = {
  "Content-Type": "text/html",
  "Content-Security-Policy": "default-src 'self'; connect-src ws://127.0.0.1:*",
};

async function bundle(): Promise<string> {
  const resolveDir = fileURLToPath(new URL(".", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: PROGRAM, resolveDir },
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

/** An address that somebody had a moment ago. */
async function nowhere(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `ws://127.0.0.1:${port}/`;
}

const here = new URL("ws://127.0.0.1/");
const names = transportContract({ transport: ws(), url: here, nowhere: here }).map(({ name }) => name);
const title = unlessAbsent("the transport of a Chromium keeps the contract of transports", chromiumAbsent);

describe.skipIf(chromiumAbsent !== undefined)(title, () => {
  let listener: WsListener;
  let browser: Browser;
  let page: Page;
  let refusing: string;

  beforeAll(async () => {
    const script = await bundle();
    listener = await listen(contractPeer(), {
      onRequest: ({ url }, response) => {
        if (url === "/program.js") response.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
        else response.writeHead(200, PAGE).end("<!doctype html><title>A page</title>");
      },
    });
    refusing = await nowhere();
    browser = await startChromium();
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${listener.port}/`);
    await page.addScriptTag({ type: "module", url: "/program.js" });
  });
  afterAll(async () => {
    await browser?.close();
    await listener?.close();
  });

  test.each(names)("%s", async (name) => {
    const call = `globalThis.keep(${JSON.stringify([name, listener.url, refusing]).slice(1, -1)})`;
    expect(await page.evaluate(call)).toBe("kept");
  });
});
