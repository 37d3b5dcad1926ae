/**
 * `pnpm publishable`: packs the published packages and asks publint and "are the types wrong" about them.
 */
import * as Fs from "node:fs"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { packAll, temporaryDirectory } from "./pack.js"
import { conclude, readJson, runAside } from "./workspace.js"

const problems: Array<string> = []
const packed = packAll(temporaryDirectory())

for (const { pkg, tarball } of packed) {
  const { buffer } = new Uint8Array(Fs.readFileSync(tarball))
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true })
  const manifest = readJson<Record<string, unknown>>(`${pkg.directory}/package.json`)
  problems.push(...messages.map((message) => `${pkg.name}: publint: ${formatMessage(message, manifest)}`))

  const entrypoints = [".", ...pkg.modules]
  const args = ["--profile", "esm-only", "--format", "ascii", "--entrypoints", ...entrypoints, "--", tarball]
  const attw = await runAside("attw", args, pkg.directory, 120_000)
  if (attw.exitCode !== 0) problems.push(`${pkg.name}: are the types wrong?\n${attw.stdout}${attw.stderr}`)
}
conclude(problems, `${packed.length} packages are as publint and attw want them`)
