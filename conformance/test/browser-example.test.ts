// SPDX-License-Identifier: Apache-2.0
// `examples/browser` in a Chromium, as built for browsers and under its Content Security Policy, against two brokers.
import { Client } from "@mqttv5/core";
import { TestBroker } from "@mqttv5/testing";
import { ws } from "@mqttv5/transport-ws";
import { ReasonCode } from "@mqttv5/wire";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromiumAbsent, example, startChromium, unlessAbsent } from "../src/browser/chromium.js";
import { Counter } from "../src/browser/counter.js";
import { mosquittoRestarts, type Restarts, testBrokerRestarts } from "../src/browser/restarts.js";
import { UNREACHED, Visitor } from "../src/browser/visitor.js";
import { PATIENCE } from "../src/patience.js";
import { MOSQUITTO_ABSENT, mosquittoProgram } from "../src/targets/mosquitto.js";

interface Serving {
  servePage(): Promise<{ readonly url: string; stop(): Promise<void> }>;
  addressOf(page: { readonly url: string }, broker: { readonly url: string }): string;
}

const title = "the page of examples/browser";

const brokers = [
  { name: "TestBroker", absent: chromiumAbsent, keeps: true, start: () => testBrokerRestarts(new TestBroker()) },
  {
    name: "mosquitto",
    absent: chromiumAbsent ?? (mosquittoProgram === undefined ? MOSQUITTO_ABSENT : undefined),
    keeps: false,
    start: mosquittoRestarts,
  },
];

/** What will be so before long, however slow the machine. */
const expectEventually = <T>(look: () => T | Promise<T>): ReturnType<typeof expect.poll<T>> =>
  expect.poll(look, { timeout: 2 * PATIENCE });

let browser: Browser;
let page: Awaited<ReturnType<Serving["servePage"]>>;
let addressOf: Serving["addressOf"];

beforeAll(async () => {
  if (chromiumAbsent !== undefined) return;
  const serving = await example<Serving>("serve.mjs");
  addressOf = serving.addressOf;
  page = await serving.servePage();
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await page?.stop();
});

async function visit(broker: { readonly url: string }): Promise<Visitor> {
  const visitor = new Visitor(await (await browser.newContext()).newPage());
  await visitor.open(addressOf(page, broker));
  return visitor;
}

for (const { name, absent: reason, keeps, start } of brokers) {
  describe.skipIf(reason !== undefined)(unlessAbsent(`${title} with ${name}`, reason), () => {
    let broker: Restarts;
    let visitor: Visitor;
    let counter: Counter;
    let number = 0;

    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.goDown());
    beforeEach(async () => {
      counter = new Counter(broker.others.url, `counter-${++number}`);
      await counter.start(`from-page/${number}`);
      visitor = await visit(broker.page);
      await visitor.connect();
      await visitor.subscribe(`to-page/${number}/#`);
    });
    afterEach(async () => {
      await visitor?.context.close();
      await counter?.client.disconnect({ sessionExpiryInterval: 0 });
    });
    const toPage = (text: string): Promise<unknown> => counter.client.publish(`to-page/${number}/x`, text, { qos: 1 });
    const fromPage = (...texts: readonly string[]): Promise<void> => visitor.publish(`from-page/${number}`, ...texts);

    test("shows what was granted and what arrives, and what it publishes arrives", async () => {
      expect(await visitor.state("Connected")).toContain(broker.page.url);
      const list = visitor.tab.getByLabel("What the broker granted", { exact: true });
      await list.waitFor();
      const granted = await list.innerText();
      expect(granted).toMatch(/Client Identifier\s+\S+/);
      expect(granted).toMatch(/Session\s+new, kept 300 s/);
      expect(granted).toMatch(/Keep Alive\s+\d+ s/);
      expect(granted).toMatch(/Maximum QoS\s+2/);

      await toPage('{ "celsius": 21.5 }');
      await visitor.tab.getByRole("log").getByText('{ "celsius": 21.5 }').waitFor();
      await fromPage("one", "two");
      await visitor.published("acknowledged", 2);
      await counter.until("two");
      expect(counter.arrived).toEqual(["one", "two"]);
      expect(await visitor.history()).toEqual(["Connecting", "Connected"]);
      expect(visitor.strange()).toEqual([]);
    });

    test("shows a broker restart as it happens, and what it published meanwhile arrives once", async () => {
      await toPage("before");
      await visitor.tab.getByRole("log").getByText("before").waitFor();
      await fromPage("before");
      await visitor.published("acknowledged", 1);
      await broker.goDown();
      expect(await visitor.state("Waiting")).toBe(
        "The connection was lost: The broker went away without a close frame (CONNECTION_LOST).",
      );
      const readings = new Map<string, Set<string>>();
      const changed = async (): Promise<boolean> => {
        const text = await visitor.tab.getByRole("timer").innerText();
        const [, attempt = "", seconds = ""] = /^attempt (\d+) in (\d+\.\d) s$/.exec(text.trim()) ?? [];
        readings.set(attempt, (readings.get(attempt) ?? new Set()).add(seconds));
        return [...readings].some(([of, values]) => of !== "" && values.size > 1);
      };
      await expectEventually(changed).toBe(true);
      const meanwhile = ["1", "2", "3", "4", "5"];
      await fromPage(...meanwhile);
      await visitor.published("waits for a connection", meanwhile.length);
      await visitor.card("Publish").getByText("5 waiting", { exact: true }).waitFor();

      await broker.comeBack(() => counter.back());
      const session = keeps ? "The broker has kept the session." : "A new session.";
      expect(await visitor.state("Connected")).toContain(session);
      await visitor.published("acknowledged", 1 + meanwhile.length);
      expect(await visitor.card("Publish").getByText("waiting").count()).toBe(0);
      await toPage("after");
      await visitor.tab.getByRole("log").getByText("after").waitFor();
      expect(await visitor.payloads()).toEqual(["before", "after"]);
      await fromPage("end");
      await counter.until("end");
      expect(counter.arrived).toEqual(["before", "back", ...meanwhile, "end"]);
      const history = await visitor.history();
      expect(history.slice(0, 4)).toEqual(["Connecting", "Connected", "Waiting", "Connecting"]);
      expect(history.at(-1)).toBe("Connected");
      expect(visitor.strange(UNREACHED)).toEqual([]);
    });

    // Chromium's offline emulation refuses new connections, and (156 does) holds up those there are: nothing passes, no end is seen.
    test("goes on after an offline period that its link has survived", async () => {
      const notice = visitor.tab.getByText("The browser says that it is offline.");
      expect(await notice.count()).toBe(0);
      await visitor.context.setOffline(true);
      await notice.waitFor();
      await toPage("to a page that is offline");
      await fromPage("by a page that is offline");
      await visitor.context.setOffline(false);
      await notice.waitFor({ state: "hidden" });
      await visitor.published("acknowledged", 1);
      await visitor.tab.getByRole("log").getByText("to a page that is offline").waitFor();
      await fromPage("end");
      await counter.until("end");
      expect(counter.arrived).toEqual(["by a page that is offline", "end"]);
      expect(visitor.strange(UNREACHED)).toEqual([]);
    });

    test("connects again after an offline period in which its link broke, and loses nothing", async () => {
      await broker.lockPageOut(); // before Chromium keeps its end from being seen
      await visitor.state("Waiting");
      await visitor.context.setOffline(true);
      await visitor.tab.getByText("The browser says that it is offline.").waitFor();
      await broker.letPageIn();
      // Brought by the broker's session once the page is back.
      await toPage("kept by the broker");
      await fromPage("kept by the page");
      await visitor.published("waits for a connection", 1);
      // An attempt without a network fails like any other.
      await expectEventually(async () => (await visitor.history()).length).toBeGreaterThan(4);
      expect(await visitor.history()).not.toContain("Closed");

      await visitor.context.setOffline(false);
      await visitor.state("Connected");
      await visitor.published("acknowledged", 1);
      await visitor.tab.getByRole("log").getByText("kept by the broker").waitFor();
      await fromPage("end");
      await counter.until("end");
      expect(counter.arrived).toEqual(["kept by the page", "end"]);
      expect(await visitor.payloads()).toEqual(["kept by the broker"]);
      expect(visitor.strange(UNREACHED)).toEqual([]);
    });
  });
}

describe.skipIf(chromiumAbsent !== undefined)(unlessAbsent(title, chromiumAbsent), () => {
  let broker: TestBroker;
  let served: Restarts;
  let visitor: Visitor;

  let refusing = false;
  const authenticate = (): number => (refusing ? ReasonCode.NotAuthorized : ReasonCode.Success);

  beforeEach(async () => {
    refusing = false;
    broker = new TestBroker({ authenticate });
    served = await testBrokerRestarts(broker);
    visitor = await visit(served.page);
  });
  afterEach(async () => {
    await visitor?.context.close();
    await served?.goDown();
  });

  test("is closed with the cause after a refusal, and may be connected again", async () => {
    refusing = true;
    await visitor.press("Connect");
    expect(await visitor.state("Closed")).toMatch(/Not authorized.*\(CONNECT_REFUSED\)/);
    expect(await visitor.tab.getByRole("button", { name: "Publish", exact: true }).isDisabled()).toBe(true);
    refusing = false;
    await visitor.connect();
    expect(visitor.strange()).toEqual([]);
  });

  test("says what is wrong with an address", async () => {
    await visitor.tab.getByRole("textbox", { name: "Broker" }).fill("ws://user:secret@127.0.0.1/");
    await visitor.press("Connect");
    expect(await visitor.state("Closed")).toMatch(/must not hold credentials.*\(INVALID_BROKER_URL\)/);
    expect(visitor.strange()).toEqual([]);
  });

  test("waits for a broker that is not there yet", async () => {
    await served.goDown();
    await visitor.press("Connect");
    await visitor.state("Waiting");
    await visitor.publish("early", "early");
    await visitor.published("waits for a connection", 1);
    await served.comeBack();
    await visitor.state("Connected");
    await visitor.published("acknowledged, nobody listens", 1);
    expect(visitor.strange(UNREACHED)).toEqual([]);
  });

  test("says goodbye, leaves no session behind, and says what was not sent", async () => {
    await visitor.connect();
    await visitor.press("Disconnect");
    expect(await visitor.state("Closed")).toBe("By you.");
    await expectEventually(() => broker.sessions).toEqual([]);

    await visitor.connect();
    await served.goDown();
    await visitor.state("Waiting");
    await visitor.publish("never", "never");
    await visitor.press("Disconnect");
    await visitor.published("CLOSED, not-sent", 1);
    await served.comeBack();
    expect(visitor.strange(UNREACHED)).toEqual([]);
  });

  test("shows what a broker sends as text, whatever is in it", async () => {
    await visitor.connect();
    await visitor.subscribe("#");
    const markup = '<img src="x" onerror="alert(1)"><script>alert(2)</script>';
    await visitor.publish(markup, markup);
    const log = visitor.tab.getByRole("log");
    await log.locator("pre").waitFor();
    expect(await log.locator("b").innerText()).toBe(markup);
    expect(await visitor.payloads()).toEqual([markup]);
    expect(await log.locator("img, script").count()).toBe(0);
    expect(visitor.strange()).toEqual([]);
  });

  test("shows a payload that is no text as bytes, and refuses a filter that is none", async () => {
    await visitor.connect();
    await visitor.subscribe("bytes");
    const other = new Client({ broker: served.others.url, transport: ws() });
    await other.connect();
    await other.publish("bytes", Uint8Array.of(0, 255, 16));
    await visitor.tab.getByRole("log").getByText("3 bytes: 00 ff 10").waitFor();
    await other.disconnect();
    await visitor.tab.getByLabel("Topic filter").fill("a/#/b");
    await visitor.press("Subscribe");
    expect(await visitor.card("Subscriptions").getByRole("alert").innerText()).toContain("a/#/b");
    expect(await visitor.card("Subscriptions").getByRole("listitem").count()).toBe(1);
    await visitor.press("Unsubscribe from bytes");
    await expectEventually(() => visitor.card("Subscriptions").getByRole("listitem").count()).toBe(0);
    expect(visitor.strange()).toEqual([]);
  });

  test("keeps up with more messages than the broker may send before the first is acked, and shows the last hundred", async () => {
    await visitor.connect();
    await visitor.subscribe("many");
    const other = new Client({ broker: served.others.url, transport: ws() });
    await other.connect();
    const numbers = Array.from({ length: 1_100 }, (_, index) => `${index + 1}`);
    await Promise.all(numbers.map((number) => other.publish("many", number, { qos: 1 })));
    await visitor.card("Messages").getByText("1100", { exact: true }).first().waitFor();
    await expectEventually(() => visitor.payloads()).toEqual(numbers.slice(-100));
    await visitor.press("Clear");
    expect(await visitor.payloads()).toEqual([]);
    await other.disconnect();
    expect(visitor.strange()).toEqual([]);
  });

  test("can be used with the keyboard alone", async () => {
    const { keyboard } = visitor.tab;
    await visitor.tab.getByRole("textbox", { name: "Broker" }).focus();
    await keyboard.press("Enter");
    await visitor.state("Connected");
    await visitor.tab.getByLabel("Topic filter").focus();
    await keyboard.press("Enter");
    await visitor.card("Subscriptions").getByText("QoS 1 granted").waitFor();
    await visitor.tab.getByLabel("Payload").focus();
    await keyboard.press("Control+Enter");
    await visitor.published("acknowledged", 1);
    // Every control in turn, and none without a name.
    const names = new Set<string>();
    await visitor.tab.getByRole("textbox", { name: "Broker" }).focus();
    for (let step = 0; step < 20; step++) {
      await keyboard.press("Tab");
      names.add(await visitor.focused());
    }
    expect([...names]).toEqual(expect.arrayContaining(["Disconnect", "Subscribe", "Publish", "Clear"]));
    expect([...names]).not.toContain("");
    expect(visitor.strange()).toEqual([]);
  });

  test.each([320, 1280])("fits into a window %i pixels wide, in light and in dark", async (width) => {
    await visitor.tab.setViewportSize({ width, height: 800 });
    await visitor.connect();
    await visitor.subscribe("#");
    await visitor.publish("t".repeat(200), "p".repeat(500));
    await visitor.tab.getByRole("log").locator("pre").waitFor();
    expect(await visitor.tab.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    const cut = `[...document.querySelectorAll(".card, [role=log]")].filter((at) => at.scrollWidth > at.clientWidth).length`;
    expect(await visitor.tab.evaluate(cut)).toBe(0);
    const background = "getComputedStyle(document.body).backgroundColor";
    await visitor.tab.emulateMedia({ colorScheme: "light" });
    const light = await visitor.tab.evaluate(background);
    await visitor.tab.emulateMedia({ colorScheme: "dark" });
    expect(await visitor.tab.evaluate(background)).not.toBe(light);
    expect(visitor.strange()).toEqual([]);
  });

  test("runs under a policy that is in force: these tests would see it violated", async () => {
    await visitor.tab.evaluate(`document.body.append(Object.assign(document.createElement("script"), { text: "1" }))`);
    await expectEventually(() => visitor.strange().join()).toContain("violation of script-src-elem: inline");
  });
});
