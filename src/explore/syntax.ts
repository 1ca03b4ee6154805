/**
 * What the transformation must know of a module before it can change it: who may touch shared memory.
 *
 * A function is *loud* when it may: it reads or writes `x[…]`, uses Atomics, or calls something that is loud or unknown.
 * Loud functions become generators; quiet ones stay as they are. Whoever is not proven quiet is loud.
 */
import { type AnyNode, type Function as AcornFunction, parse } from 'acorn';

export type FunctionNode = AnyNode & AcornFunction;

export interface Module {
  /** As imports name it: "core/slab.js". */
  readonly name: string;
  readonly source: string;
  readonly body: readonly AnyNode[];
  /** Module-level functions by name. */
  readonly functions: Map<string, FunctionNode>;
  /** Classes that extend nothing but classes of the core, so that their constructors can be taken apart. */
  readonly classes: Set<string>;
  /** Classes that extend a global one (errors). */
  readonly foreignClasses: Set<string>;
  /** Local name → where it comes from. */
  readonly imports: Map<string, { readonly module: string; readonly name: string }>;
}

/** Objects of the language whose methods touch no shared memory unless a typed array of it is handed to them. */
const QUIET_GLOBALS = new Set(
  'Math Number Object Array String JSON Symbol BigInt Boolean Map Set Error Int32Array Float64Array Uint8Array BigUint64Array'.split(
    ' ',
  ),
);
/** Methods of ordinary arrays, strings and maps. On a shared array each of them throws (see memory.ts). */
const QUIET_METHODS = new Set(
  'push pop shift includes join codePointAt map find findIndex filter some every forEach reduce split entries keys values get has delete toString padStart padEnd at indexOf sort concat startsWith bind'.split(
    ' ',
  ),
);

export function readModule(name: string, source: string): Module {
  const program = parse(source, { ecmaVersion: 2023, sourceType: 'module', locations: true });
  const module: Module = {
    name,
    source,
    body: program.body as AnyNode[],
    functions: new Map(),
    classes: new Set(),
    foreignClasses: new Set(),
    imports: new Map(),
  };
  for (const statement of module.body) readStatement(module, statement);
  return module;
}

function readStatement(module: Module, statement: AnyNode): void {
  if (statement.type === 'ImportDeclaration') readImport(module, statement);
  else if (statement.type === 'ExportNamedDeclaration') {
    if (statement.declaration) readDeclaration(module, statement.declaration as AnyNode);
  } else readDeclaration(module, statement);
}

function readImport(module: Module, statement: AnyNode & { type: 'ImportDeclaration' }): void {
  const from = resolve(module.name, String(statement.source.value));
  for (const specifier of statement.specifiers) {
    if (specifier.type !== 'ImportSpecifier') throw unknown(module, specifier, 'an import without a name');
    const { imported } = specifier;
    const name = imported.type === 'Identifier' ? imported.name : String(imported.value);
    module.imports.set(specifier.local.name, { module: from, name });
  }
}

function readDeclaration(module: Module, declaration: AnyNode): void {
  if (declaration.type === 'FunctionDeclaration') {
    module.functions.set(declaration.id!.name, declaration);
  } else if (declaration.type === 'ClassDeclaration') {
    const parent = declaration.superClass;
    const isForeign = parent?.type === 'Identifier' && QUIET_GLOBALS.has(parent.name);
    (isForeign ? module.foreignClasses : module.classes).add(declaration.id!.name);
  } else if (declaration.type === 'VariableDeclaration') {
    for (const { id, init } of declaration.declarations) {
      if (id.type === 'Identifier' && init?.type === 'ArrowFunctionExpression')
        module.functions.set(id.name, init);
    }
  }
}

/** "core/slab.js" + "./layout.js" → "core/layout.js". */
export function resolve(from: string, specifier: string): string {
  const path = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') path.pop();
    else if (part !== '.') path.push(part);
  }
  return path.join('/');
}

export class Loudness {
  readonly #modules: ReadonlyMap<string, Module>;
  readonly #loud: Set<FunctionNode> = new Set();

  constructor(modules: ReadonlyMap<string, Module>) {
    this.#modules = modules;
    const all = [...modules.values()].flatMap((module) =>
      [...module.functions.values()].map((node) => ({ module, node })),
    );
    for (let before = -1; before !== this.#loud.size; ) {
      before = this.#loud.size;
      for (const { module, node } of all) if (this.isLoud(module, node)) this.#loud.add(node);
    }
  }

  /** Is there anything in the node, functions within included, that may touch shared memory? */
  isLoud(module: Module, node: AnyNode): boolean {
    const local = localFunctions(node);
    const visit = (inner: AnyNode): boolean =>
      this.#isLoudHere(module, inner, local) || childrenOf(inner).some(visit);
    return visit(node);
  }

  /** The module-level function that the name stands for in the module. */
  functionOf(module: Module, name: string): FunctionNode | undefined {
    const own = module.functions.get(name);
    if (own !== undefined) return own;
    const imported = module.imports.get(name);
    if (imported === undefined) return undefined;
    const from = this.#modules.get(imported.module);
    return from === undefined ? undefined : this.functionOf(from, imported.name);
  }

  isQuietCallee(module: Module, callee: AnyNode, local: ReadonlySet<string>): boolean {
    if (callee.type === 'Identifier') {
      if (local.has(callee.name) || QUIET_GLOBALS.has(callee.name)) return true;
      const target = this.functionOf(module, callee.name);
      return target !== undefined && !this.#loud.has(target);
    }
    if (callee.type !== 'MemberExpression' || callee.computed) return false;
    const { object, property } = callee;
    if (object.type === 'Identifier' && QUIET_GLOBALS.has(object.name)) return true;
    return property.type === 'Identifier' && QUIET_METHODS.has(property.name);
  }

  #isLoudHere(module: Module, node: AnyNode, local: ReadonlySet<string>): boolean {
    if (node.type === 'MemberExpression') return node.computed;
    if (node.type === 'CallExpression') return !this.isQuietCallee(module, node.callee as AnyNode, local);
    if (node.type === 'NewExpression') {
      const { callee } = node;
      return (
        callee.type !== 'Identifier' ||
        !(QUIET_GLOBALS.has(callee.name) || this.#isForeignClass(module, callee.name))
      );
    }
    return node.type === 'TaggedTemplateExpression' || node.type === 'ImportExpression';
  }

  #isForeignClass(module: Module, name: string): boolean {
    if (module.foreignClasses.has(name)) return true;
    const imported = module.imports.get(name);
    const from = imported === undefined ? undefined : this.#modules.get(imported.module);
    return from !== undefined && imported !== undefined && this.#isForeignClass(from, imported.name);
  }
}

/** Functions declared within the node: their bodies are looked at with it, so a call of them adds nothing. */
export function localFunctions(node: AnyNode): Set<string> {
  const names = new Set<string>();
  const visit = (inner: AnyNode): void => {
    if (inner.type === 'VariableDeclarator' && inner.init?.type === 'ArrowFunctionExpression') {
      if (inner.id.type === 'Identifier') names.add(inner.id.name);
    } else if (inner.type === 'FunctionDeclaration' && inner !== node) names.add(inner.id!.name);
    childrenOf(inner).forEach(visit);
  };
  visit(node);
  return names;
}

/** A node's children in the order of the source. A shorthand `{ a }` has its name once. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node) as unknown[]) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isNode(item)) children.push(item);
    }
  }
  children.sort((a, b) => a.start - b.start || b.end - a.end);
  return children.filter((child, i) => i === 0 || child.start >= children[i - 1]!.end);
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** The transformation does not know this construct, and says so instead of guessing. */
export function unknown(module: Module, node: AnyNode, what: string): Error {
  const { line, column } = node.loc!.start;
  return new Error(
    `${module.name}:${line}:${column + 1}: the explorer does not know ${what}: teach src/explore/transform.ts`,
  );
}
