// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from "node:fs";
import { defineConfig } from "vitest/config";

const roots = [...readdirSync("packages").map((name) => `packages/${name}`), "conformance", "benchmarks"].filter(
  (root) => existsSync(`${root}/test`),
);

// Tests run against the sources of every package, so that none of them can pass on a stale build.
const conditions = ["@mqttv5/source", "module", "node", "development|production"];

export default defineConfig({
  test: {
    // All cores: by default one is left idle, which is half of a machine with two.
    maxWorkers: "100%",
    projects: roots.map((root) => ({
      root,
      ssr: { resolve: { conditions } },
      test: {
        name: root.split("/").pop() ?? root,
        include: ["test/**/*.test.{ts,mjs}"],
        typecheck: { enabled: false },
        // Only there to end what hangs: no test may depend on how fast the machine is.
        testTimeout: 120_000,
        hookTimeout: 120_000,
      },
    })),
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text", "json-summary"],
    },
  },
});
