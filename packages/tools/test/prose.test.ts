import { assert, describe, it } from "@effect/vitest"
import { findings } from "../src/prose/lint.js"
import { ofSource } from "../src/prose/texts.js"

const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index}`).join(" ")

/** The findings without the sentence that follows each of them. */
const found = async (markdown: string): Promise<ReadonlyArray<string>> =>
  (await findings({ file: "page.md", markdown })).map((finding) => finding.split("\n")[0]!)

describe("The prose linter", () => {
  it("accepts 25 words in a sentence, and reports 26 with the line of the sentence", async () => {
    assert.deepStrictEqual(await found(`# Title\n\n${words(25)}. ${words(25)}.`), [])
    assert.deepStrictEqual(await found(`# Title\n\nShort.\n${words(26)}.`), ["page.md:4: 26 words: at most 25"])
  })

  it("reports a clause as a subject, but no question", async () => {
    assert.lengthOf(await found("What rejects comes first."), 1)
    assert.lengthOf(await found("Short. **Whoever** waits fails."), 1)
    assert.lengthOf(await found("| option | meaning |\n| --- | --- |\n| `key` | Who it is for |"), 1)
    assert.deepStrictEqual(await found("## What is a probe?"), [])
  })

  it.each([
    "It is to be closed.",
    "The call lets go of the permit.",
    "The call gives back the permit.",
    "A timeout is no failure.",
    "The breaker hears the result.",
    "It waits so long.",
    "It fails where Redis is away.",
    "It retries whatever the status.",
    "It accepts anybody."
  ])("reports: %s", async (sentence) => assert.lengthOf(await found(sentence), 1))

  it.each([
    "There is no key, and the key is no longer there.",
    "The call waits as long as the deadline allows.",
    "The page where the option is described.",
    "## Why does it wait so long?",
    "| where |\n| --- |\n| here |",
    "Run `what is to be where`, see [the page](what/whoever/where.md).",
    `See https://example.com/what/is-to-be/where and \`${words(40)}\`.`,
    `\`\`\`ts\n// What is to be run where ${words(40)}\n\`\`\``,
    `Stops after 25 ms. Then ${words(24)}.`,
    `| a | b |\n| --- | --- |\n| ${words(20)} | ${words(20)} |`
  ])("accepts: %s", async (markdown) => assert.deepStrictEqual(await found(markdown), []))

  it("reads doc comments without their tags, examples and code", async () => {
    const source = [
      "/**",
      " * Runs the call.",
      " *",
      " * What fails is retried.",
      " *",
      " * @example",
      " * ```ts",
      " * const what = \"What is to be done\"",
      " * ```",
      " *",
      " * @since 3.1.0",
      " */",
      "export const whatever = 1 // What is to be ignored.",
      "/** It is to be closed. */"
    ]
    const lines = (await found(ofSource(source.join("\n")))).map((finding) => finding.split(": ")[0])
    assert.deepStrictEqual(lines, ["page.md:4", "page.md:14"])
  })
})
