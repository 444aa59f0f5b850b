// SPDX-License-Identifier: Apache-2.0
import type { BrowserContext, Locator, Page } from "playwright-core";
import { PATIENCE } from "../patience.js";

/** Chromium's own words on an attempt that reached nobody. No page can keep it from saying them. */
export const UNREACHED: RegExp =
  /^WebSocket connection to 'ws:.*' failed: .*net::ERR_(CONNECTION_REFUSED|INTERNET_DISCONNECTED)$/;

const FOCUSED_NAME = `(() => {
  const { activeElement: at } = document;
  if (at === document.body) return "the page";
  const labelled = document.getElementById(at.getAttribute("aria-labelledby") ?? "");
  return (at.ariaLabel ?? labelled?.textContent ?? at.labels?.[0]?.textContent ?? at.textContent ?? "").trim();
})()`;

/** Somebody at the page: reads what it shows, uses what it offers. */
export class Visitor {
  readonly tab: Page;
  readonly context: BrowserContext;
  /** Everything the browser complained of: console, errors nobody caught, violations of the policy. */
  readonly complaints: string[] = [];

  constructor(tab: Page) {
    this.tab = tab;
    this.context = tab.context();
    tab.setDefaultTimeout(2 * PATIENCE);
    tab.on("console", (message) => this.complaints.push(message.text()));
    tab.on("pageerror", (error) => this.complaints.push(`uncaught: ${error.message}`));
  }

  /** Watches the policy from the first line of the page on. */
  async open(address: string): Promise<void> {
    await this.tab.addInitScript(() => {
      const page = globalThis as unknown as EventTarget;
      page.addEventListener("securitypolicyviolation", (event) => {
        const { violatedDirective, blockedURI } = event as unknown as Record<string, string>;
        console.error(`violation of ${violatedDirective}: ${blockedURI}`);
      });
    });
    await this.tab.goto(address);
  }

  async connect(): Promise<void> {
    await this.press("Connect");
    await this.state("Connected");
  }

  async subscribe(filter: string): Promise<void> {
    await this.tab.getByLabel("Topic filter").fill(filter);
    await this.press("Subscribe");
    await this.card("Subscriptions")
      .getByRole("listitem")
      .filter({ hasText: filter })
      .getByText("QoS 1 granted")
      .waitFor();
  }

  async publish(topic: string, ...payloads: readonly string[]): Promise<void> {
    await this.tab.getByLabel("Topic", { exact: true }).fill(topic);
    for (const payload of payloads) {
      await this.tab.getByLabel("Payload").fill(payload);
      await this.press("Publish");
    }
  }

  press(name: string): Promise<void> {
    return this.tab.getByRole("button", { name, exact: true }).click();
  }

  /** Waits until the page shows this state, and gives what it says of it. */
  async state(name: string): Promise<string> {
    const box = this.tab.getByRole("status").filter({ has: this.tab.getByText(name, { exact: true }) });
    await box.waitFor();
    return box.getByRole("paragraph").innerText();
  }

  card(name: string): Locator {
    return this.tab.getByRole("region", { name });
  }

  /** Waits for as many publishes to show this. */
  async published(text: string, count: number): Promise<void> {
    const tags = this.card("Publish").getByRole("listitem").getByText(text, { exact: true });
    await tags.nth(count - 1).waitFor();
    if ((await tags.count()) > count) throw new Error(`More than ${count} publishes say: ${text}`);
  }

  /** The payloads on the page, the oldest first. */
  async payloads(): Promise<string[]> {
    return (await this.tab.getByRole("log").locator("pre").allInnerTexts()).toReversed();
  }

  /** The names of the states so far. */
  async history(): Promise<string[]> {
    return (await this.tab.locator("#history b").allTextContents()).toReversed();
  }

  /** What the focused element is called. */
  focused(): Promise<string> {
    return this.tab.evaluate(FOCUSED_NAME);
  }

  /** What the browser should not have said. */
  strange(expected?: RegExp): string[] {
    return this.complaints.filter((text) => expected?.test(text) !== true);
  }
}
