/**
 * Runs the rule of plain English over one text, with textlint.
 */
import { TextlintKernel } from "@textlint/kernel"
import type Markdown from "@textlint/textlint-plugin-markdown"
import { createRequire } from "node:module"
import { plainEnglish } from "./plainEnglish.js"
import type { Text } from "./texts.js"

const kernel = new TextlintKernel()

// tsx and vitest differ in the default import of this CommonJS package.
const markdownPlugin = createRequire(import.meta.url)("@textlint/textlint-plugin-markdown") as typeof Markdown

/** The findings of a text, as `file:line: finding`. */
export const findings = async ({ file, markdown }: Text): Promise<ReadonlyArray<string>> => {
  const { messages } = await kernel.lintText(markdown, {
    ext: ".md",
    filePath: file,
    plugins: [{ pluginId: "markdown", plugin: markdownPlugin.default }],
    rules: [{ ruleId: "plain-english", rule: plainEnglish }]
  })
  return messages.map(({ line, message }) => `${file}:${line}: ${message}`)
}
