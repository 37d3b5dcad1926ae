/**
 * Packs the published packages as `pnpm publish` would, after a build.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import "./build.js"
import type { Package } from "./workspace.js"
import { packages, run } from "./workspace.js"

/** A package and its tarball. */
export interface Packed {
  readonly pkg: Package
  readonly tarball: string
}

/** Packs every published package into `directory`; they were built when this module was loaded. */
export const packAll = (directory: string): ReadonlyArray<Packed> => {
  Fs.mkdirSync(directory, { recursive: true })
  return packages.map((pkg) => {
    const printed = run("pnpm", ["pack", "--json", "--pack-destination", directory], pkg.directory)
    const { filename } = JSON.parse(printed) as { readonly filename: string }
    return { pkg, tarball: Path.resolve(directory, filename) }
  })
}

/** A new temporary directory, gone when the script ends. */
export const temporaryDirectory = (): string => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "reprise-"))
  process.on("exit", () => Fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}
