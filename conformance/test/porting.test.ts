// SPDX-License-Identifier: Apache-2.0
// docs/porting.md tells no name that is not there, and leaves out none of the reference's.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type PortingRow, portingRows } from "../src/porting/document.js";
import { type PublicNames, publicNames } from "../src/porting/names.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const sourcesOf = (name: string): string[] =>
  readdirSync(join(root, `packages/${name}/src`), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => read(`packages/${name}/src/${path}`));

const markdown = read("docs/porting.md");
const rows = portingRows(markdown);
const core = publicNames(read("packages/core/src/index.ts"), [...sourcesOf("core"), ...sourcesOf("wire")]);
const wire = publicNames(read("packages/wire/src/index.ts"), sourcesOf("wire"));
const transportWs = publicNames(read("packages/transport-ws/src/index.ts"), sourcesOf("transport-ws"));
const group = publicNames(read("packages/group/src/index.ts"), [...sourcesOf("group"), ...sourcesOf("core")]);
const reference = JSON.parse(read("conformance/reference-names.json")) as Record<string, string | readonly string[]>;

/** Whose members the bare names of a column are. */
const owners: Readonly<Record<string, readonly string[]>> = {
  ours: [],
  "ours: client option": ["ClientOptions"],
  "ours: subscribe option": ["SubscribeOptions", "SubscribeCallbackOptions"],
  "ours: publish option": ["PublishOptions"],
  "ours: Will option": ["WillOptions"],
  "ours: disconnect option": ["DisconnectOptions"],
  "ours: credentials": ["Credentials"],
  "ours: message": ["Message"],
  "ours: properties": ["Properties"],
  "ours: server info": ["ServerInfo"],
  "ours: error": [],
  "ours: counter": ["Stats"],
  "ours: group": [],
  "ours: group option": ["GroupOptions", "GroupMember"],
  "ours: wire": [],
  "ours: WebSocket option": ["WsOptions"],
};

/** What an example calls an object of these classes. */
const instances: Readonly<Record<string, string>> = {
  client: "Client",
  subscription: "Subscription",
  queue: "MessageQueue",
  message: "Message",
  group: "ClientGroup",
};

/** Whose names a column cites, where it is not core. */
function packageOf(kind: string): PublicNames {
  if (kind === "ours: wire") return wire;
  if (kind === "ours: WebSocket option") return transportWs;
  return kind.startsWith("ours: group") ? group : core;
}

/** Not there yet, and said so. */
const PROMISES = new Set(["planned", "being built"]);

/** What is wrong with what stands in backticks, if anything is. */
function problem(cited: string, of: readonly string[], names: PublicNames): string | undefined {
  if (/^".*"$/.test(cited)) return names.says(cited.slice(1, -1)) ? undefined : "is a string that no source says";
  if (cited.startsWith("@mqttv5/"))
    return existsSync(join(root, "packages", cited.slice(8))) ? undefined : "is no package";
  if (/^[A-Z0-9]+(_[A-Z0-9]+)*$/.test(cited)) return names.strings("ErrorCode").has(cited) ? undefined : "is no code";
  const path = /^(?:new )?(\w+(?:\.\w+)*)(?:\(.*\))?(?:: .+)?$/.exec(cited)?.[1]?.split(".");
  const [first = "", member] = path ?? [];
  if (path === undefined || path.length > 2) return "is not understood";
  if (member === undefined) {
    if (of.some((type) => names.members(type)?.has(first))) return undefined;
    return names.exports.has(first) ? undefined : "is neither exported nor a member of what the table is about";
  }
  const type = instances[first] ?? first;
  if (!names.exports.has(type)) return `is of ${type}, which is not exported`;
  if (type === "ReasonCode") return undefined;
  return names.members(type)?.has(member) ? undefined : `is no member of ${type}`;
}

/** The words of what is cited: `SubscribeError`: `SUBSCRIBE_REFUSED` are two. */
function cited(ours: readonly string[]): string[] {
  return ours.flatMap((text) => text.match(/\w+/g) ?? []);
}

function problems({ line, kind, ours }: PortingRow): string[] {
  return ours.flatMap((cited) => {
    const found = problem(cited, owners[kind] ?? [], packageOf(kind));
    return found === undefined ? [] : [`docs/porting.md:${line}: \`${cited}\` ${found}`];
  });
}

describe("the porting guide [decision 20]", () => {
  it("cites only names of ours that exist", () => {
    const checked = rows.filter(({ kind }) => kind !== "" && !PROMISES.has(kind));
    expect(checked.flatMap(problems)).toEqual([]);
    expect(checked.flatMap(({ ours }) => ours).length).toBeGreaterThan(200);
  });

  it("has only tables that are checked, or that say that nothing in them exists yet", () => {
    const known = new Set(["", ...PROMISES, ...Object.keys(owners)]);
    expect(rows.filter(({ kind }) => !known.has(kind))).toEqual([]);
  });

  it("has a line for every name of the reference", () => {
    const listed = new Set(rows.flatMap(({ theirs }) => theirs.flatMap((cell) => cell.match(/\w+/g) ?? [])));
    const whole = new Set(rows.flatMap(({ theirs, title }) => [title, ...theirs]));
    const missing = Object.entries(reference).flatMap(([what, names]) =>
      typeof names === "string"
        ? []
        : names.filter((name) => !listed.has(name) && !whole.has(name)).map((name) => `${what}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it("has a line for every option of a group", () => {
    const listed = new Set(rows.filter(({ kind }) => kind === "ours: group option").flatMap(({ ours }) => ours));
    const members = [...(group.members("GroupOptions") ?? []), "name"];
    expect(members.toSorted()).toEqual(["name", "policy", "sequential", "shared", "success"]);
    expect(members.filter((name) => !listed.has(name))).toEqual([]);
  });

  it.each(["ClientOptions", "SubscribeOptions", "SubscribeCallbackOptions", "PublishOptions", "WillOptions", "Stats"])(
    "has a line for every member of %s",
    (type) => {
      const kinds = Object.keys(owners).filter((kind) => owners[kind]?.includes(type));
      const bare = rows.filter(({ kind }) => kinds.includes(kind)).flatMap(({ ours }) => ours);
      const listed = new Set(rows.flatMap(({ ours }) => ours));
      const members = [...(core.members(type) ?? [])];
      expect(members.length).toBeGreaterThan(2);
      expect(members.filter((name) => !bare.includes(name) && !listed.has(`${type}.${name}`))).toEqual([]);
    },
  );

  it("has a line for every option of a WebSocket", () => {
    const listed = new Set(rows.filter(({ kind }) => kind === "ours: WebSocket option").flatMap(({ ours }) => ours));
    const members = [...(transportWs.members("WsOptions") ?? [])];
    expect(members.length).toBeGreaterThan(5);
    expect(members.filter((name) => !listed.has(name))).toEqual([]);
  });

  it("and the table of errors have every code", () => {
    const coded = new Set([...read("docs/errors.md").matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code));
    const codes = [...core.strings("ErrorCode")];
    expect(codes.length).toBeGreaterThan(40);
    expect(codes.filter((code) => !coded.has(code))).toEqual([]);
    const ported = new Set(rows.filter(({ kind }) => kind === "ours: error").flatMap(({ ours }) => cited(ours)));
    expect(codes.filter((code) => !ported.has(code))).toEqual([]);
  });

  it("goes red when an option is renamed", () => {
    expect(problem("keepAlives", ["ClientOptions"], core)).toBeDefined();
    expect(problem("client.subscribed(filters)", [], core)).toBeDefined();
    expect(problem("SESSION_GONE", [], core)).toBeDefined();
    expect(problem('"drop-none"', [], core)).toBeDefined();
    expect(problem("ReasonCodeError.code", [], core)).toBeUndefined();
  });
});
