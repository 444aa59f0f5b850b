// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { barChart } from "../report/chart.mjs";
import { render } from "../report/report.mjs";

describe("the published results", () => {
  it("are what the committed runs make of them: npm run bench -- --publish", async () => {
    for (const [path, text] of Object.entries(await render())) {
      const committed = await readFile(new URL(`../${path}`, import.meta.url), "utf8");
      expect(committed === text ? "up to date" : `${path} is out of date`).toBe("up to date");
    }
  });

  it("a chart has a bar for each value, its length in proportion", () => {
    const bars = [
      { peer: "mqttv5", value: 10, text: "ten" },
      { peer: "mqtt", value: 1, text: "<one>" },
    ];
    const svg = barChart({ title: "t", note: "n", groups: [{ label: "l", bars }], names: { mqttv5: "a", mqtt: "b" } });
    const widths = [...svg.matchAll(/<rect class="[^"]*" x="250" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(2);
    expect(widths[0]).toBeCloseTo(10 * widths[1]);
    expect(svg).toContain("&lt;one&gt;");
  });
});
