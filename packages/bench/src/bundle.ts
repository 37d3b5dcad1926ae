import * as esbuild from "esbuild"
import * as fs from "node:fs/promises"
import { fileURLToPath } from "node:url"

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Where the compiled workers are. */
export const outdir = folder("../build/worker")

/**
 * Compiles the workers and our packages as they are published. To run the TypeScript through `tsx` would measure
 * something else: it names every function it creates, which costs more than what is measured here.
 */
export const bundle = async (): Promise<void> => {
  const workers = (await fs.readdir(folder("worker"))).filter((name) => name !== "report.ts")
  const { dependencies } = JSON.parse(await fs.readFile(folder("../package.json"), "utf8")) as {
    readonly dependencies: Record<string, string>
  }
  const external = Object.keys(dependencies).filter((name) => !/^(@reprise\/|reprise$)/.test(name))
  await esbuild.build({
    entryPoints: workers.map((name) => folder(`worker/${name}`)),
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    external: external.flatMap((name) => [name, `${name}/*`]),
    logLevel: "warning"
  })
}
