/**
 * `pnpm api`: writes `api.txt` of each published package, every public declaration without its docs, from the built
 * types. A change to it is a change to what users see.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import ts from "typescript"
import type { Package } from "./workspace.js"
import { conclude, generate, packages, relative } from "./workspace.js"

const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed })

const nameOf = (statement: ts.Statement): string => {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations[0]!.name.getText()
  if (ts.isExportDeclaration(statement)) return statement.getText()
  const { name } = statement as ts.Statement & { readonly name?: ts.Identifier }
  return name?.getText() ?? ""
}

const isEmptyExport = (statement: ts.Statement): boolean =>
  ts.isExportDeclaration(statement) && statement.exportClause !== undefined &&
  ts.isNamedExports(statement.exportClause) && statement.exportClause.elements.length === 0

const parse = (path: string): ts.SourceFile =>
  ts.createSourceFile(path, Fs.readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true)

/** What a module exports from a file that is not public is declared there, and public all the same. */
const declared = (statement: ts.Statement, file: ts.SourceFile): ReadonlyArray<ts.Statement> => {
  if (!ts.isExportDeclaration(statement) || statement.exportClause === undefined) return [statement]
  const { exportClause, moduleSpecifier } = statement
  if (moduleSpecifier === undefined || !ts.isNamedExports(exportClause)) return [statement]
  const from = (moduleSpecifier as ts.StringLiteral).text
  if (!from.startsWith("./internal/")) return [statement]
  const names = exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
  const found = parse(Path.resolve(Path.dirname(file.fileName), from.replace(/\.js$/, ".d.ts"))).statements
    // The class that an error extends has a name of its own.
    .filter((statement) =>
      !ts.isExportDeclaration(statement) && names.includes(nameOf(statement).replace(/_base$/, ""))
    )
  const missing = names.filter((name) => !found.some((statement) => nameOf(statement) === name))
  if (missing.length > 0) throw new Error(`${relative(file.fileName)}: ${from} does not declare ${missing.join(", ")}`)
  const isRenamed = exportClause.elements.some(({ propertyName }) => propertyName !== undefined)
  return isRenamed ? [statement, ...found] : found
}

/** The declarations of one module, by name; overloads keep their order. */
const moduleApi = (pkg: Package, name: string): string => {
  const file = parse(Path.join(pkg.directory, "dist", `${name}.d.ts`))
  const declarations = file.statements
    .filter((statement) => !ts.isImportDeclaration(statement) && !isEmptyExport(statement))
    .flatMap((statement) => declared(statement, file))
    .map((statement) => ({
      name: nameOf(statement),
      text: printer.printNode(ts.EmitHint.Unspecified, statement, statement.getSourceFile())
    }))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  return [`# ${pkg.name}/${name}`, ...declarations.map((declaration) => declaration.text)].join("\n\n")
}

const problems: Array<string> = []
for (const pkg of packages) {
  const path = Path.join(pkg.directory, "api.txt")
  const content = pkg.modules.map((name) => moduleApi(pkg, name)).join("\n\n\n") + "\n"
  if (!generate(path, content)) {
    problems.push(
      `${
        relative(path)
      }: the public API of ${pkg.name} differs from it. If that is meant, run \`pnpm build && pnpm api\` ` +
        "and commit the file; else the change breaks somebody."
    )
  }
}
conclude(problems, "every api.txt is up to date")
