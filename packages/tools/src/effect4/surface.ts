/**
 * Reads the names that a module of Effect 4 exports from its declarations.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import ts from "typescript"
import { repository as root } from "../workspace.js"

const modules = Path.join(root, "packages/effect4/node_modules")

/** The file with the declarations of a specifier such as `effect/http/HttpClient`. */
const declarations = (specifier: string): string | undefined => {
  const [scope, name] = specifier.split("/")
  const pkg = specifier.startsWith("@") ? `${scope}/${name}` : scope!
  const rest = specifier.slice(pkg.length + 1)
  const base = Path.join(modules, pkg, "dist", rest)
  return [`${base}.d.ts`, Path.join(base, "index.d.ts")].find((file) => Fs.existsSync(file))
}

const isExported = (statement: ts.Statement): boolean =>
  ts.canHaveModifiers(statement) &&
  ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true

/** `undefined` if the names are not known. */
const read = (file: string): ReadonlySet<string> | undefined => {
  const names = new Set<string>()
  const source = ts.createSourceFile(file, Fs.readFileSync(file, "utf8"), ts.ScriptTarget.Latest)
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause
      if (clause !== undefined && ts.isNamedExports(clause)) clause.elements.forEach((one) => names.add(one.name.text))
      else if (clause !== undefined) names.add(clause.name.text)
      else {
        const { text } = statement.moduleSpecifier as ts.StringLiteral
        // All of another package: its names are not checked.
        if (!text.startsWith(".")) return undefined
        read(Path.join(Path.dirname(file), text.replace(/\.[jt]s$/, ".d.ts")))?.forEach((name) => names.add(name))
      }
    } else if (!isExported(statement)) continue
    else if (ts.isVariableStatement(statement)) {
      statement.declarationList.declarations.forEach(({ name }) => names.add((name as ts.Identifier).text))
    } else if ("name" in statement) names.add((statement.name as ts.Identifier).text)
  }
  return names
}

const known = new Map<string, ReadonlySet<string> | undefined>()

/** The names that a module exports, types among them; `undefined` if there is no such module. */
export const exportsOf = (specifier: string): ReadonlySet<string> | undefined => {
  if (!known.has(specifier)) {
    const file = declarations(specifier)
    known.set(specifier, file === undefined ? undefined : read(file))
  }
  return known.get(specifier)
}
