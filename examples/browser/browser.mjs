// SPDX-License-Identifier: Apache-2.0
// Bundles and serves the page, looks at what was served, and, where there is a Chromium, uses it for a moment: a message comes,
// a message goes, the broker goes away and comes back. Ends with 0 only if all of that is as it should be.
// node browser.mjs --serve [--port 8080]: stays, for you to open the page.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Client } from "@mqttv5/core";
import { ws } from "@mqttv5/transport-ws";
import { chromium } from "playwright-core";
import { CHROMIUM_ABSENT, findChromium, launchOptions } from "./chromium.mjs";
import { addressOf, CSP, serveBroker, servePage } from "./serve.mjs";

/** Milliseconds for anything that is waited for. */
const PATIENCE = 15_000;

const { values } = parseArgs({ options: { serve: { type: "boolean" }, port: { type: "string", default: "8080" } } });

function check(what, right) {
  console.log(`${right ? "ok    " : "WRONG "} ${what}`);
  if (!right) process.exitCode = 1;
}

/** What a CSP without `unsafe-inline` forbids. */
function inlined(html) {
  return /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/i.exec(html)?.[0];
}

/** What of the script is no business of a browser. */
function foreign(script) {
  return /["'`]node:|\brequire\(|\bprocess\.|\bBuffer\b|\beval\(|\bnew Function\(/.exec(script)?.[0];
}

async function lookAt(page) {
  const response = await fetch(page.url);
  const html = await response.text();
  check(`the page comes with ${CSP}`, response.headers.get("content-security-policy") === CSP);
  check("no script and no style is inline", inlined(html) === undefined);
  for (const [, name] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const part = await fetch(new URL(name, page.url));
    const text = await part.text();
    check(`${name} is served (${text.length} characters)`, part.ok);
    if (name.endsWith(".js")) check(`${name} asks for nothing that only Node has`, foreign(text) === undefined);
  }
}

/** The page in use, through the eyes of somebody who reads it. */
async function use(page, broker, executablePath) {
  const browser = await chromium.launch(launchOptions(executablePath));
  const other = new Client({ broker: broker.url, transport: ws(), clientId: "example-browser-other" });
  try {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(PATIENCE);
    const said = [];
    tab.on("console", (message) => said.push(message.text()));
    tab.on("pageerror", (error) => said.push(error.message));
    const state = (name) => tab.locator("#state").filter({ hasText: name }).waitFor();
    await other.connect();
    const fromPage = await other.subscribeQueue("demo/hello", { qos: 1 });

    await tab.goto(addressOf(page, broker));
    await tab.getByRole("button", { name: "Connect" }).click();
    await state("Connected");
    await tab.getByRole("button", { name: "Subscribe" }).click();
    await tab.getByText("QoS 1 granted").waitFor();
    await other.publish("demo/door", "open", { qos: 1 });
    await tab.getByRole("log").getByText("open").waitFor();
    check("Chromium: the page is connected, and shows a message of another client", said.length === 0);

    await broker.goDown();
    await state("Waiting");
    await tab.getByRole("button", { name: "Publish" }).click();
    await tab.getByText("1 waiting", { exact: true }).waitFor();
    check("Chromium: without its broker the page waits, and keeps what is published", true);

    await broker.comeBack();
    await state("Connected");
    await tab.getByText("acknowledged").waitFor();
    const message = await fromPage.dequeue({ timeout: PATIENCE });
    message.ack();
    check("Chromium: the broker is back, and what waited has arrived", message.text() === "Hello from a page");
    const strange = said.filter((text) => !text.startsWith(`WebSocket connection to '${broker.url}' failed`));
    check(
      `Chromium: no complaint in its console${strange.map((text) => `\n       ${text}`).join("")}`,
      strange.length === 0,
    );
  } finally {
    await browser.close();
    await other.disconnect({ sessionExpiryInterval: 0 });
  }
}

/** For a human: until Ctrl-C. */
async function stay(port) {
  const page = await servePage({ port });
  const broker = await serveBroker({ port: port === 0 ? 0 : port + 1 });
  console.log(`The page:   ${addressOf(page, broker)}`);
  console.log(`The broker: ${broker.url} (for tests and demos)`);
  console.log("Enter takes the broker away and brings it back; Ctrl-C ends.");
  let up = true;
  for await (const _ of createInterface({ input: process.stdin })) {
    up = !up;
    await (up ? broker.comeBack() : broker.goDown());
    console.log(up ? "The broker is back." : "The broker is away.");
  }
}

async function show() {
  const page = await servePage();
  const broker = await serveBroker();
  try {
    await lookAt(page);
    const executablePath = findChromium();
    if (executablePath === undefined) console.log(`skipped the page itself: ${CHROMIUM_ABSENT}`);
    else await use(page, broker, executablePath);
  } finally {
    await broker.stop();
    await page.stop();
  }
}

await (values.serve ? stay(Number(values.port)) : show());
