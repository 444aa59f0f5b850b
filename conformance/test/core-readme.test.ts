// SPDX-License-Identifier: Apache-2.0
// The examples of core's README: each program compiles, ends by itself and prints what its comments say. Those of the group's compile;
// the first of them is run from the packed package.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TestBroker } from "@mqttv5/testing";
import { listen } from "@mqttv5/testing/node";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "mqttv5-readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Milliseconds after which a program that does not end is ended, which fails its test. */
const LIMIT = 60_000;

/** Every block that is a program by itself, with the heading before it. */
function programsOf(name: string): { readonly heading: string; readonly text: string }[] {
  const readme = readFileSync(join(root, "packages", name, "README.md"), "utf8");
  return readme.split(/^(?=#+ )/m).flatMap((section) => {
    const heading = /^#+ (.*)/.exec(section)?.[1] ?? "";
    return [...section.matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)].flatMap(([, text = ""]) =>
      text.startsWith("import") ? [{ heading, text }] : [],
    );
  });
}

const programs = programsOf("core");

/** What a program says it prints, line by line. */
function promised(text: string): string[] {
  return [...text.matchAll(/\/\/ prints: (.*)$/gm)].flatMap(([, line = ""]) =>
    line.startsWith("{") ? [line] : line.split(", "),
  );
}

async function execute(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "pipe", timeout: LIMIT, killSignal: "SIGKILL" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

async function bundled(name: string, contents: string): Promise<string> {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    stdin: { contents, resolveDir: here, loader: "ts" },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@mqttv5/source"],
  });
  return outfile;
}

describe("the examples of the README", () => {
  const runnable = programs.filter(({ text }) => text.includes("mqtt://localhost:1883"));

  it.each(runnable.map(({ heading, text }, index) => [heading, text, index] as const))(
    "%s: runs, prints what it says, and ends [decision 24]",
    async (_, text, index) => {
      const broker = new TestBroker();
      const listener = await listen(broker);
      try {
        const file = await bundled(`program-${index}`, text.replace("mqtt://localhost:1883", listener.url));
        const { code, output } = await execute([file]);
        const wanted = promised(text);
        expect([code, output.trim().split("\n")]).toEqual([0, wanted.length > 0 ? wanted : [expect.any(String)]]);
      } finally {
        await broker.close();
        await listener.close();
      }
    },
  );

  it("are at least ten, and compile [decision 24]", async () => {
    expect(runnable.length).toBeGreaterThanOrEqual(10);
    const files = [...programs, ...programsOf("group")].map(({ text }, index) => {
      const file = join(folder, `example-${index}.mts`);
      writeFileSync(file, text.replaceAll("(signal) {", "(signal: AbortSignal) {"));
      return file;
    });
    const compilerOptions = {
      target: "ES2022",
      module: "NodeNext",
      strict: true,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules", "@types")],
      lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.AsyncIterable"],
      paths: { "@mqttv5/*": [join(root, "packages", "*", "src", "index.ts")] },
    };
    const config = join(folder, "tsconfig.json");
    writeFileSync(config, JSON.stringify({ compilerOptions, files }));
    const { code, output } = await execute([join(root, "node_modules", "typescript", "bin", "tsc"), "-p", config]);
    expect(output).toBe("");
    expect(code).toBe(0);
  });
});
