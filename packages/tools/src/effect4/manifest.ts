/**
 * Writes the `package.json` of a package for Effect 4: other peers, and a version that follows Effect's.
 */

interface Manifest {
  version: string
  peerDependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

/** The peers of a package for Effect 4. */
export const manifest = (text: string): string => {
  const { devDependencies: _, peerDependencies: peers, ...rest } = JSON.parse(text) as Manifest
  const own = Object.fromEntries(
    Object.entries(peers ?? {})
      .filter(([name]) => name !== "@effect/platform")
      .map(([name, range]) => [name, name === "effect" ? "^4.1.0" : range])
  )
  return `${JSON.stringify({ ...rest, peerDependencies: own }, undefined, 2)}\n`
}
