/**
 * Finds the prose that users read: the README files, the guides, the pages for contributors, and the doc comments.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { docComments, filesIn } from "../snippets.js"
import { packages, relative, root } from "../workspace.js"

/** One file as Markdown. Every line has the number that it has in the file. */
export interface Text {
  readonly file: string
  readonly markdown: string
}

const page = (path: string): Text => ({ file: relative(path), markdown: Fs.readFileSync(path, "utf8") })

/** The tags say nothing in words. The title of an example is a name, not a sentence. */
const withoutTags = (lines: ReadonlyArray<string>): string =>
  lines
    .map((line) => line.startsWith("@") ? "" : line.replace(/\s*\*\/\s*$/, "").replace(/\{@link ([^}]*)\}/g, "`$1`"))
    .join("\n")

/** The doc comments of a source, as Markdown. */
export const ofSource = (source: string): string => withoutTags(docComments(source))

const source = (path: string): Text => ({ file: relative(path), markdown: ofSource(Fs.readFileSync(path, "utf8")) })

const exists = (path: string): boolean => Fs.existsSync(path)

/** Every text of the repository. The text of `docs/benchmarks.md` comes from `packages/bench/src`: change both. */
export const all = (): ReadonlyArray<Text> => [
  ...[
    Path.join(root, "README.md"),
    ...Fs.readdirSync(Path.join(root, "packages")).map((name) => Path.join(root, "packages", name, "README.md")),
    ...filesIn(Path.join(root, "docs"), ".md"),
    ...filesIn(Path.join(root, ".github"), ".md")
  ].filter(exists).map(page),
  ...packages.flatMap((pkg) => filesIn(Path.join(pkg.directory, "src"), ".ts")).map(source)
]
