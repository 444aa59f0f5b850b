// SPDX-License-Identifier: Apache-2.0
// The public names of a package, read from the text of its sources.

/** The members of one class or interface, and where it takes others from. */
interface Declaration {
  readonly members: Set<string>;
  readonly bases: readonly string[];
}

/** What can be cited. */
export interface PublicNames {
  /** What `index.ts` exports. */
  readonly exports: ReadonlySet<string>;
  /** Own and inherited members; undefined if there is no such class or interface. */
  members(type: string): ReadonlySet<string> | undefined;
  /** The strings of a union type, such as an error code. */
  strings(type: string): ReadonlySet<string>;
  /** Whether some source says this string. */
  says(literal: string): boolean;
}

/** Reads the names from the files of one package, and of those whose types it exports. */
export function publicNames(index: string, sources: readonly string[]): PublicNames {
  const code = sources.map(withoutComments);
  const declarations = new Map<string, Declaration>();
  for (const text of code) declare(text, declarations);
  const strings = (type: string): ReadonlySet<string> => new Set(code.flatMap((text) => unionOf(text, type)));
  const members = (type: string): ReadonlySet<string> | undefined => {
    const found = declarations.get(type);
    if (found === undefined) {
      const fields = strings(type); // a type made of the names of its fields, as those of packet properties are
      return fields.size === 0 ? undefined : fields;
    }
    return new Set([...found.members, ...found.bases.flatMap((base) => [...(members(base) ?? [])])]);
  };
  return {
    exports: exportsOf(withoutComments(index)),
    members,
    strings,
    says: (literal) => code.some((text) => text.includes(`"${literal}"`)),
  };
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function exportsOf(index: string): Set<string> {
  const names = [...index.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = ""]) => list.split(","));
  return new Set(names.map((name) => name.trim().replace(/^type /, "")).filter((name) => name !== ""));
}

function unionOf(text: string, type: string): string[] {
  const union = new RegExp(`export type ${type} =([^;]*);`).exec(text)?.[1] ?? "";
  return [...union.matchAll(/"([^"]+)"/g)].map(([, value = ""]) => value);
}

const HEAD = /^(?:export )?(?:abstract )?(?:class|interface) (\w+)([^{]*)\{/gm;
const MEMBER = /^\s*(?:(?:readonly|static|get|set|async|declare|abstract) )*(\w+)\??\s*[(:<;=]/;

function declare(text: string, into: Map<string, Declaration>): void {
  for (const head of text.matchAll(HEAD)) {
    const [whole, name = "", heritage = ""] = head;
    const bases = /extends ([\s\S]*?)(?:implements|$)/.exec(heritage)?.[1] ?? "";
    const body = text.slice(head.index + whole.length);
    into.set(name, { members: membersOf(body), bases: bases.match(/\b[A-Z]\w+/g) ?? [] });
  }
}

/** The members that begin a line directly inside the braces. */
function membersOf(body: string): Set<string> {
  const members = new Set<string>();
  let depth = 1;
  for (const line of body.split("\n")) {
    const name = depth === 1 ? MEMBER.exec(line)?.[1] : undefined;
    if (name !== undefined && name !== "constructor") members.add(name);
    const brackets = line.replace(/"[^"]*"|`[^`]*`|'[^']*'|\/.*\//g, "");
    depth += brackets.match(/[{([]/g)?.length ?? 0;
    depth -= brackets.match(/[})\]]/g)?.length ?? 0;
    if (depth <= 0) break;
  }
  return members;
}
