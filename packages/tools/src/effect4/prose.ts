/**
 * Converts the text of comments and documents: the code of their examples, and the code within their sentences.
 */
import type { Rules } from "./rule.js"

export interface Result {
  readonly text: string
  /** Each with its line; the text is of no use if there are any. */
  readonly problems: ReadonlyArray<string>
}

export type Codemod = (name: string, text: string, rules: Required<Rules>) => Result

/** A fence of a comment, with what begins its lines, or of a document. */
const fence = /^([ \t]*\*[ \t]?|[ \t]*)```(\w*)([^\n]*)\n([\s\S]*?)^(?:[ \t]*\*)?[ \t]*```/.source

const pieces = new RegExp(`${fence}|\`([^\`\\n]+)\``, "gm")

/** An example that has another form in Effect 4, which follows it. */
const replaced = /^```\w+[^\n]*\n(?:(?!```)[^\n]*\n)*```\n\nWith Effect 4:\n\n(?=```\w+ effect4)/gm

/** An example that says what it prints. */
const printing = (code: string, { outputs }: Required<Rules>): string =>
  Object.entries(outputs).reduce(
    (text, [from, to]) => text.replaceAll(`// => ${from}\n`, `// => ${to.replaceAll("\n", "\n// => ")}\n`),
    code
  )

/** The modules that a rule can change, by their names. */
const ruled = ({ calls, members, types, values }: Required<Rules>): ReadonlySet<string> =>
  new Set([calls, members, types, values].flatMap((table) => Object.keys(table).map((name) => name.split(".")[0]!)))

const renamed = (name: string, names: Readonly<Record<string, string>>): string =>
  Object.hasOwn(names, name) ? names[name]! : name

/** Code within a sentence, or a string that names a member: as if its modules were imported. */
export const inline = (
  name: string,
  code: string,
  rules: Required<Rules>,
  problems: Array<string>,
  codemod: Codemod
): string => {
  const text = code.replaceAll(/\b[A-Z]\w*\.\w+\b(?!\()/g, (member) => renamed(member, rules.names))
  const all = ruled(rules)
  const modules = [...text.matchAll(/\b([A-Z]\w*)\.(?!js\b|ts\b)\w/g)].map(([, one]) => one!).filter((one) =>
    all.has(one)
  )
  if (modules.length === 0) return text
  const imports = `import { ${[...new Set(modules)].join(", ")} } from "effect"\n`
  const result = codemod(`${name} (${code})`, `${imports}${text}`, rules)
  problems.push(...result.problems)
  return result.text.replace(/^(import .*\n)+/, "")
}

/** The first release with a member: the editions of one release differ in the major number alone. */
const since = /@since 3\./g

/** Text with examples and names of members. */
export const prose = (
  name: string,
  text: string,
  rules: Required<Rules>,
  problems: Array<string>,
  codemod: Codemod
): string => {
  const example = (prefix: string, mode: string, code: string): string => {
    const lines = code.split("\n").slice(0, -1)
      .map((line) => line.startsWith(prefix) ? line.slice(prefix.length) : line.slice(prefix.trimEnd().length))
    const result = codemod(`${name} (example)`, `${lines.join("\n")}\n`, rules)
    problems.push(...result.problems)
    const written = printing(result.text, rules).replace(/\n$/, "").split("\n").map((line) =>
      `${prefix}${line}`.trimEnd()
    )
    return `${prefix}\`\`\`ts${mode}\n${written.join("\n")}\n${prefix}\`\`\``
  }
  return text.replaceAll(replaced, "").replace(since, "@since 4.").replace(
    pieces,
    (whole, prefix: string, language: string, mode: string, code: string, span: string | undefined, at: number) => {
      if (mode?.startsWith(" effect4")) return whole.replace(" effect4", "")
      if (span === undefined) return language === "ts" && mode.trim() !== "ignore" ? example(prefix, mode, code) : whole
      // A cell of a table has `\|` for `|`.
      const isCell = text[text.lastIndexOf("\n", at) + 1] === "|"
      const written = inline(
        name,
        renamed(renamed(span.replaceAll("\\|", "|"), rules.names), rules.strings),
        rules,
        problems,
        codemod
      )
      return `\`${isCell ? written.replaceAll("|", "\\|") : written}\``
    }
  )
}
