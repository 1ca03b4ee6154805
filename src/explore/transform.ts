/**
 * Turns a compiled module into one that can be stopped before each access to shared memory, by program:
 *
 *     i32[at + K_REFS]++          →  ($1 = i32, $2 = at + K_REFS, write($1, $2, read($1, $2) + 1))
 *     Atomics.load(i32, word)     →  (($t = $at('load', i32, word, …)) === $Y ? yield : $t)
 *     putContext(s, found)        →  (($t = putContext(s, found)) instanceof $Gen ? yield* $t : $t)
 *     function takeSlot(…) {…}    →  function* takeSlot(…) {…}
 *
 * EVERY `x[y]` and every call goes this way, whatever x is; memory.ts finds out while running what is shared. So no list
 * of shared things can be incomplete. What cannot be transformed (a getter, an arrow function that touches memory and is
 * no callback of `map` …) is an error, and a shared array that still gets into untransformed code throws there.
 */
import type { AnyNode, AssignmentExpression, CallExpression, Class } from 'acorn';
import {
  type FunctionNode,
  Loudness,
  type Module,
  childrenOf,
  localFunctions,
  resolve,
  unknown,
} from './syntax.ts';

/** Where in the source an access is. */
export interface Site {
  readonly module: string;
  readonly line: number;
  readonly column: number;
  readonly function: string;
}

export interface Transformed {
  /** Body of a function of the runtime's names (see link.ts) that returns the module's exports. */
  readonly code: string;
}

const ITERATING = new Set(['map', 'some', 'every', 'find', 'forEach', 'filter']);
const BULK = new Set(['set', 'fill', 'subarray', 'slice', 'copyWithin']);
const REFUSED = new Set(
  'AwaitExpression YieldExpression TaggedTemplateExpression StaticBlock WithStatement ImportExpression'.split(
    ' ',
  ),
);

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

export class Transformer {
  readonly sites: Site[] = [];
  readonly #loudness: Loudness;
  #module: Module;
  /** In a generator; else names only are changed. */
  #active = false;
  #temporaries = 0;
  #local: ReadonlySet<string> = new Set();
  #function = '';

  constructor(modules: ReadonlyMap<string, Module>) {
    this.#loudness = new Loudness(modules);
    this.#module = modules.values().next().value!;
  }

  /** `isStrict`: module-level statements must be quiet, too (a scenario's set-up is only used untransformed). */
  transform(module: Module, isStrict: boolean): Transformed {
    this.#module = module;
    this.#active = false;
    const exported: string[] = [];
    const lines = module.body.map((statement) => this.#statement(statement, isStrict, exported));
    return { code: `'use strict'; let $t;\n${lines.join('\n')}\nreturn { ${exported.join(', ')} };` };
  }

  #statement(statement: AnyNode, isStrict: boolean, exported: string[]): string {
    if (statement.type === 'ImportDeclaration') {
      const names = statement.specifiers.map(({ local }) => {
        const { name } = this.#module.imports.get(local.name)!;
        return name === local.name ? name : `${name}: ${local.name}`;
      });
      const from = resolve(this.#module.name, String(statement.source.value));
      return `const { ${names.join(', ')} } = $require('${from}');`;
    }
    if (statement.type !== 'ExportNamedDeclaration') return this.#declaration(statement, isStrict);
    const declaration = statement.declaration as AnyNode | null | undefined;
    if (!declaration) throw unknown(this.#module, statement, 'an export without a declaration');
    exported.push(...declaredNames(declaration));
    return this.#declaration(declaration, isStrict);
  }

  #declaration(node: AnyNode, isStrict: boolean): string {
    if (node.type === 'FunctionDeclaration')
      return this.#loud(node) ? this.#generator(node, node.id!.name) : this.#plain(node);
    if (node.type === 'ClassDeclaration') return this.#class(node);
    if (isStrict && this.#loud(node))
      throw unknown(this.#module, node, 'memory used while a module is loaded');
    return this.#plain(node);
  }

  #loud(node: AnyNode): boolean {
    return this.#loudness.isLoud(this.#module, node);
  }

  // ---- functions and classes ----------------------------------------------------------------------------------------

  #generator(node: FunctionNode, name: string): string {
    const outer = [this.#active, this.#temporaries, this.#local, this.#function] as const;
    if (node.async || node.generator) throw unknown(this.#module, node, 'async or generator functions');
    const params = node.params.map((param) => this.#parameter(param as AnyNode)).join(', ');
    this.#active = true;
    this.#temporaries = 0;
    this.#function = name === '' ? this.#function : name;
    // A callback within sees what is declared around it.
    this.#local = new Set([...this.#local, ...localFunctions(node)]);
    const body = this.#emit(node.body as AnyNode);
    const block = node.body.type === 'BlockStatement' ? body : `{ return (${body}); }`;
    const names = Array.from({ length: this.#temporaries }, (_, i) => `$${i + 1}`);
    [this.#active, this.#temporaries, this.#local, this.#function] = outer;
    const declared = names.length === 0 ? '' : ` let ${names.join(', ')};`;
    const header = name.startsWith('*') ? name : `function* ${name}`;
    return `${header}(${params}) {${declared}${block.slice(1)}`;
  }

  #parameter(param: AnyNode): string {
    if (this.#loud(param)) throw unknown(this.#module, param, 'memory used by a default value');
    return this.#plain(param);
  }

  #class(node: Class & { type: 'ClassDeclaration' }): string {
    const name = node.id!.name;
    if (this.#module.foreignClasses.has(name)) return this.#plain(node);
    const members: string[] = [];
    const fields: string[] = [];
    let construct: FunctionNode | undefined;
    for (const member of node.body.body as AnyNode[]) {
      if (member.type === 'PropertyDefinition') {
        const value = member.value ? this.#plain(member.value as AnyNode) : 'undefined';
        if (member.value && this.#loud(member.value as AnyNode))
          throw unknown(this.#module, member, 'memory used by a field');
        if (!member.static) fields.push(`this.${this.#plain(member.key as AnyNode)} = ${value};`);
        members.push(this.#plain(member));
      } else if (member.type === 'MethodDefinition') {
        if (member.kind === 'constructor') construct = member.value as FunctionNode;
        members.push(this.#method(member));
      } else throw unknown(this.#module, member, 'a static block');
    }
    const parent = node.superClass ? ` extends ${this.#plain(node.superClass as AnyNode)}` : '';
    members.push(this.#construct(construct, fields, parent !== ''));
    return `class ${name}${parent} {\n${members.join('\n')}\n}`;
  }

  #method(member: AnyNode & { type: 'MethodDefinition' }): string {
    if (member.kind === 'constructor' || !this.#loud(member.value as AnyNode)) return this.#plain(member);
    if (member.kind !== 'method') throw unknown(this.#module, member, 'a getter or setter that uses memory');
    const key = this.#plain(member.key as AnyNode);
    const text = this.#generator(member.value as FunctionNode, `*${key}`);
    return member.static ? `static ${text}` : text;
  }

  /** The constructor a second time, as a generator that fills an object made without it. */
  #construct(node: FunctionNode | undefined, fields: string[], hasParent: boolean): string {
    const start = fields.join(' ');
    if (node === undefined) {
      const up = hasParent ? 'yield* super.$construct(...args); ' : '';
      return `*$construct(...args) { ${up}${start} return this; }`;
    }
    const text = this.#generator(node, '*$construct');
    const marked = hasParent ? text.replace('/*fields*/', start) : text.replace('{', `{ ${start}`);
    return `${marked.slice(0, -1)} return this; }`;
  }

  // ---- statements and expressions -----------------------------------------------------------------------------------

  #plain(node: AnyNode): string {
    const outer = this.#active;
    this.#active = false;
    const text = this.#emit(node);
    this.#active = outer;
    return text;
  }

  #emit(node: AnyNode): string {
    if (node.type === 'PrivateIdentifier') return `$p_${node.name}`;
    if (REFUSED.has(node.type)) throw unknown(this.#module, node, node.type);
    if (!this.#active) return this.#splice(node);
    if (FUNCTIONS.has(node.type)) {
      if (this.#loud(node)) throw unknown(this.#module, node, 'a nested function that uses memory');
      return this.#plain(node);
    }
    return this.#expression(node);
  }

  #expression(node: AnyNode): string {
    switch (node.type) {
      case 'MemberExpression':
        return node.computed ? this.#read(node) : this.#splice(node);
      case 'CallExpression':
        return this.#call(node);
      case 'ChainExpression':
        return this.#chain(node);
      case 'NewExpression':
        return this.#new(node);
      case 'AssignmentExpression':
        return this.#assignment(node);
      case 'UpdateExpression':
        return this.#update(node);
      case 'ExpressionStatement':
        return this.#expressionStatement(node);
      default:
        return this.#splice(node);
    }
  }

  /** The node's own text around the transformed children. */
  #splice(node: AnyNode): string {
    const { source } = this.#module;
    let text = '';
    let at = node.start;
    for (const child of childrenOf(node)) {
      text += source.slice(at, child.start) + this.#emit(child);
      at = child.end;
    }
    return text + source.slice(at, node.end);
  }

  #site(node: AnyNode): number {
    const { line, column } = node.loc!.start;
    const name = this.#function.replace(/^\*/, '').replace('$p_', '#').replace('$construct', 'constructor');
    return this.sites.push({ module: this.#module.name, line, column, function: name }) - 1;
  }

  #read(node: AnyNode & { type: 'MemberExpression' }): string {
    if (node.optional || node.object.type === 'Super')
      throw unknown(this.#module, node, 'this kind of element access');
    const object = this.#emit(node.object as AnyNode);
    return access(`$rd(${object}, ${this.#emit(node.property as AnyNode)}, ${this.#site(node)})`);
  }

  #assignment(node: AssignmentExpression & AnyNode): string {
    const left = node.left as AnyNode;
    if (left.type !== 'MemberExpression' || !left.computed) {
      if (left.type.endsWith('Pattern') && this.#loud(left))
        throw unknown(this.#module, node, 'a pattern that assigns to elements');
      return this.#splice(node);
    }
    const object = this.#emit(left.object as AnyNode);
    const key = this.#emit(left.property as AnyNode);
    const site = this.#site(left);
    if (node.operator === '=') {
      return access(`$wr(${object}, ${key}, ${this.#emit(node.right as AnyNode)}, ${site})`);
    }
    if (['&&=', '||=', '??='].includes(node.operator)) throw unknown(this.#module, node, node.operator);
    return this.#modify({ object, key, site, operator: node.operator.slice(0, -1) }, () =>
      this.#emit(node.right as AnyNode),
    );
  }

  /** `x[y] += z` reads, works out z, then writes: other threads may come in between. */
  #modify(
    target: { object: string; key: string; site: number; operator: string },
    right: () => string,
  ): string {
    const o = `$${++this.#temporaries}`;
    const k = `$${++this.#temporaries}`;
    const v = `$${++this.#temporaries}`;
    const before = access(`$rd(${o}, ${k}, ${target.site})`);
    const value = `${v} ${target.operator} (${right()})`;
    const write = access(`$wr(${o}, ${k}, ${value}, ${target.site})`);
    return `(${o} = ${target.object}, ${k} = ${target.key}, ${v} = ${before}, ${write})`;
  }

  #expressionStatement(node: AnyNode & { type: 'ExpressionStatement' }): string {
    const expression = node.expression as AnyNode;
    if (expression.type === 'UpdateExpression') return `${this.#update(expression, true)};`;
    return this.#splice(node);
  }

  #update(node: AnyNode & { type: 'UpdateExpression' }, isStatement = false): string {
    const argument = node.argument as AnyNode;
    if (argument.type !== 'MemberExpression' || !argument.computed) return this.#splice(node);
    if (!isStatement && !node.prefix) throw unknown(this.#module, node, 'the value of x[y]++');
    const target = {
      object: this.#emit(argument.object as AnyNode),
      key: this.#emit(argument.property as AnyNode),
      site: this.#site(argument),
      operator: node.operator.charAt(0),
    };
    return this.#modify(target, () => '1');
  }

  #call(node: CallExpression & AnyNode): string {
    const callee = node.callee as AnyNode;
    if (callee.type === 'Super') return `yield* super.$construct(${this.#arguments(node)}); /*fields*/`;
    if (callee.type === 'MemberExpression') {
      if (callee.computed) throw unknown(this.#module, node, 'a call of an element');
      const special = this.#methodCall(node, callee);
      if (special !== undefined) return special;
    }
    if (this.#loudness.isQuietCallee(this.#module, callee, this.#local)) return this.#splice(node);
    return dynamic(this.#splice(node));
  }

  #methodCall(
    node: CallExpression & AnyNode,
    callee: AnyNode & { type: 'MemberExpression' },
  ): string | undefined {
    const { object, property } = callee;
    if (property.type !== 'Identifier') return undefined;
    const { name } = property;
    if (object.type === 'Identifier' && object.name === 'Atomics')
      return access(`$at('${name}', ${this.#site(node)}, ${this.#arguments(node)})`);
    if (BULK.has(name))
      return `(yield* $bulk(${this.#emit(object as AnyNode)}, '${name}', [${this.#arguments(node)}], ${this.#site(node)}))`;
    const [callback] = node.arguments as AnyNode[];
    if (ITERATING.has(name) && callback?.type === 'ArrowFunctionExpression' && this.#loud(callback)) {
      const body = this.#generator(callback, '');
      return `(yield* $each(${this.#emit(object as AnyNode)}, '${name}', ${body}.bind(this)))`;
    }
    return undefined;
  }

  #arguments(node: { arguments: unknown[] }): string {
    return (node.arguments as AnyNode[]).map((argument) => this.#emit(argument)).join(', ');
  }

  /** `a.b?.(c)`: the whole chain is one expression that may be a generator. */
  #chain(node: AnyNode & { type: 'ChainExpression' }): string {
    const inner = node.expression as AnyNode;
    return dynamic(this.#splice(inner));
  }

  #new(node: AnyNode & { type: 'NewExpression' }): string {
    const callee = node.callee as AnyNode;
    if (callee.type !== 'Identifier') throw unknown(this.#module, node, 'new of an expression');
    const { classes, imports } = this.#module;
    if (!classes.has(callee.name) && !imports.has(callee.name)) return this.#splice(node);
    return `(yield* $new(${callee.name}, [${this.#arguments(node)}]))`;
  }
}

function declaredNames(declaration: AnyNode): string[] {
  if (declaration.type !== 'VariableDeclaration') return [(declaration as { id: { name: string } }).id.name];
  return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []));
}

function access(call: string): string {
  return `(($t = ${call}) === $Y ? yield : $t)`;
}

function dynamic(call: string): string {
  return `(($t = ${call}) instanceof $Gen ? yield* $t : $t)`;
}
