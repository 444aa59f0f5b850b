// SPDX-License-Identifier: Apache-2.0
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { tcp } from "../src/tcp.js";
import type { TlsOptions } from "../src/transport.js";

const { stop } = vi.hoisted(() => ({
  stop: (): never => {
    throw new Error("asked");
  },
}));

// What the platform is asked for, without a socket: default ports may be taken on the machine that runs this.
vi.mock("node:net", () => ({ connect: vi.fn<() => never>(stop) }));
vi.mock("node:tls", () => ({ connect: vi.fn<() => never>(stop) }));

async function asked(url: string, tls: TlsOptions = {}): Promise<unknown> {
  const { signal } = new AbortController();
  await expect(tcp(tls).connect(new URL(url), { signal })).rejects.toThrow("asked");
  return vi.mocked(connectTcp).mock.calls.at(-1)?.[0] ?? vi.mocked(connectTls).mock.calls.at(-1)?.[0];
}

describe("the transport's defaults", () => {
  beforeEach(() => {
    vi.clearAllMocks();
  });

  for (const [url, expected] of [
    ["mqtt://host", { host: "host", port: 1883, noDelay: true }],
    ["tcp://host", { host: "host", port: 1883, noDelay: true }],
    ["mqtt://host:99", { host: "host", port: 99, noDelay: true }],
    ["mqtt://[2001:db8::1]", { host: "2001:db8::1", port: 1883, noDelay: true }],
    ["mqtt://[::1]:99/ignored", { host: "::1", port: 99, noDelay: true }],
    ["unix:/run/with%20space.sock", { path: "/run/with space.sock" }],
    ["mqtts://host", { host: "host", port: 8883, servername: "host" }],
    ["tls://host", { host: "host", port: 8883, servername: "host" }],
    ["ssl://host:99", { host: "host", port: 99, servername: "host" }],
    ["mqtts://[::1]", { host: "::1", port: 8883 }],
    ["mqtts://192.0.2.1", { host: "192.0.2.1", port: 8883 }],
  ] as const) {
    it(`${url} asks for ${JSON.stringify(expected)} [parity 30]`, async () => {
      expect(Object.assign({}, await asked(url), { onread: undefined })).toEqual(expected); // how it is read is not asked of anybody
    });
  }

  it("TLS goes by the URL's host and the system's roots, unless told otherwise [parity 31]", async () => {
    expect(await asked("mqtts://host", { ca: undefined })).toEqual({ host: "host", port: 8883, servername: "host" });
    const tls = { ca: "pem", servername: "other", rejectUnauthorized: false };
    expect(await asked("mqtts://host", tls)).toEqual({ host: "host", port: 8883, ...tls });
  });
});
