import type { Chunk, Expression, Identifier, Statement } from "luaparse";

import type { Problem } from "./problem.ts";

/** What Redis lets a script see, with what Lua 5.1 has in its libraries. */
const GLOBALS: Readonly<Record<string, readonly string[] | null>> = {
  KEYS: null,
  ARGV: null,
  redis: ["call", "pcall", "error_reply", "status_reply", "sha1hex", "log"],
  cjson: ["encode", "decode", "null"],
  cmsgpack: ["pack", "unpack"],
  string: "byte char find format gmatch gsub len lower match rep reverse sub upper".split(" "),
  table: "concat insert maxn remove sort".split(" "),
  math: "abs ceil exp floor fmod huge log max min modf pow sqrt".split(" "),
  ...Object.fromEntries(
    "assert error ipairs next pairs pcall select tonumber tostring type unpack"
      .split(" ")
      .map((name) => [name, null]),
  ),
};

/** Lua 5.1 knows no more locals of one function at the same time. */
const MOST_LOCALS = 200;

/** A local variable. */
interface Local {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** It stands at the top of a file, for others to use. */
  readonly shared: boolean;
  isRead: boolean;
}

/** A constant of TypeScript where it stands in a file. */
export interface ConstantUse {
  readonly name: string;
  readonly line: number;
  readonly column: number;
}

/** A file as a part of a script. */
interface Part {
  readonly path: string;
  readonly chunk: Chunk;
  readonly constants: ReadonlySet<string>;
  /** Locals that are there before it. */
  readonly given: readonly { readonly name: string; readonly line: number }[];
}

/** What the names of a script refer to. */
export interface Names {
  readonly locals: readonly Local[];
  /** By file. */
  readonly uses: ReadonlyMap<string, readonly ConstantUse[]>;
}

/** Follows the names of the files of one script, which run one after the other as one function. */
export function followNames(parts: readonly Part[], problems: Problem[]): Names {
  const walk = new Walk(problems);
  for (const part of parts) walk.part(part);
  return walk;
}

const placeOf = (line: number) => ({ start: { line, column: 0 }, end: { line, column: 0 } });

class Walk implements Names {
  readonly locals: Local[] = [];
  readonly uses = new Map<string, ConstantUse[]>();
  readonly #problems: Problem[];
  #scopes: Map<string, Local>[] = [new Map()];
  /** Locals of each function around this place. */
  #counts: number[] = [0];
  #file = "";
  #constants: ReadonlySet<string> = new Set();

  constructor(problems: Problem[]) {
    this.#problems = problems;
  }

  part({ path, chunk, constants, given }: Part): void {
    this.#file = path;
    this.#constants = constants;
    this.uses.set(path, []);
    for (const { name, line } of given)
      this.#declare({ type: "Identifier", name, loc: placeOf(line) });
    this.#statements(chunk.body);
  }

  #problem(node: { readonly loc?: Identifier["loc"] }, message: string): void {
    this.#problems.push({ file: this.#file, line: node.loc?.start.line ?? 1, message });
  }

  #declare(identifier: Identifier): void {
    const { name } = identifier;
    const { line = 1, column = 0 } = identifier.loc?.start ?? {};
    if (this.#constants.has(name)) this.#problem(identifier, `${name} hides a constant`);
    if (Object.hasOwn(GLOBALS, name)) this.#problem(identifier, `${name} hides what Redis has`);
    const hidden = this.#find(name);
    if (hidden?.file === this.#file && !name.startsWith("_"))
      this.#problem(identifier, `${name} hides that of line ${hidden.line}`);
    const shared = this.#scopes.length === 1;
    const local: Local = { name, file: this.#file, line, column, shared, isRead: false };
    this.locals.push(local);
    this.#scopes.at(-1)!.set(name, local);
    const count = this.#counts.pop()! + 1;
    this.#counts.push(count);
    if (count === MOST_LOCALS + 1)
      this.#problem(identifier, `more than ${MOST_LOCALS} locals at once: Lua refuses the script`);
  }

  #find(name: string): Local | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name);
  }

  #read(identifier: Identifier): void {
    const { name } = identifier;
    const local = this.#find(name);
    if (local !== undefined) {
      local.isRead = true;
    } else if (this.#constants.has(name)) {
      const { line = 1, column = 0 } = identifier.loc?.start ?? {};
      this.uses.get(this.#file)!.push({ name, line, column });
    } else if (!Object.hasOwn(GLOBALS, name)) {
      this.#problem(identifier, `${name} is not declared`);
    }
  }

  #write(target: Expression): void {
    if (target.type !== "Identifier") this.#expression(target);
    else if (this.#find(target.name) === undefined)
      this.#problem(target, `${target.name} is assigned and not declared`);
  }

  /** What stands inside ends there; `run` declares and walks. */
  #scope(run: () => void): void {
    const count = this.#counts.at(-1)!;
    this.#scopes.push(new Map());
    run();
    this.#scopes.pop();
    this.#counts[this.#counts.length - 1] = count;
  }

  #function(
    parameters: readonly (Identifier | { readonly type: "VarargLiteral" })[],
    body: Statement[],
  ) {
    this.#counts.push(0);
    this.#scope(() => {
      for (const one of parameters) if (one.type === "Identifier") this.#declare(one);
      this.#statements(body);
    });
    this.#counts.pop();
  }

  #statements(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #all(expressions: readonly Expression[]): void {
    for (const one of expressions) this.#expression(one);
  }

  #statement(node: Statement): void {
    switch (node.type) {
      case "LocalStatement":
        this.#all(node.init);
        for (const one of node.variables) this.#declare(one);
        return;
      case "AssignmentStatement":
        this.#all(node.init);
        for (const one of node.variables) this.#write(one);
        return;
      case "CallStatement":
        return this.#expression(node.expression);
      case "FunctionDeclaration":
        if (node.isLocal && node.identifier?.type === "Identifier") this.#declare(node.identifier);
        else if (node.identifier !== null) this.#write(node.identifier);
        return this.#function(node.parameters, node.body);
      case "IfStatement":
        for (const clause of node.clauses) {
          if (clause.type !== "ElseClause") this.#expression(clause.condition);
          this.#scope(() => this.#statements(clause.body));
        }
        return;
      case "WhileStatement":
        this.#expression(node.condition);
        return this.#scope(() => this.#statements(node.body));
      case "DoStatement":
        return this.#scope(() => this.#statements(node.body));
      case "RepeatStatement":
        return this.#scope(() => {
          this.#statements(node.body);
          // It sees the locals of the body.
          this.#expression(node.condition);
        });
      case "ForNumericStatement":
        this.#all([node.start, node.end, ...(node.step === null ? [] : [node.step])]);
        return this.#scope(() => {
          this.#declare(node.variable);
          this.#statements(node.body);
        });
      case "ForGenericStatement":
        this.#all(node.iterators);
        return this.#scope(() => {
          for (const one of node.variables) this.#declare(one);
          this.#statements(node.body);
        });
      case "ReturnStatement":
        return this.#all(node.arguments);
      case "BreakStatement":
        return;
      case "GotoStatement":
      case "LabelStatement":
        this.#problem(node, "Lua 5.1 has no goto");
    }
  }

  #expression(node: Expression): void {
    switch (node.type) {
      case "Identifier":
        return this.#read(node);
      case "FunctionDeclaration":
        return this.#function(node.parameters, node.body);
      case "MemberExpression":
        this.#member(node.base, node.identifier);
        return this.#expression(node.base);
      case "IndexExpression":
        return this.#all([node.base, node.index]);
      case "CallExpression":
        return this.#all([node.base, ...node.arguments]);
      case "TableCallExpression":
      case "StringCallExpression":
        return this.#problem(node, "calls are written with parentheses");
      case "BinaryExpression":
      case "LogicalExpression":
        return this.#all([node.left, node.right]);
      case "UnaryExpression":
        return this.#expression(node.argument);
      case "TableConstructorExpression":
        for (const field of node.fields) {
          if (field.type === "TableKey") this.#expression(field.key);
          this.#expression(field.value);
        }
        return;
      case "StringLiteral":
      case "NumericLiteral":
      case "BooleanLiteral":
      case "NilLiteral":
      case "VarargLiteral":
    }
  }

  #member(base: Expression, { name, loc }: Identifier): void {
    if (base.type !== "Identifier" || this.#find(base.name) !== undefined) return;
    const members = Object.hasOwn(GLOBALS, base.name) ? GLOBALS[base.name] : null;
    if (members != null && !members.includes(name))
      this.#problem({ loc }, `${base.name}.${name} does not exist in Redis' Lua`);
  }
}
