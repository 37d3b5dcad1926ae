/**
 * The textlint rule behind `docs/contributing.md#prose`: what a tool can check of a sentence in plain English.
 */
import type { TextlintRuleModule } from "@textlint/types"
import { splitAST } from "sentence-splitter"

type Node = Parameters<typeof splitAST>[0]["children"][number] | ReturnType<typeof splitAST>["children"][number]

const maxWords = 25

interface Pattern {
  readonly pattern: RegExp
  readonly advice: string
}

/** A noun before "where", such as "the place where", makes it the start of a relative clause. */
const place = "place|point|line|file|page|process|region|server|code|know|knows|see|shows|says|and|or|exactly"

const patterns: ReadonlyArray<Pattern> = [
  { pattern: /^(What|Who|Whatever|Whoever)\b(?!.*\?$)/, advice: "name the subject: no sentence begins with a clause" },
  { pattern: /\b(whatever|whoever|[Ss]omebody|[Aa]nybody)\b/, advice: "name the thing or the person" },
  { pattern: /\b(is|are|was|were) to be\b/i, advice: "write \"must\"" },
  { pattern: /\blet(s|ting)? go\b|\bis let\b/i, advice: "write \"releases\"" },
  { pattern: /\b(gives?|gave|given|giving) back\b/i, advice: "write \"returns\"" },
  {
    pattern: /(?<!\bthere )\b(is|are|was|were) no (?!longer\b|more\b)[a-z]+/i,
    advice: "write \"is not a\" or \"does not\""
  },
  { pattern: /\b(hears?|heard)\b/i, advice: "only a person hears: write \"receives\" or \"uses\"" },
  { pattern: /\bso (many|long|much)\b(?! (as|that|of)\b)(?!.*\?$)/i, advice: "name the number or the time" },
  {
    pattern: new RegExp(String.raw`(?<!\b(${place}),? )\bwhere\b(?! (to|from)\b|$)(?!.*\?$)`, "i"),
    advice: "write \"if\" or \"when\" for a condition, \"in which\" for a place"
  }
]

/** The splitter misses an end after a number, a unit, code or bold text. */
const missedEnd = /(?<=(?<!\b(?:e\.g|i\.e|vs|cf))[.!?]) (?=\p{Lu})/u

/** The text that a reader sees. Code and an address count as one word, an image and HTML as none. */
const visible = (node: Node): string => {
  if (node.type === "Code") return "X"
  if (node.type === "Image" || node.type === "Html") return ""
  if (node.type === "Break") return " "
  if ("children" in node) return node.children.map((child) => visible(child as Node)).join("")
  return "value" in node ? String(node.value) : ""
}

const faultsOf = (sentence: string): ReadonlyArray<string> => {
  const words = sentence.match(/[\p{L}\p{N}](?:[\p{L}\p{N}'’./:-]|,(?=\d))*/gu)?.length ?? 0
  const long = words > maxWords ? [`${words} words: at most ${maxWords}`] : []
  return long.concat(patterns.flatMap(({ advice, pattern }) => {
    const found = pattern.exec(sentence)
    return found === null ? [] : [`"${found[0]}": ${advice}`]
  }))
}

/** The rule. It reads paragraphs, headings and the cells of tables, one sentence at a time. */
export const plainEnglish: TextlintRuleModule = ({ RuleError, Syntax, report }) => {
  const check = (node: unknown): void => {
    const block = node as Parameters<typeof splitAST>[0]
    for (const sentence of splitAST(block).children) {
      if (sentence.type !== "Sentence") continue
      const text = visible(sentence).replace(/\bhttps?:\/\/\S+/g, "X").replace(/\s+/g, " ").trim()
      for (const part of text.split(missedEnd)) {
        for (const fault of faultsOf(part)) report(sentence as never, new RuleError(`${fault}\n    ${part}`))
      }
    }
  }
  return { [Syntax.Paragraph]: check, [Syntax.Header]: check, [Syntax.TableCell]: check }
}
