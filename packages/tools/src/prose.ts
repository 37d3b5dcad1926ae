/**
 * `pnpm prose`: checks the sentences of README, guides and doc comments by the rules of `docs/contributing.md`.
 *
 * `packages/tools/prose.json` lists the files that are not clean yet, with their number of findings. A number may only
 * go down: `pnpm prose --update` writes it. With files as arguments, the command prints their findings and no more.
 */
import * as Path from "node:path"
import { findings } from "./prose/lint.js"
import * as Texts from "./prose/texts.js"
import { conclude, generate, readJson, root } from "./workspace.js"

type Counts = Readonly<Record<string, number>>

const name = "packages/tools/prose.json"
const list = Path.join(root, name)

const problemsOf = (file: string, found: ReadonlyArray<string>, listed: number): ReadonlyArray<string> => {
  if (found.length > listed) return [...found, `${file}: ${found.length} findings, at most ${listed} allowed`]
  if (found.length === listed) return []
  return [`${file}: ${found.length} findings, but ${name} allows ${listed}: run "pnpm prose --update"`]
}

const args = process.argv.slice(2).filter((arg) => !arg.startsWith("--"))
const texts = Texts.all().filter(({ file }) => args.length === 0 || args.some((arg) => file.startsWith(arg)))
const results: Array<readonly [file: string, found: ReadonlyArray<string>]> = []
for (const text of texts) results.push([text.file, await findings(text)])

if (args.length > 0) {
  const found = results.flatMap(([, some]) => some)
  conclude(found, `${texts.length} files: no findings`)
} else {
  const listed = readJson<Counts>(list)
  if (process.argv.includes("--update")) {
    const lower = results
      .map(([file, found]) => [file, Math.min(found.length, listed[file] ?? 0)] as const)
      .filter(([, count]) => count > 0)
    generate(list, `${JSON.stringify(Object.fromEntries(lower), null, 2)}\n`)
  }
  const allowed = readJson<Counts>(list)
  const gone = Object.keys(allowed).filter((file) => !results.some(([name]) => name === file))
  conclude(
    [
      ...gone.map((file) => `${file}: listed in ${name}, but there is no such file`),
      ...results.flatMap(([file, found]) => problemsOf(file, found, allowed[file] ?? 0))
    ],
    `${results.length} files: ${Object.values(allowed).reduce((sum, count) => sum + count, 0)} findings left in ${
      Object.keys(allowed).length
    } files`
  )
}
