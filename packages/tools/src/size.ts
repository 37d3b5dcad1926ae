/**
 * `pnpm size`: what the packages, as they are published, add to a browser bundle, minified and compressed, against the
 * budgets in `bundle/budgets.json`. It measures what `pnpm build` has made.
 */
import * as Esbuild from "esbuild"
import * as Path from "node:path"
import * as Zlib from "node:zlib"
import { conclude, isEffect4, packages, readJson, root } from "./workspace.js"

interface Budget {
  /** What is measured, for people. */
  readonly adds: string
  /** The program without it, and the same program with it. */
  readonly to: string
  readonly with: string
  readonly maxGzipBytes: { readonly effect3: number; readonly effect4: number }
}

const folder = Path.join(root, "packages/tools/bundle")

/** In the workspace a package is its sources; a user gets what was built from them. */
const asPublished: Esbuild.Plugin = {
  name: "as-published",
  setup: (build) => {
    for (const { directory, name } of packages) {
      build.onResolve({ filter: new RegExp(`^${name}(/|$)`) }, ({ path }) => ({
        path: Path.join(directory, "dist", `${path.slice(name.length + 1) || "index"}.js`)
      }))
    }
  }
}

const gzipBytes = async (fixture: string): Promise<number> => {
  const { outputFiles } = await Esbuild.build({
    entryPoints: [Path.join(folder, fixture)],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    plugins: [asPublished]
  })
  return Zlib.gzipSync(outputFiles[0]!.contents, { level: 9 }).length
}

const problems: Array<string> = []
for (const budget of readJson<ReadonlyArray<Budget>>(Path.join(folder, "budgets.json"))) {
  const before = await gzipBytes(budget.to)
  const after = await gzipBytes(budget.with)
  const max = budget.maxGzipBytes[isEffect4 ? "effect4" : "effect3"]
  const line = `${budget.adds}: ${before} + ${after - before} = ${after} bytes gzip, may add ${max}`
  console.log(line)
  if (after - before > max) problems.push(`over budget: ${line}`)
}
conclude(problems, "all bundles are within their budgets")
