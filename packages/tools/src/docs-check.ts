/**
 * `pnpm docs:check`: compiles every snippet of the README, the guides and the doc comments as a program of its own,
 * runs it, and compares what it prints with its `// =>` comments.
 */
import * as Esbuild from "esbuild"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import ts from "typescript"
import * as Snippets from "./snippets.js"
import { conclude, isEffect4, readJson, repository, root, run, runAside } from "./workspace.js"

const timeoutMillis = 20_000

/** The snippets live where the examples live, for these have every package a reader has. */
const examples = Path.join(root, "packages/examples")
const folder = Path.join(examples, "build/snippets")

interface Program extends Snippets.Snippet {
  readonly path: string
}

const write = (snippets: ReadonlyArray<Snippets.Snippet>): ReadonlyArray<Program> => {
  Fs.rmSync(folder, { recursive: true, force: true })
  Fs.mkdirSync(folder, { recursive: true })
  return snippets.map((snippet, index) => {
    const path = Path.join(folder, `${index}-${snippet.file.replace(/\W+/g, "-")}.ts`)
    Fs.writeFileSync(path, snippet.code)
    return { ...snippet, path }
  })
}

const compile = (programs: ReadonlyArray<Program>): ReadonlyArray<string> => {
  const { compilerOptions } = readJson<{ compilerOptions: object }>(Path.join(root, "tsconfig.base.json"))
  const overrides = { composite: false, incremental: false, noEmit: true, types: ["node"], noUnusedLocals: false }
  const { options } = ts.convertCompilerOptionsFromJson({ ...compilerOptions, ...overrides }, examples)
  const program = ts.createProgram(programs.map(({ path }) => path), options)
  return programs.flatMap(({ file, line, path }) => {
    const source = program.getSourceFile(path)!
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) => {
      const at = source.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
      return `${file}:${line + at.line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")}`
    })
  })
}

interface Expectation {
  readonly line: number
  readonly text: string
}

/**
 * The program to run and what it has to print, in order. `console.log(x) // => text` prints by itself; any other
 * expression statement before a `// =>` is made to. A line that begins with `// =>` is what the program prints there.
 */
const instrument = (program: Program): { readonly code: string; readonly expected: ReadonlyArray<Expectation> } => {
  const source = ts.createSourceFile(program.path, program.code, ts.ScriptTarget.Latest, true)
  const lines = program.code.split("\n")
  const expected: Array<Expectation> = []
  lines.forEach((text, index) => {
    const marker = /\/\/ => (.*)$/.exec(text)
    if (marker === null) return
    expected.push({ line: program.line + index, text: marker[1]!.trim() })
    // What the lines before it print.
    if (/^\s*\/\/ =>/.test(text)) return
    const statement = source.statements.find((node) =>
      source.getLineAndCharacterOfPosition(node.getEnd()).line === index
    )
    if (/console\.log/i.test(statement?.getText() ?? text)) return
    if (statement === undefined || !ts.isExpressionStatement(statement)) {
      throw new Error(`${program.file}:${program.line + index}: "// =>" must follow console.log or an expression`)
    }
    const first = source.getLineAndCharacterOfPosition(statement.getStart()).line
    lines[first] = `console.log(${lines[first]}`
    lines[index] = lines[index]!.replace(/;?\s*\/\/ => .*$/, ")")
  })
  return { code: lines.join("\n"), expected }
}

/** Bundles the programs with the sources of the workspace, so that plain node runs them: four times as fast as tsx. */
const bundle = (programs: ReadonlyArray<Program>): Promise<unknown> =>
  Esbuild.build({
    entryPoints: programs.map(({ path }) => path),
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    sourcemap: "linked",
    external: ["@effect/vitest", "ioredis", "redis", "undici", "vitest"],
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url)`
    },
    logLevel: "error"
  })

/** Packages of Effect 4 need a newer Node. */
const node = isEffect4
  ? run(process.execPath, ["packages/effect4/node.mjs", "-p", "process.execPath"], repository).trim()
  : process.execPath

const execute = async (program: Program, expected: ReadonlyArray<Expectation>): Promise<ReadonlyArray<string>> => {
  const script = program.path.replace(/\.ts$/, ".mjs")
  const result = await runAside(node, [script], examples, timeoutMillis)
  const at = `${program.file}:${program.line}`
  if (result.timedOut) return [`${at}: did not end within ${timeoutMillis / 1000} s`]
  if (result.exitCode !== 0) {
    // Once more for the places in the source. They would cost each program a third of its time.
    const { stderr } = await runAside(node, ["--enable-source-maps", script], examples, timeoutMillis)
    return [`${at}: failed\n${inTheDocs(program, stderr || result.stderr || result.stdout)}`]
  }
  const printed = result.stdout.split("\n")
  let position = 0
  for (const { line, text } of expected) {
    const found = printed.findIndex((candidate, index) => index >= position && candidate.trim() === text)
    if (found < 0) return [`${program.file}:${line}: does not print "${text}". It prints:\n${result.stdout}`]
    position = found + 1
  }
  return []
}

/** Replaces places in the generated file by places in the documentation. */
const inTheDocs = (program: Program, text: string): string =>
  text.replaceAll(
    new RegExp(`(file://)?${program.path.replaceAll(".", "\\.")}:(\\d+)`, "g"),
    (_, _scheme, line) => `${program.file}:${program.line - 1 + Number(line)}`
  )

/** Runs the programs, as many at a time as there are processors. */
const executeAll = async (programs: ReadonlyArray<Program>): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  const queue = programs.map((program) => {
    const { code, expected } = instrument(program)
    Fs.writeFileSync(program.path, code)
    return { program, expected }
  })
  await bundle(programs)
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      problems.push(...await execute(next.program, next.expected))
    }
  }
  await Promise.all(Array.from({ length: Os.availableParallelism() }, worker))
  return problems
}

const programs = write(Snippets.all())
const runnable = programs.filter((program) => program.mode === "run")
const mistyped = compile(programs)
const problems = mistyped.length > 0 ? mistyped : await executeAll(runnable)
conclude(problems, `${programs.length} snippets compile, ${runnable.length} of them run and print what they say`)
