/**
 * `pnpm smoke`: does what a new user does. Packs the packages as a fresh clone does, without a build before. Installs them
 * into new projects with npm, pnpm and Bun, and imports every public module there. In the project of npm it also compiles
 * the types, and the README's first example, and runs it with plain node.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { packAll, temporaryDirectory } from "./pack.js"
import * as Snippets from "./snippets.js"
import { failWith, isEffect4, packages, readJson, repository, root, run } from "./workspace.js"

const readme = Path.join(root, "README.md")
const example = Fs.existsSync(readme) ? Snippets.inMarkdown(readme).find(({ mode }) => mode === "run") : undefined

const { devDependencies } = readJson<{ devDependencies: Record<string, string> }>(
  Path.join(repository, isEffect4 ? "packages/effect4/package.json" : "package.json")
)
const bought = ["effect", "@effect/platform", "@effect/platform-node", "typescript", "@types/node"]
  .filter((name) => devDependencies[name] !== undefined)
/** The peers of `@reprise/durable`, and their peers. Effect 4 has their modules itself. */
const durable = readJson<{ devDependencies: Record<string, string> }>(
  Path.join(repository, "packages/durable/package.json")
)
const engines = isEffect4 ? [] : ["@effect/workflow", "@effect/rpc", "@effect/experimental"]
// A `dist` that is left from an earlier build would hide that `prepack` builds none.
for (const { directory } of packages) Fs.rmSync(Path.join(directory, "dist"), { recursive: true, force: true })
const tarballs = temporaryDirectory()
const dependencies = {
  ...Object.fromEntries(packAll(tarballs).map(({ pkg, tarball }) => [pkg.name, `file:${tarball}`])),
  ...Object.fromEntries(bought.map((name) => [name, devDependencies[name]])),
  ...Object.fromEntries(engines.map((name) => [name, durable.devDependencies[name]]))
}

const write = (project: string, file: string, content: unknown) =>
  Fs.writeFileSync(Path.join(project, file), typeof content === "string" ? content : JSON.stringify(content, null, 2))

const specifiers = packages.flatMap((pkg) => [pkg.name, ...pkg.modules.map((name) => `${pkg.name}/${name}`)])
const imports = `for (const specifier of ${JSON.stringify(specifiers)}) await import(specifier)
for (const name of ${JSON.stringify(packages.map((pkg) => pkg.name))}) {
  const hidden = await import(name + "/internal/x").then(() => "no error", (error) => error.code)
  if (!["ERR_PACKAGE_PATH_NOT_EXPORTED", "ERR_MODULE_NOT_FOUND"].includes(hidden)) {
    throw new Error(name + "/internal/x: " + hidden)
  }
}`

/** A new project that has installed the packages. */
const projectOf = (install: ReadonlyArray<string>, runtime: string): string => {
  const project = temporaryDirectory()
  // pnpm checks a tarball of a peer as it checks a dependency, so every package comes from its tarball.
  const overrides = Object.fromEntries(packages.map(({ name }) => [name, dependencies[name]]))
  write(project, "package.json", { name: "smoke", private: true, type: "module", dependencies, pnpm: { overrides } })
  write(project, "modules.js", imports)
  const [command = "", ...args] = install
  run(command, args, project)
  run(runtime, ["modules.js"], project)
  return project
}

const cpu = process.arch === "arm64" ? "aarch64" : process.arch
const bun = Path.join(repository, `packages/tools/node_modules/@oven/bun-${process.platform}-${cpu}/bin/bun`)
const project = projectOf(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], process.execPath)
projectOf(["pnpm", "install", "--no-frozen-lockfile", "--ignore-workspace"], process.execPath)
// Bun does not read the user's configuration of npm.
process.env["NPM_CONFIG_REGISTRY"] ??= run("npm", ["config", "get", "registry"]).trim()
projectOf([bun, "install", "--no-save"], bun)
console.log(`${specifiers.length} modules import after npm, pnpm and Bun have installed them; internal ones do not`)

write(
  project,
  "types.ts",
  specifiers.map((specifier, index) => `export * as M${index} from "${specifier}"\n`).join("")
)
write(project, "tsconfig.json", {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2022", "DOM", "DOM.Iterable"],
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    types: ["node"],
    skipLibCheck: false,
    outDir: "built"
  },
  files: example === undefined ? ["types.ts"] : ["types.ts", "main.ts"]
})
if (example !== undefined) write(project, "main.ts", example.code)
run("npx", ["--no-install", "tsc"], project)
console.log("their types compile in a strict project, without skipLibCheck")

if (example === undefined) failWith(["README.md has no ```ts example yet: nothing to run"])
process.stdout.write(run(process.execPath, ["built/main.js"], project))
console.log("the first example of the README compiles and runs against the packed packages")
