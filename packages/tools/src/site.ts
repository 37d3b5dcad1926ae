/**
 * `pnpm run docs`: builds the site from the guides of both editions, with search, and the API reference from the docstrings
 * beside them. A dead link fails it.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { build } from "vitepress"
import { filesIn } from "./snippets.js"
import { relative, root, run } from "./workspace.js"

const output = Path.join(root, "packages/tools/build/site")
const pages = Path.join(root, "packages/tools/build/pages")

Fs.rmSync(pages, { recursive: true, force: true })
Fs.cpSync(Path.join(root, "docs"), pages, { recursive: true })
const all = filesIn(pages, ".md")
Fs.cpSync(Path.join(root, "packages/effect4/build/docs"), Path.join(pages, "effect4"), { recursive: true })

/** Below the title: the edition of a page, and a link to the other one. */
const withSwitch = (text: string, line: string): string => text.replace(/^(# .*\n)/, (title) => `${title}\n${line}\n`)

for (const three of all) {
  const path = Path.relative(pages, three)
  const four = Path.join(pages, "effect4", path)
  const [text3, text4] = [Fs.readFileSync(three, "utf8"), Fs.readFileSync(four, "utf8")]
  if (text3 === text4 && path !== "index.md") continue
  const [to4, to3] = [Path.relative(Path.dirname(three), four), Path.relative(Path.dirname(four), three)]
  Fs.writeFileSync(three, withSwitch(text3, `**Effect 3** · [Effect 4](${to4})`))
  Fs.writeFileSync(four, withSwitch(text4, `[Effect 3](${to3}) · **Effect 4**`))
}

await build(Path.join(root, "packages/tools/site"))
run("npx", ["typedoc", "--options", "packages/tools/typedoc.json", "--out", Path.join(output, "api")], root)
console.log(`The site is in ${relative(output)}.`)
