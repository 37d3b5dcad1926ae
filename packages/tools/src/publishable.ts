/**
 * `pnpm publishable`: packs the published packages, asks publint and "are the types wrong" about them, and looks for imports
 * of packages that a user would not have.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { packAll, temporaryDirectory } from "./pack.js"
import { conclude, type Package, readJson, runAside } from "./workspace.js"

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** What a package imports and its manifest does not have. */
const missing = ({ directory, name }: Package, { dependencies, peerDependencies }: Manifest): ReadonlyArray<string> => {
  const dist = Path.join(directory, "dist")
  const files = Fs.readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => /\.(js|d\.ts)$/.test(file))
  const imported = files.flatMap((file) =>
    ts.preProcessFile(Fs.readFileSync(Path.join(dist, file), "utf8")).importedFiles.map(({ fileName }) => fileName)
  )
  const external = imported.flatMap((specifier) => /^(@[^/]+\/)?[^@./:][^/:]*(?=\/|$)/.exec(specifier)?.[0] ?? [])
  return [...new Set(external)].filter((one) => one !== name && !(one in { ...dependencies, ...peerDependencies }))
}

const problems: Array<string> = []
const packed = packAll(temporaryDirectory())

for (const { pkg, tarball } of packed) {
  const { buffer } = new Uint8Array(Fs.readFileSync(tarball))
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true })
  const manifest = readJson<Manifest & Record<string, unknown>>(`${pkg.directory}/package.json`)
  problems.push(...messages.map((message) => `${pkg.name}: publint: ${formatMessage(message, manifest)}`))

  problems.push(
    ...missing(pkg, manifest).map((one) => `${pkg.name} imports ${one}, which its package.json does not have`)
  )

  const entrypoints = [".", ...pkg.modules]
  const args = ["--profile", "esm-only", "--format", "ascii", "--entrypoints", ...entrypoints, "--", tarball]
  const attw = await runAside("attw", args, pkg.directory, 120_000)
  if (attw.exitCode !== 0) problems.push(`${pkg.name}: are the types wrong?\n${attw.stdout}${attw.stderr}`)
}
conclude(problems, `${packed.length} packages are as publint and attw want them, and have what they import`)
