// SPDX-License-Identifier: Apache-2.0
// Bar charts as SVG, without a library: text in the reader's own font, colours for light and for dark, on paper of their own: a page
// may be dark where the reader's system is light.

const WIDTH = 760;
const LABEL = 250;
const VALUE = 90;
const BAR = 15;
const GAP = 3;
const GROUP = 14;
const TOP = 62;

/** Colours of the peers: told apart by hue and by lightness, on white and on near-black. */
const COLOURS = {
  mqttv5: ["#0b5fd0", "#58a6ff"],
  mqtt: ["#c2410c", "#fb923c"],
  "u8-mqtt": ["#7c3aed", "#c4a1ff"],
  "go-mqttv5": ["#0f766e", "#5eead4"],
  "go-paho": ["#3f7d20", "#8fd46a"],
  floor: ["#8b949e", "#6e7681"],
};

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function style() {
  const rules = (index) =>
    Object.entries(COLOURS)
      .map(([peer, colours]) => `.${peer}{fill:${colours[index]}}`)
      .join("");
  return [
    "text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}",
    ".paper{fill:#fff}.title{font-size:15px;font-weight:600}.note{fill:#59636e}.axis{stroke:#d1d9e0}",
    rules(0),
    "@media(prefers-color-scheme:dark){.paper{fill:#0d1117}text{fill:#f0f6fc}.note{fill:#9198a1}.axis{stroke:#3d444d}",
    `${rules(1)}}`,
  ].join("");
}

/**
 * Groups of horizontal bars: `groups` are `{ label, bars: [{ peer, value, text }] }`. Each group has its own scale, its longest bar
 * the full width, as what is compared is within a group. `names` are those of the peers, for the legend.
 */
export function barChart({ title, note, groups, names }) {
  const peers = Object.keys(names).filter((peer) => groups.some(({ bars }) => bars.some((bar) => bar.peer === peer)));
  const parts = [];
  let x = 12;
  for (const peer of peers) {
    parts.push(`<rect class="${peer}" x="${x}" y="36" width="11" height="11" rx="2"/>`);
    parts.push(`<text x="${x + 16}" y="46">${escape(names[peer])}</text>`);
    x += 34 + names[peer].length * 7;
  }
  let y = TOP;
  for (const { label, bars } of groups) {
    const height = bars.length * (BAR + GAP) - GAP;
    const longest = Math.max(...bars.map(({ value }) => value));
    parts.push(`<text x="${LABEL - 12}" y="${y + height / 2 + 4}" text-anchor="end">${escape(label)}</text>`);
    parts.push(`<line class="axis" x1="${LABEL - 4}" x2="${LABEL - 4}" y1="${y - 3}" y2="${y + height + 3}"/>`);
    for (const [index, { peer, value, text }] of bars.entries()) {
      const top = y + index * (BAR + GAP);
      const width = Math.max(1, (value / longest) * (WIDTH - LABEL - VALUE));
      parts.push(`<rect class="${peer}" x="${LABEL}" y="${top}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`);
      parts.push(`<text x="${(LABEL + width + 6).toFixed(1)}" y="${top + 12}">${escape(text)}</text>`);
    }
    y += height + GROUP;
  }
  const height = y + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
<style>${style()}</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
<text class="title" x="12" y="22">${escape(title)}</text>
${parts.join("\n")}
<text class="note" x="12" y="${height - 8}">${escape(note)}</text>
</svg>
`;
}
