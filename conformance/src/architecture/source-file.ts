// SPDX-License-Identifier: Apache-2.0
// What the architecture rules need to know of one source file, read from its syntax tree, so that comments, strings,
// property names and local variables can't be mistaken for imports or for the platform's globals.
import { parseSync } from "vite";

/** One import, re-export, `import()` or `import("x").T`, type-only ones included. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly dynamic: boolean;
}

/** Something at a line. */
export interface Mark {
  readonly what: string;
  readonly line: number;
}

export interface SourceFile {
  /** Path inside the package's `src` or `test`, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  /** Names that nothing in the file declares: the globals it reaches for. `Date.now` and the like with their member. */
  readonly globals: readonly Mark[];
  /** Statements at the top level, by kind; `let`, `export *` and `re-export` among them. */
  readonly statements: readonly Mark[];
  /** `async` functions, `await`, and the name `Promise`. */
  readonly asynchronous: readonly Mark[];
  /** Why it can't be parsed; then the rest is empty or incomplete. */
  readonly problem: string | undefined;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** Children of a node that are names, not references. */
const NAME_SLOTS = new Set(["label", "imported", "exported", "qualifier", "meta"]);

export function readSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text, { lang: "ts", sourceType: "module" });
  const reader = new Reader(text);
  const root: unknown = program;
  if (isNode(root)) reader.visit(root, root, "");
  return {
    path,
    text,
    imports: reader.imports,
    globals: reader.references.filter(({ name }) => !reader.declared.has(name)),
    statements: reader.statements,
    asynchronous: reader.asynchronous,
    problem: errors[0]?.message,
  };
}

/** Lives for one walk over one file. */
class Reader {
  readonly imports: Import[] = [];
  readonly references: (Mark & { readonly name: string })[] = [];
  readonly statements: Mark[] = [];
  readonly asynchronous: Mark[] = [];
  readonly declared = new Set<string>();
  readonly #lineStarts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#lineStarts.push(at + 1);
  }

  visit(node: Node, parent: Node, slot: string): void {
    if (node.type === "Program") this.#readStatements(node);
    this.#readImport(node);
    this.#readDeclaration(node, parent);
    if (node.type === "Identifier") this.#readIdentifier(node, parent, slot);
    if (node.type === "AwaitExpression" || node["async"] === true)
      this.#mark(this.asynchronous, "async or await", node);
    if (node.type === "ForOfStatement" && node["await"] === true) this.#mark(this.asynchronous, "for await", node);
    for (const [key, value] of Object.entries(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) this.visit(child, node, key);
      }
    }
  }

  #line(node: Node): number {
    const next = this.#lineStarts.findIndex((start) => start > node.start);
    return next === -1 ? this.#lineStarts.length : next;
  }

  #mark(list: Mark[], what: string, node: Node): void {
    list.push({ what, line: this.#line(node) });
  }

  #readStatements(program: Node): void {
    for (const statement of Array.isArray(program["body"]) ? program["body"] : []) {
      if (!isNode(statement)) continue;
      const inner = isNode(statement["declaration"]) ? statement["declaration"] : statement;
      const kind = inner.type === "VariableDeclaration" ? String(inner["kind"]) : statement.type;
      if (statement.type === "ExportAllDeclaration") this.#mark(this.statements, "export *", statement);
      else if (isNode(statement["source"]) && statement.type === "ExportNamedDeclaration") {
        this.#mark(this.statements, "re-export", statement);
      } else this.#mark(this.statements, kind, statement);
    }
  }

  #readImport(node: Node): void {
    const source = node["source"];
    const isImport = /^(ImportDeclaration|Export(Named|All)Declaration|ImportExpression|TSImportType)$/.test(node.type);
    if (!isImport || !isNode(source)) return;
    // A dynamic import of something computed has no specifier to judge: it is reported as such.
    const specifier = typeof source["value"] === "string" ? source["value"] : "(computed)";
    this.imports.push({ specifier, line: this.#line(node), dynamic: node.type === "ImportExpression" });
  }

  #readDeclaration(node: Node, parent: Node): void {
    // `declare const x` declares nothing: it claims that the platform has an x.
    if (node["declare"] === true || parent["declare"] === true) return;
    if (
      node.type === "VariableDeclarator" ||
      /^(Function|Class|TSInterface|TSTypeAlias|TSTypeParameter)/.test(node.type)
    ) {
      this.#declare(node["id"] ?? node["name"]);
    }
    if (/^Import\w*Specifier$/.test(node.type)) this.#declare(node["local"]);
    if (node.type === "CatchClause") this.#declare(node["param"]);
    for (const list of [node["params"], node["parameters"]]) {
      if (Array.isArray(list)) for (const parameter of list) this.#declare(parameter);
    }
  }

  #declare(pattern: unknown): void {
    if (!isNode(pattern)) return;
    if (pattern.type === "Identifier") this.declared.add(String(pattern["name"]));
    const inner = [pattern["left"], pattern["argument"], pattern["parameter"]];
    if (pattern.type === "Property") inner.push(pattern["value"]);
    for (const list of [pattern["elements"], pattern["properties"]]) if (Array.isArray(list)) inner.push(...list);
    if (/Pattern$|^RestElement$|^Property$|^TSParameterProperty$/.test(pattern.type)) {
      for (const part of inner) this.#declare(part);
    }
  }

  #readIdentifier(node: Node, parent: Node, slot: string): void {
    const isName =
      NAME_SLOTS.has(slot) ||
      ((slot === "key" || slot === "property") && parent["computed"] !== true) ||
      (slot === "right" && parent.type === "TSQualifiedName") ||
      parent.type === "ExportSpecifier";
    const name = String(node["name"]);
    if (isName) return;
    const what = this.#usage(name, node, parent, slot);
    if (name === "Promise") this.#mark(this.asynchronous, "Promise", node);
    if (what !== undefined) this.references.push({ name, what, line: this.#line(node) });
  }

  /** `Date.now`, `new Date()`, ... for the globals of which only a part is of interest; else the name itself. */
  #usage(name: string, node: Node, parent: Node, slot: string): string | undefined {
    if (parent.type.startsWith("TS") && slot === "typeName") return `type ${name}`;
    if (parent.type === "MemberExpression" && slot === "object" && isNode(parent["property"])) {
      return parent["computed"] === true ? name : `${name}.${String(parent["property"]["name"])}`;
    }
    if (parent.type === "NewExpression" && parent["callee"] === node) {
      const given = Array.isArray(parent["arguments"]) ? parent["arguments"].length : 0;
      return given === 0 ? `new ${name}()` : `new ${name}(…)`;
    }
    return name;
  }
}
