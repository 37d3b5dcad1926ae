/**
 * `pnpm smoke`: does what a new user does. Packs the packages as a fresh clone does, without a build before. Installs them into
 * a new project with npm, compiles the README's first example there and runs it with plain node. Imports every public module.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { packAll, temporaryDirectory } from "./pack.js"
import * as Snippets from "./snippets.js"
import { failWith, packages, readJson, root, run } from "./workspace.js"

const readme = Path.join(root, "README.md")
const example = Fs.existsSync(readme) ? Snippets.inMarkdown(readme).find(({ mode }) => mode === "run") : undefined

const project = temporaryDirectory()
const write = (file: string, content: unknown) =>
  Fs.writeFileSync(Path.join(project, file), typeof content === "string" ? content : JSON.stringify(content, null, 2))

const { devDependencies } = readJson<{ devDependencies: Record<string, string> }>(Path.join(root, "package.json"))
const bought = ["effect", "@effect/platform", "@effect/platform-node", "typescript", "@types/node"]
// A `dist` that is left from an earlier build would hide that `prepack` builds none.
for (const { directory } of packages) Fs.rmSync(Path.join(directory, "dist"), { recursive: true, force: true })
const packed = packAll(Path.join(project, "tarballs"))

write("package.json", {
  name: "smoke",
  private: true,
  type: "module",
  dependencies: {
    ...Object.fromEntries(packed.map(({ pkg, tarball }) => [pkg.name, `file:${tarball}`])),
    ...Object.fromEntries(bought.map((name) => [name, devDependencies[name]]))
  }
})
run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], project)

const specifiers = packages.flatMap((pkg) => [pkg.name, ...pkg.modules.map((name) => `${pkg.name}/${name}`)])
write(
  "modules.js",
  `for (const specifier of ${JSON.stringify(specifiers)}) await import(specifier)
for (const name of ${JSON.stringify(packages.map((pkg) => pkg.name))}) {
  const hidden = await import(name + "/internal/x").then(() => "no error", (error) => error.code)
  if (hidden !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error(name + "/internal/x: " + hidden)
}`
)
run("node", ["modules.js"], project)
console.log(`${specifiers.length} modules import from plain node, internal ones do not`)

write(
  "types.ts",
  specifiers.map((specifier, index) => `export * as M${index} from "${specifier}"\n`).join("")
)
write("tsconfig.json", {
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
if (example !== undefined) write("main.ts", example.code)
run("npx", ["--no-install", "tsc"], project)
console.log("their types compile in a strict project, without skipLibCheck")

if (example === undefined) failWith(["README.md has no ```ts example yet: nothing to run"])
process.stdout.write(run("node", ["built/main.js"], project))
console.log("the first example of the README compiles and runs against the packed packages")
