/**
 * Reads the imports of Effect in a module, and writes those that the module for Effect 4 needs.
 */
import ts from "typescript"
import type { Rules } from "./rule.js"
import { exportsOf } from "./surface.js"

/** A name that a module imports from Effect. */
export interface Binding {
  readonly local: string
  /** The name in Effect: that of a module, or of a function. */
  readonly module: string
  readonly isModule: boolean
  readonly from: string
}

const isOfEffect = (specifier: string): boolean => /^(effect|@effect\/[^/]+)(\/|$)/.test(specifier)

const specifierOf = (node: ts.ImportDeclaration): string => (node.moduleSpecifier as ts.StringLiteral).text

const isBarrel = (specifier: string): boolean => /^(effect|@effect\/[^/]+)$/.test(specifier)

/** The names that a module imports from Effect. */
export const bindings = (source: ts.SourceFile): ReadonlyMap<string, Binding> => {
  const bound = new Map<string, Binding>()
  for (const node of source.statements) {
    if (!ts.isImportDeclaration(node) || !isOfEffect(specifierOf(node))) continue
    const from = specifierOf(node)
    const named = node.importClause?.namedBindings
    if (named === undefined) continue
    if (ts.isNamespaceImport(named)) {
      const local = named.name.text
      bound.set(local, { local, module: from.split("/").at(-1)!, isModule: true, from })
    } else {
      for (const { name, propertyName } of named.elements) {
        const module = (propertyName ?? name).text
        bound.set(name.text, { local: name.text, module, isModule: isBarrel(from) && /^[A-Z]/.test(module), from })
      }
    }
  }
  return bound
}

const hole = "\u0000"

/** An import to write. */
interface Written {
  readonly from: string
  /** `*` for all of a module. */
  readonly name: string
  readonly local: string
}

export class Imports {
  readonly problems: Array<string> = []
  private readonly written = new Map<string, Written>()
  private readonly usesBarrel: boolean

  constructor(
    private readonly source: ts.SourceFile,
    private readonly bound: ReadonlyMap<string, Binding>,
    private readonly rules: Required<Rules>
  ) {
    this.usesBarrel = [...bound.values()].some(({ from }) => isBarrel(from))
    for (const binding of bound.values()) this.local(binding)
  }

  /** Whether an import stays as it is. */
  keep(node: ts.ImportDeclaration): boolean {
    return !isOfEffect(specifierOf(node)) || node.importClause === undefined
  }

  /** The name in Effect 4 of a module of Effect 3. */
  moduleOf(module: string): string {
    const name = this.rules.modules[module]?.split("/").at(-1)
    return name !== undefined && /^[A-Z]/.test(name) ? name : module
  }

  /** The specifier in Effect 4 of a module of Effect 4. */
  specifier(module: string): string {
    const entry = Object.entries(this.rules.modules).find(([from]) => this.moduleOf(from) === module)
    return entry?.[1] ?? `effect/${module}`
  }

  /** The local name of a module of Effect 4. */
  use(module: string): string {
    const existing = [...this.bound.values()].find((one) => one.isModule && this.moduleOf(one.module) === module)
    if (existing !== undefined) return this.local(existing)
    this.add({ ...this.place(module), local: module })
    return module
  }

  /** The local name for Effect 4 of an import. */
  local(binding: Binding): string {
    if (!binding.isModule) {
      const renamed = this.rules.members[`${binding.from}.${binding.module}`] ?? binding.module
      const specifier = isBarrel(binding.from)
        ? this.rules.modules[binding.from] ?? binding.from
        : this.specifier(this.moduleOf(binding.from.split("/").at(-1)!))
      const local = binding.local === binding.module ? renamed : binding.local
      this.add({ from: specifier, name: renamed, local })
      return local
    }
    const module = this.moduleOf(binding.module)
    const local = binding.local === binding.module ? module : binding.local
    this.add({ ...this.place(module, isBarrel(binding.from)), local })
    return local
  }

  private place(module: string, fromBarrel = this.usesBarrel): { readonly from: string; readonly name: string } {
    const specifier = this.specifier(module)
    const barrel = specifier.split("/").slice(0, -1).join("/")
    return fromBarrel && barrel !== "" && barrel !== "@effect"
      ? { from: barrel, name: module }
      : { from: specifier, name: "*" }
  }

  private add(one: Written): void {
    this.written.set(one.local, one)
  }

  /** The module, whose imports of Effect are holes, with all imports. */
  write(body: string): string {
    const used = usesOf(body)
    const lines: Array<string> = []
    const named = new Map<string, Array<string>>()
    for (const { from, local, name } of [...this.written.values()].sort((a, b) => a.from < b.from ? -1 : 1)) {
      const use = used.get(local)
      if (use === undefined) continue
      const type = use === "type" ? "type " : ""
      const exported = exportsOf(from)
      if (from.startsWith("effect") && exported === undefined) {
        this.problems.push(`${this.source.fileName}: no ${from} in Effect 4`)
      }
      if (name !== "*" && exported?.has(name) === false) {
        this.problems.push(`${this.source.fileName}: ${from} of Effect 4 does not export ${name}`)
      }
      if (name === "*") lines.push(`import ${type}* as ${local} from "${from}"`)
      else named.set(from, [...named.get(from) ?? [], `${type}${name === local ? name : `${name} as ${local}`}`])
    }
    for (const [from, names] of named) {
      lines.push(
        names.every((name) => name.startsWith("type "))
          ? `import type { ${names.map((name) => name.slice("type ".length)).join(", ")} } from "${from}"`
          : `import { ${names.join(", ")} } from "${from}"`
      )
    }
    const all = lines.join("\n")
    const placed = body.includes(hole) ? body.replace(hole, all) : all === "" ? body : `${all}\n${body}`
    return placed.replaceAll(`${hole}\n`, "").replaceAll(hole, "")
  }

  /** What stands where an import was. */
  get hole(): string {
    return hole
  }
}

/** How the code uses each name: as a value, or only in types. */
const usesOf = (text: string): ReadonlyMap<string, "value" | "type"> => {
  const uses = new Map<string, "value" | "type">()
  const visit = (node: ts.Node, inType: boolean): void => {
    if (ts.isImportDeclaration(node)) return
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isName = ts.isPropertyAccessExpression(parent) && parent.name === node ||
        ts.isQualifiedName(parent) && parent.right === node ||
        ts.isPropertyAssignment(parent) && parent.name === node
      if (!isName && (!inType || !uses.has(node.text))) uses.set(node.text, inType ? "type" : "value")
      return
    }
    const heritage = ts.isHeritageClause(node) &&
      (node.token === ts.SyntaxKind.ImplementsKeyword || ts.isInterfaceDeclaration(node.parent))
    const isType = inType || heritage || ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node) ||
      ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
    if (ts.isExpressionWithTypeArguments(node)) {
      visit(node.expression, inType || heritage)
      node.typeArguments?.forEach((one) => visit(one, true))
      return
    }
    ts.forEachChild(node, (child) => visit(child, isType))
  }
  visit(ts.createSourceFile("body.ts", text, ts.ScriptTarget.Latest, true), false)
  return uses
}
