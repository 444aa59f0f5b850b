// SPDX-License-Identifier: Apache-2.0
import { type Client, ReasonCode, type ServerRedirect } from "@mqttv5/core";
import { expect } from "vitest";
import { within } from "../patience.js";
import type { Stage } from "../stage.js";
import type { Check } from "../suite.js";
import type { Redirect } from "../target.js";

const { ServerMoved, UseAnotherServer } = ReasonCode;

/** A broker that sends its clients elsewhere (section 4.11). */
export function redirects(check: Check): void {
  for (const packet of ["CONNACK", "DISCONNECT"] as const) {
    check(
      `0x9C (use another server) of ${packet} is followed once, if that was allowed`,
      async (stage) => {
        const { client, seen, dials, home, there } = await follow(stage, packet, UseAnotherServer, true);
        expect(client.state).toMatchObject({ status: "connected", broker: there.url });
        const back = dials.until(home);
        await there.block(); // the next dial goes to the broker of the list again, which sends it here once more
        await within("the way back", back);
        there.unblock();
        await within("the connection", arrival(client, there.url));
        expect(seen.length).toBe(2);
        for (const redirect of seen) {
          expect(redirect).toMatchObject({ packet, reasonCode: UseAnotherServer, permanent: false });
        }
      },
      "redirects",
    );

    check(
      `0x9D (server moved) of ${packet} is followed for good, if that was allowed`,
      async (stage) => {
        const { client, seen, dials, home, there } = await follow(stage, packet, ServerMoved, true);
        dials.seen.length = 0;
        await there.cut();
        await within("the connection", arrival(client, there.url));
        expect(dials.seen).not.toContain(home);
        expect(seen).toEqual([
          { packet, reasonCode: ServerMoved, reference: new URL(there.url).host, permanent: true },
        ]);
      },
      "redirects",
    );

    for (const reasonCode of [UseAnotherServer, ServerMoved]) {
      check(
        `0x${reasonCode.toString(16)} of ${packet} is reported, and not followed unless that was allowed`,
        async (stage) => {
          const { client, seen, reported, dials, home, there, connecting } = await follow(
            stage,
            packet,
            reasonCode,
            false,
          );
          if (packet === "CONNACK") {
            const serverReference = new URL(there.url).host;
            expect(connecting).toMatchObject({ code: "CONNECT_REFUSED", reasonCode, serverReference });
          } else await within("another dial", dials.until(home));
          await client.disconnect();
          expect(there.connections).toBe(0);
          await within("the report", reported);
          expect(seen[0]).toMatchObject({ packet, reasonCode, reference: new URL(there.url).host });
        },
        "redirects",
      );
    }
  }
}

/** Resolves when the client is connected to that broker. */
async function arrival(client: Client, url: string): Promise<void> {
  for (;;) {
    const { state } = client;
    if (state.status === "connected" && state.broker === url) return;
    const next = await client.states().next();
    if (next.done === true) throw new Error("the client is closed");
  }
}

/** What was dialled, and a promise for what will be. */
class Dials {
  readonly seen: string[] = [];
  readonly #waiting: { readonly url: string; readonly resolve: () => void }[] = [];

  add(url: string): void {
    this.seen.push(url);
    for (const { url: wanted, resolve } of this.#waiting) if (wanted === url) resolve();
  }

  until(url: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ url, resolve }));
  }
}

/** A client that is sent from one broker to a proxy in front of the other, as far as it lets itself be sent. */
async function follow(stage: Stage, packet: Redirect["packet"], reasonCode: Redirect["reasonCode"], allowed: boolean) {
  const there = await stage.proxy();
  const redirect = { packet, reasonCode, serverReference: new URL(there.url).host };
  const { url: home } = await stage.redirecting(redirect);
  const seen: ServerRedirect[] = [];
  const dials = new Dials();
  let report: () => void = () => {};
  const reported = new Promise<void>((resolve) => {
    report = resolve;
  });
  const client = stage.newClient({
    broker: home,
    followRedirects: allowed,
    onServerRedirect: (told) => {
      seen.push(told);
      report();
    },
    onReconnectAttempt: (_attempt, broker) => dials.add(broker),
  });
  const connecting: unknown = await within(
    "the connect",
    client.connect().catch((error: unknown) => error),
  );
  if (allowed) await within("the connection", arrival(client, there.url));
  return { client, seen, reported, dials, home, there, connecting };
}
