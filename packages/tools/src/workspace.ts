/**
 * Where things are in this repository, and the two things every script does: run a command, write a generated file.
 */
import { execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The root of the repository. */
export const repository = Path.resolve(import.meta.dirname, "../../..")

/** Whether a script is about the Effect 4 edition. */
export const isEffect4 = process.argv.includes("--effect4")

/** The root of the edition: that of the repository, or the folder with its layout that `pnpm build:effect4` writes. */
export const root = isEffect4 ? Path.join(repository, "packages/effect4/build") : repository

/** A package that is published to npm. */
export interface Package {
  readonly name: string
  readonly directory: string
  /** Names of the public modules, sorted, without `index`. */
  readonly modules: ReadonlyArray<string>
}

const readPackage = (folder: string): Package => {
  const directory = Path.join(root, "packages", folder)
  const modules = Fs.readdirSync(Path.join(directory, "src"))
    .filter((file) => /^\w+\.ts$/.test(file) && file !== "index.ts")
    .map((file) => file.slice(0, -".ts".length))
    .sort()
  return { name: readJson<{ name: string }>(Path.join(directory, "package.json")).name, directory, modules }
}

/** Reads a JSON file; the caller names the shape it relies on. */
export const readJson = <A>(path: string): A => JSON.parse(Fs.readFileSync(path, "utf8")) as A

/** The published packages, in the order in which they build. */
export const packages: ReadonlyArray<Package> = Fs.readdirSync(Path.join(root, "packages"))
  .filter((folder) => {
    const manifest = Path.join(root, "packages", folder, "package.json")
    return Fs.existsSync(manifest) && readJson<{ private?: boolean }>(manifest).private !== true
  })
  .map(readPackage)

/** A path as a person would type it from the root. */
export const relative = (path: string): string => Path.relative(root, path)

/** Runs a command to its end and returns its standard output; when it fails, so does the script, with all it printed. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string = root): string => {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1e8 })
  } catch (error) {
    const { message, stderr = "", stdout = "" } = error as { message: string; stdout?: string; stderr?: string }
    return failWith([`${stdout}${stderr}` || message, `failed in ${cwd}: ${command} ${args.join(" ")}`])
  }
}

/** What a finished process left behind. */
export interface Finished {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

/** Runs a command beside others, for at most `timeoutMillis`; it never rejects. */
export const runAside = (command: string, args: ReadonlyArray<string>, cwd: string, timeoutMillis: number) =>
  new Promise<Finished>((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    let timedOut = false
    child.stdout.on("data", (chunk) => stdout += chunk)
    child.stderr.on("data", (chunk) => stderr += chunk)
    const timer = setTimeout(() => {
      timedOut = true
      child.kill("SIGKILL")
    }, timeoutMillis)
    child.on("error", (error) => stderr += error.message)
    child.on("close", (exitCode) => {
      clearTimeout(timer)
      resolve({ exitCode, stdout, stderr, timedOut })
    })
  })

/** Writes a generated file; with `--check` it writes nothing and returns whether the file was already as it should be. */
export const generate = (path: string, content: string): boolean => {
  if (Fs.existsSync(path) && Fs.readFileSync(path, "utf8") === content) return true
  if (process.argv.includes("--check")) return false
  Fs.mkdirSync(Path.dirname(path), { recursive: true })
  Fs.writeFileSync(path, content)
  console.log(`wrote ${relative(path)}`)
  return true
}

/** Prints what is wrong, one line each, and ends the script with exit code 1. */
export const failWith = (problems: ReadonlyArray<string>): never => {
  for (const problem of problems) console.error(problem)
  process.exit(1)
}

/** Ends the script if there are problems, and else says that all is well. */
export const conclude = (problems: ReadonlyArray<string>, summary: string): void => {
  if (problems.length > 0) failWith(problems)
  console.log(summary)
}
