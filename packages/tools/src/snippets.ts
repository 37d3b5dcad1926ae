/**
 * Finds the TypeScript fences that users may copy: in the README, in the guides and in the doc comments of the source.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { isEffect4, packages, relative, root } from "./workspace.js"

/** One fence. `line` is the line (from 1) in `file` on which its first line of code stands. */
export interface Snippet {
  readonly file: string
  readonly line: number
  readonly code: string
  /**
   * `run` by default; a fence marked `ts no-run` is only compiled, one marked `ts ignore` is left alone, and one marked
   * `ts effect4` takes the place of the one before it in the other edition. A fence marked `diff` is
   * two snippets that are only compiled: the code before and after the change.
   */
  readonly mode: "run" | "no-run" | "ignore"
}

/** Both sides of a diff. A line that the other side has alone becomes an empty line, so that line numbers stay right. */
const sidesOf = (file: string, line: number, diff: ReadonlyArray<string>): ReadonlyArray<Snippet> =>
  ["+", "-"].map((other) => ({
    file,
    line,
    code: diff.map((text) => text.startsWith(other) ? "" : text.slice(1)).join("\n") + "\n",
    mode: "no-run"
  }))

const snippetsOf = (file: string, lines: ReadonlyArray<string>): ReadonlyArray<Snippet> => {
  const snippets: Array<Snippet> = []
  let open: { line: number; indent: number; mode: string; code: Array<string> } | undefined
  lines.forEach((text, index) => {
    const fence = /^(\s*)```(\S*)\s*(.*)$/.exec(text)
    if (open === undefined) {
      if (fence === null || fence[2] === "") return
      const mode = fence[2] === "ts" && !fence[3]!.startsWith("effect4")
        ? fence[3]! || "run"
        : fence[2] === "diff"
        ? "diff"
        : "ignore"
      open = { line: index + 2, indent: fence[1]!.length, mode, code: [] }
    } else if (fence !== null && fence[2] === "" && open.mode === "diff") {
      snippets.push(...sidesOf(file, open.line, open.code))
      open = undefined
    } else if (fence !== null && fence[2] === "") {
      if (open.mode !== "run" && open.mode !== "no-run" && open.mode !== "ignore") {
        throw new Error(`${file}:${open.line - 1}: unknown fence "ts ${open.mode}": use ts, ts no-run or ts ignore`)
      }
      snippets.push({ file, line: open.line, code: open.code.join("\n") + "\n", mode: open.mode })
      open = undefined
    } else {
      open.code.push(text.slice(open.indent))
    }
  })
  return snippets.filter((snippet) => snippet.mode !== "ignore")
}

/** The text of the doc comments of a source file, every line where it was. */
export const docComments = (source: string): ReadonlyArray<string> => {
  let inside = false
  return source.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) inside = true
    const text = inside ? line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "") : ""
    if (/\*\/\s*$/.test(line)) inside = false
    return text
  })
}

export const filesIn = (directory: string, extension: string): ReadonlyArray<string> =>
  Fs.existsSync(directory)
    ? Fs.readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(extension))
      .map((file) => Path.join(directory, file))
      .sort()
    : []

/** The fences of one Markdown file. */
export const inMarkdown = (path: string): ReadonlyArray<Snippet> =>
  snippetsOf(relative(path), Fs.readFileSync(path, "utf8").split("\n"))

const inSource = (path: string): ReadonlyArray<Snippet> =>
  snippetsOf(relative(path), docComments(Fs.readFileSync(path, "utf8")))

/** Every fence of the edition. The README of the repository shows Effect 3. */
export const all = (): ReadonlyArray<Snippet> => [
  ...isEffect4 ? [] : inMarkdown(Path.join(root, "README.md")),
  ...packages.flatMap((pkg) => inMarkdown(Path.join(pkg.directory, "README.md"))),
  ...filesIn(Path.join(root, "docs"), ".md").flatMap(inMarkdown),
  ...packages.flatMap((pkg) => filesIn(Path.join(pkg.directory, "src"), ".ts")).flatMap(inSource)
]
