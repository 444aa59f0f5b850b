// SPDX-License-Identifier: Apache-2.0
// Bundles the page, serves it, and brings a broker for it: one HTTP server, one listener for WebSockets.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/ws";
import { build } from "esbuild";

const folder = new URL("page/", import.meta.url);

/** Nothing but what comes from here, and WebSockets: `ws:` stands for `wss:` too. No `unsafe-inline`, no `unsafe-eval`. */
export const CSP = "default-src 'self'; connect-src 'self' ws:";

/** The page's program as one script, as esbuild makes it for browsers: no plug-in, nothing replaced, nothing shimmed. */
export async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("app.js", folder))],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    legalComments: "none",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0].contents;
}

/** Serves the page on the loopback. Resolves with where, and with what stops it. */
export async function servePage({ port = 0 } = {}) {
  const file = (name) => readFile(new URL(name, folder));
  const script = await bundle();
  const files = {
    "/": ["text/html; charset=utf-8", await file("index.html")],
    "/style.css": ["text/css; charset=utf-8", await file("style.css")],
    "/controls.css": ["text/css; charset=utf-8", await file("controls.css")],
    "/icon.svg": ["image/svg+xml", await file("icon.svg")],
    "/app.js": ["text/javascript; charset=utf-8", script],
  };
  const server = createServer((request, response) => {
    const found = files[new URL(request.url, "http://page").pathname];
    if (found === undefined) {
      response.writeHead(404).end();
      return;
    }
    const [type, content] = found;
    response.writeHead(200, {
      "Content-Type": type,
      "Content-Security-Policy": CSP,
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-store",
    });
    response.end(request.method === "HEAD" ? undefined : content);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, stop };
}

/** A broker that can go away and come back, on the same port and with all it has kept. */
export async function serveBroker({ port = 0 } = {}) {
  const broker = new TestBroker();
  let listener = await listen(broker, { port });
  const { url, port: actual } = listener;
  return {
    url,
    async goDown() {
      await listener?.close();
      listener = undefined;
    },
    async comeBack() {
      listener ??= await listen(broker, { port: actual });
    },
    async stop() {
      await listener?.close();
      await broker.close();
    },
  };
}

/** The page's address with the broker filled in. */
export function addressOf(page, broker) {
  return `${page.url}?broker=${encodeURIComponent(broker.url)}`;
}
