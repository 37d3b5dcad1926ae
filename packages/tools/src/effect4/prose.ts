/**
 * Converts the text of comments and documents: the code of their examples, and the members that they name.
 */
import type { Rules } from "./rule.js"

export interface Result {
  readonly text: string
  /** Each with its line; the text is of no use if there are any. */
  readonly problems: ReadonlyArray<string>
}

export type Codemod = (name: string, text: string, rules: Required<Rules>) => Result

/** The code in the examples of a comment, with what begins its lines, and of a document. */
const examples = /^([ \t]*\*[ \t]?|[ \t]*)```ts([^\n]*)\n([\s\S]*?)^(?:[ \t]*\*)?[ \t]*```/gm

/** A member that the text of a comment or a document names. */
const named = /`([A-Z]\w+)\.(\w+)/g

/** An example that says what it prints. */
const printing = (code: string, { outputs }: Required<Rules>): string =>
  Object.entries(outputs).reduce(
    (text, [from, to]) => text.replaceAll(`// => ${from}\n`, `// => ${to.replaceAll("\n", "\n// => ")}\n`),
    code
  )

/** Text with examples and names of members. */
export const prose = (
  name: string,
  text: string,
  rules: Required<Rules>,
  problems: Array<string>,
  codemod: Codemod
): string => {
  const examined = text.replace(examples, (whole, prefix: string, mode: string, code: string) => {
    if (mode.trim() === "ignore") return whole
    const lines = code.split("\n").slice(0, -1)
      .map((line) => line.startsWith(prefix) ? line.slice(prefix.length) : line.slice(prefix.trimEnd().length))
    const result = codemod(`${name} (example)`, `${lines.join("\n")}\n`, rules)
    problems.push(...result.problems)
    const written = printing(result.text, rules).replace(/\n$/, "").split("\n").map((line) =>
      `${prefix}${line}`.trimEnd()
    )
    return `${prefix}\`\`\`ts${mode}\n${written.join("\n")}\n${prefix}\`\`\``
  })
  return examined.replace(named, (whole, module: string, member: string) => {
    const renamed = rules.members[`${module}.${member}`]
    if (renamed === undefined) return whole
    return `\`${renamed.includes(".") ? renamed : `${module}.${renamed}`}`
  })
}
