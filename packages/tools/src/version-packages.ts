/**
 * `pnpm version-packages`: turns the changesets into versions and changelogs of the packages, and collates these in the
 * root `CHANGELOG.md`: every change once, although the packages are released together.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { generate, packages, root, run } from "./workspace.js"

/** The changes of one package by version, newest first, without the lines that only say "a sibling moved too". */
const releasesOf = (directory: string): ReadonlyArray<{ version: string; changes: ReadonlyArray<string> }> => {
  const path = Path.join(directory, "CHANGELOG.md")
  if (!Fs.existsSync(path)) return []
  return Fs.readFileSync(path, "utf8").split(/^## /m).slice(1).map((section) => {
    const [version = "", ...lines] = section.split("\n")
    const changes = lines.join("\n").replaceAll(/^### .*$/gm, "").split(/^(?=- )/m)
      .map((change) => change.trim())
      .filter((change) => change !== "" && !change.startsWith("- Updated dependencies"))
    return { version: version.trim(), changes }
  })
}

const collate = (): string => {
  const byVersion = new Map<string, Map<string, Array<string>>>()
  for (const pkg of packages) {
    for (const { changes, version } of releasesOf(pkg.directory)) {
      const byChange = byVersion.get(version) ?? new Map<string, Array<string>>()
      byVersion.set(version, byChange)
      for (const change of changes) byChange.set(change, [...(byChange.get(change) ?? []), pkg.name])
    }
  }
  const sections = [...byVersion].map(([version, changes]) =>
    [`## ${version}`, ...[...changes].map(([change, names]) => `${change}\n\n  In ${names.join(", ")}.`)].join("\n\n")
  )
  const introduction = [
    "# Changelog",
    "`reprise`, `@reprise/http`, `@reprise/redis`, `@reprise/durable` and `@reprise/testing` are released together and carry the same version.\n" +
    "What is not released yet is in [`.changeset`](.changeset)."
  ]
  return [...introduction, ...(sections.length === 0 ? ["Nothing is released yet."] : sections)].join("\n\n") + "\n"
}

process.stdout.write(run("changeset", ["version"]))
generate(Path.join(root, "CHANGELOG.md"), collate())
