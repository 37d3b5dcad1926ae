/**
 * Turns a module for Effect 3 into one for Effect 4, by the rules of `rules/`. A member of Effect that neither exists in
 * Effect 4 nor has a rule is an error.
 */
import ts from "typescript"
import { errorOf } from "./fallible.js"
import { type Binding, bindings, Imports } from "./imports.js"
import { type Codemod, inline, prose } from "./prose.js"
import type { Context, Rules } from "./rule.js"
import { exportsOf } from "./surface.js"

class Module {
  readonly source: ts.SourceFile
  readonly imports: Imports
  readonly bound: ReadonlyMap<string, Binding>
  readonly problems: Array<string> = []

  constructor(readonly name: string, readonly text: string, readonly rules: Required<Rules>) {
    this.source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
    this.bound = bindings(this.source)
    this.imports = new Imports(this.source, this.bound, rules)
  }

  get context(): Context {
    return { emit: (node) => this.emit(node), use: (module) => this.imports.use(module) }
  }

  complain(node: ts.Node, problem: string): void {
    const { line } = this.source.getLineAndCharacterOfPosition(node.getStart())
    this.problems.push(`${this.name}:${line + 1}: ${problem}`)
  }

  /** The text of a node: that of its own rule, or its own text around that of its parts. */
  emit(node: ts.Node): string {
    return this.rewrite(node) ?? this.parts(node)
  }

  parts(node: ts.Node): string {
    let end = node.getStart()
    let out = ""
    ts.forEachChild(node, (part) => {
      const start = part.getStart()
      if (start < end) return
      out += this.comment(this.text.slice(end, start)) + this.emit(part)
      end = part.getEnd()
    })
    return out + this.comment(this.text.slice(end, node.getEnd()))
  }

  rewrite(node: ts.Node): string | undefined {
    if (ts.isImportDeclaration(node)) {
      return this.imports.keep(node) ? this.text.slice(node.getStart(), node.getEnd()) : this.imports.hole
    }
    if (ts.isClassDeclaration(node)) return this.classDeclaration(node)
    if (ts.isCallExpression(node)) return this.call(node)
    if (ts.isNewExpression(node)) return this.construction(node)
    if (ts.isTypeReferenceNode(node)) return this.type(node)
    if (ts.isTypeParameterDeclaration(node)) return this.typeParameter(node)
    if (ts.isPropertyAccessExpression(node) || ts.isQualifiedName(node)) return this.member(node)
    if (ts.isStringLiteral(node)) {
      const replaced = Object.hasOwn(this.rules.strings, node.text)
        ? this.rules.strings[node.text]!
        : inline(this.name, node.text, this.rules, this.problems, codemod)
      return replaced === node.text ? undefined : JSON.stringify(replaced)
    }
    if (ts.isIdentifier(node)) return this.identifier(node)
    return undefined
  }

  identifier(node: ts.Identifier): string | undefined {
    const binding = this.bound.get(node.text)
    if (binding !== undefined && !isPropertyName(node)) return this.imports.local(binding)
    const renamed = Object.hasOwn(this.rules.properties, node.text) ? this.rules.properties[node.text] : undefined
    if (renamed === undefined) return undefined
    const { parent } = node
    if (ts.isShorthandPropertyAssignment(parent)) return `${renamed}: ${node.text}`
    if (ts.isBindingElement(parent) && parent.name === node && parent.propertyName === undefined) {
      return `${renamed}: ${node.text}`
    }
    return isPropertyName(node) ? renamed : undefined
  }

  /** `Module.member` as Effect 3 names it, if the node is a member of a module of Effect. */
  memberName(node: ts.Node): string | undefined {
    const [left, right] = ts.isPropertyAccessExpression(node)
      ? [node.expression, node.name]
      : ts.isQualifiedName(node)
      ? [node.left, node.right]
      : []
    if (left === undefined || right === undefined) return undefined
    if (!ts.isIdentifier(left)) {
      // A member of a namespace in a module, such as `Config.Config.Wrap`, matters only if it has a rule.
      const name = `${this.memberName(left)}.${right.text}`
      return this.rules.members[name] === undefined && this.rules.types[name] === undefined ? undefined : name
    }
    const binding = this.bound.get(left.text)
    return binding === undefined ? undefined : `${binding.module}.${right.text}`
  }

  /** `Module.Namespace.member`, if the node is that. */
  nestedName(node: ts.EntityName): string | undefined {
    if (!ts.isQualifiedName(node)) return undefined
    const outer = this.memberName(node.left)
    return outer === undefined ? undefined : `${outer}.${node.right.text}`
  }

  member(node: ts.PropertyAccessExpression | ts.QualifiedName): string | undefined {
    const name = this.memberName(node)
    if (name === undefined) return undefined
    const value = this.rules.values[name]
    if (value !== undefined) return value(this.context)
    if (!this.isOfModule(node)) return this.rules.members[name] && `${name.split(".")[0]}.${this.rules.members[name]}`
    const [module, member] = this.target(name)
    const specifier = this.imports.specifier(module)
    if (
      specifier.startsWith("effect/")
        ? exportsOf(specifier)?.has(member) !== true
        : exportsOf(specifier)?.has(member) === false
    ) {
      this.complain(node, `${name} is not in Effect 4 (as ${module}.${member}), and has no rule`)
    }
    return `${this.imports.use(module)}.${member}`
  }

  /** Unlike a property of an imported value, such as `it.effect`. */
  isOfModule(node: ts.PropertyAccessExpression | ts.QualifiedName): boolean {
    const left = ts.isQualifiedName(node) ? node.left : node.expression
    return this.bound.get(left.getText().split(".")[0]!)!.isModule
  }

  target(name: string): readonly [module: string, member: string] {
    const renamed = this.rules.members[name] ?? name
    const [module, member] = renamed.includes(".") ? renamed.split(".") : [name.split(".")[0], renamed]
    return [this.imports.moduleOf(module!), member!]
  }

  call(node: ts.CallExpression): string | undefined {
    const curried = ts.isCallExpression(node.expression) ? this.memberName(node.expression.expression) : undefined
    const outer = curried === undefined ? undefined : this.rules.calls[`${curried}()`]
    if (outer !== undefined) {
      return outer(this.args(node.expression as ts.CallExpression), this.context, node)
    }
    const name = this.memberName(node.expression)
    if (name === undefined) return this.method(node)
    return this.rules.calls[name]?.(this.args(node), this.context, node)
  }

  /** The texts of the arguments. A rule may leave out one that Effect 4 does not have. */
  args(node: ts.CallExpression): ReadonlyArray<string> {
    return Object.defineProperties(
      new Array<string>(node.arguments.length),
      Object.fromEntries(node.arguments.map((argument, i) => [i, { get: () => this.emit(argument), enumerable: true }]))
    )
  }

  method(node: ts.CallExpression): string | undefined {
    if (!ts.isPropertyAccessExpression(node.expression)) return undefined
    const { expression: object, name: { text } } = node.expression
    if (!Object.hasOwn(this.rules.methods, text)) return undefined
    return this.rules.methods[text]!(this.emit(object), this.args(node), this.context, node)
  }

  classDeclaration(node: ts.ClassDeclaration): string | undefined {
    const base = node.heritageClauses?.[0]?.types[0]?.expression
    if (base === undefined || !ts.isCallExpression(base) || !ts.isCallExpression(base.expression)) return undefined
    const rule = this.rules.classes[`${this.memberName(base.expression.expression)}()`]
    return rule && this.parts(node).replace(/\}$/, () => `\n  ${rule(this.context, base)}\n}`)
  }

  construction(node: ts.NewExpression): string | undefined {
    const name = this.memberName(node.expression)
    const rule = name === undefined ? undefined : this.rules.news[name]
    return rule?.((node.arguments ?? []).map((argument) => this.emit(argument)), this.context, node)
  }

  type(node: ts.TypeReferenceNode): string | undefined {
    const name = this.memberName(node.typeName) ?? this.nestedName(node.typeName)
    const rule = name === undefined ? undefined : this.rules.types[name]
    if (rule === undefined) return undefined
    return rule((node.typeArguments ?? []).map((argument) => this.emit(argument)), this.context, node)
  }

  /** The error of a schedule comes before its context. */
  typeParameter(node: ts.TypeParameterDeclaration): string | undefined {
    const error = errorOf(node.parent, node.name.text)
    return error === undefined ? undefined : `${error}, ${this.text.slice(node.getStart(), node.getEnd())}`
  }

  /** Comments between nodes name members too, and hold examples. */
  comment(text: string): string {
    return text.includes("*") ? prose(this.name, text, this.rules, this.problems, codemod) : text
  }
}

const isPropertyName = (node: ts.Identifier): boolean => {
  const { parent } = node
  return ts.isPropertyAccessExpression(parent) && parent.name === node ||
    ts.isQualifiedName(parent) && parent.right === node ||
    ts.isPropertyAssignment(parent) && parent.name === node ||
    ts.isMethodDeclaration(parent) && parent.name === node ||
    ts.isPropertyDeclaration(parent) && parent.name === node ||
    ts.isPropertySignature(parent) && parent.name === node ||
    ts.isMethodSignature(parent) && parent.name === node ||
    ts.isBindingElement(parent) && parent.propertyName === node
}

/** The module for Effect 4. */
export const codemod: Codemod = (name, text, rules) => {
  const module = new Module(name, text, rules)
  const first = module.source.getStart()
  const body = module.comment(text.slice(0, first)) + module.emit(module.source)
  return { text: module.imports.write(body), problems: [...module.problems, ...module.imports.problems] }
}

/** The document for Effect 4, with its examples. */
export const codemodDocument: Codemod = (name, text, rules) => {
  const problems: Array<string> = []
  return { text: prose(name, text, rules, problems, codemod), problems }
}
