/**
 * Packs the published packages as `pnpm publish` does: the `prepack` script of each package builds `dist`.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Package } from "./workspace.js"
import { packages, run } from "./workspace.js"

/** A package and its tarball. */
export interface Packed {
  readonly pkg: Package
  readonly tarball: string
}

/** Packs every published package into `directory`. The script of the first one has built all of them. */
export const packAll = (directory: string): ReadonlyArray<Packed> => {
  Fs.mkdirSync(directory, { recursive: true })
  return packages.map((pkg, index) => {
    const scripts = index === 0 ? [] : ["--config.ignore-scripts=true"]
    const printed = run("pnpm", ["pack", "--json", "--pack-destination", directory, ...scripts], pkg.directory)
    // `prepack` prints before it.
    const { filename } = JSON.parse(/^\{.*/ms.exec(printed)![0]) as { readonly filename: string }
    return { pkg, tarball: Path.resolve(directory, filename) }
  })
}

/** A new temporary directory, gone when the script ends. */
export const temporaryDirectory = (): string => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "reprise-"))
  process.on("exit", () => Fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}
