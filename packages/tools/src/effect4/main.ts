/**
 * `pnpm build:effect4`: writes the Effect 4 edition of the packages into `packages/effect4/build`, which has the layout of
 * this repository. A file `X.effect4.ts` takes the place of `X.ts`, and a file `X.effect3.ts` is left out. Every other
 * module goes through the codemod.
 */
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { conclude, failWith, readJson, repository as root, run } from "../workspace.js"
import { codemod, codemodDocument } from "./codemod.js"
import { manifest } from "./manifest.js"
import { rules, rulesOfGuides } from "./rules.js"

const target = Path.join(root, "packages/effect4/build")

/** The hash of every file at the last run, to notice a change by hand. */
const recordPath = Path.join(root, "packages/effect4/build/hashes.json")

/** The parts of the repository that have an Effect 4 edition. */
const folders = ["reprise", "http", "redis", "durable", "testing", "demo", "examples"].map((name) => `packages/${name}`)
const others = [
  "README.md",
  "docs",
  "packages/tools/bundle",
  "tsconfig.base.json",
  ...["effect4.effect4.ts", "harness.ts", "quiet.ts", "stats.ts", "worker/server.ts"].map((name) =>
    `packages/bench/src/${name}`
  )
]

/** Tests of what only Effect 3 has. */
const ofEffect3 = /\.effect3\./

const sources = run("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...folders, ...others])
  .split("\n")
  .filter((path) => path !== "" && !ofEffect3.test(path) && Fs.existsSync(Path.join(root, path)))

const overlay = /\.effect4\.(\w+)$/
const overlaid = new Set(sources.filter((path) => overlay.test(path)).map((path) => path.replace(overlay, ".$1")))

/** What is about Effect 3, or about both. */
const ofBothEditions = /^(README|docs\/(decisions\/|architecture|benchmarks|comparison|contributing|effect-4))/

const problems: Array<string> = []

const convert = (path: string): Buffer | string => {
  const content = Fs.readFileSync(Path.join(root, path))
  if (overlay.test(path)) return content
  if (Path.basename(path) === "package.json") return manifest(content.toString())
  if (!/\.(tsx?|md)$/.test(path) || ofBothEditions.test(path)) return content
  const result = path.endsWith(".md")
    ? codemodDocument(path, content.toString(), rulesOfGuides)
    : codemod(path, content.toString(), rules)
  problems.push(...result.problems)
  return result.text
}

const hash = (content: Buffer | string): string => createHash("sha1").update(content).digest("hex")

const record = Fs.existsSync(recordPath) ? readJson<Record<string, string>>(recordPath) : {}
const edited = Object.keys(record).filter((path) => {
  const file = Path.join(target, path)
  return Fs.existsSync(file) && hash(Fs.readFileSync(file)) !== record[path]
})
if (edited.length > 0 && !process.argv.includes("--force")) {
  failWith(
    edited.map((path) => `packages/effect4/build/${path} was edited. Edit ${path}, or the rules, or use --force.`)
  )
}

for (const path of edited) delete record[path]

const next: Record<string, string> = {}
const write = (path: string, content: Buffer | string): void => {
  next[path] = hash(content)
  const file = Path.join(target, path)
  // A file that stays as it is keeps its time, for incremental compilation.
  if (record[path] === next[path] && Fs.existsSync(file)) return
  Fs.mkdirSync(Path.dirname(file), { recursive: true })
  Fs.writeFileSync(file, content)
}
for (const path of sources.filter((path) => !overlaid.has(path))) write(path.replace(overlay, ".$1"), convert(path))
write("tsconfig.json", JSON.stringify({ files: [], references: folders.map((path) => ({ path })) }))
for (const path of Object.keys(record)) {
  if (next[path] === undefined) Fs.rmSync(Path.join(target, path), { force: true })
}
Fs.writeFileSync(recordPath, JSON.stringify(next, undefined, 1))

// The packages find each other as in a project that has installed them.
const installed = Path.join(target, "packages/node_modules")
Fs.rmSync(installed, { recursive: true, force: true })
Fs.mkdirSync(Path.join(installed, "@reprise"), { recursive: true })
for (const folder of folders.map((folder) => Path.join(target, folder))) {
  const { name } = readJson<{ name: string }>(Path.join(folder, "package.json"))
  Fs.symlinkSync(folder, Path.join(installed, name))
}

conclude(problems, `${Object.keys(next).length} files, ${overlaid.size} of them by hand`)
