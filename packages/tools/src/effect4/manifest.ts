/**
 * Writes the `package.json` of a package for Effect 4: other peers, and a version that follows Effect's.
 */

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly scripts?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** The editions of one release differ in the major number alone: 3.2.1 is for Effect 3, and 4.2.1 for Effect 4. */
export const versionOf = (version: string): string => version.replace(/^\d+/, (major) => `${Number(major) + 1}`)

/** Packages whose modules are in `effect` from Effect 4 on. */
const inEffect = ["@effect/platform", "@effect/workflow"]

/** The peers of a package for Effect 4. */
const peersOf = (peers: Readonly<Record<string, string>>, version: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(peers)
      .filter(([name]) => !inEffect.includes(name))
      .map((
        [name, range]
      ) => [name, name === "effect" ? "^4.1.0" : range.startsWith("workspace:") ? `^${version}` : range])
  )

/**
 * A private package needs no dependencies of its own here: it finds those of `packages/effect4`.
 */
export const manifest = (text: string): string => {
  const { dependencies, devDependencies: _, peerDependencies = {}, ...rest } = JSON.parse(text) as Manifest
  const version = versionOf(rest.version)
  const own = rest.private === true || dependencies === undefined ? {} : { dependencies }
  const scripts = rest.scripts?.["prepack"] === undefined
    ? rest.scripts
    : { ...rest.scripts, prepack: "pnpm --workspace-root build:effect4" }
  const edition = { ...rest, version, scripts, ...own, peerDependencies: peersOf(peerDependencies, version) }
  return `${JSON.stringify(edition, undefined, 2)}\n`
}
