import * as fs from "node:fs/promises"
import * as os from "node:os"
import { bundle } from "./bundle.js"
import * as gate from "./gate.js"
import * as report from "./report.js"
import type * as results from "./results.js"
import * as workers from "./workers.js"

/**
 * `pnpm bench` measures everything, and writes `packages/bench/results` and `docs/benchmarks.md`. `pnpm bench --only http`
 * (or `micro`, `bytes`, `heap`, `breakers`, `overload`, `sharing`) measures one suite again, `--report` none; with `--dry` nothing is written.
 * `pnpm bench:gate` checks the bytes against their budgets.
 */

const processes = 3
/** Two runs of three have told of 19 % and of 34 % for the same row. */
const httpProcesses = 7
const microRounds = 9
const httpRounds = 7
const httpRequests = 1_000
const heapCalls = 100_000
const rateSeconds = 3
const sharingSeconds = 5

const say = (what: string) => process.stderr.write(`${what}\n`)

const repeated = async <A>(
  label: string,
  worker: () => Promise<A>,
  times = processes
): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for (let number = 1; number <= times; number++) {
    say(`${label}, process ${number} of ${times}`)
    all.push(await worker())
  }
  return all
}

/** `--only` a suite, `--report` none, or all of them. */
const chosen = (): ReadonlyArray<keyof Suites> => {
  if (process.argv.includes("--report")) return []
  const at = process.argv.indexOf("--only")
  if (at === -1) return names
  const only = names.filter((name) => name === process.argv[at + 1])
  if (only.length === 0) throw new Error(`--only takes one of ${names.join(", ")}`)
  return only
}

type Suites = { readonly [Name in keyof results.Results]: () => Promise<results.Results[Name]> }

const suites: Suites = {
  micro: () => repeated("policies", () => workers.micro("policies", microRounds)),
  http: () => repeated("HTTP", () => workers.run<results.Http>("http", [httpRounds, httpRequests]), httpProcesses),
  bytes: () => workers.bytes(["policies", "memory"]),
  heap: () => workers.run<results.Heap>("heap", [heapCalls]),
  breakers: async () => ({
    micro: await repeated("breakers", () => workers.micro("breakers", microRounds)),
    windows: await repeated("windows", () => workers.micro("windows", microRounds)),
    bytes: await workers.bytes(["breakers"]),
    heap: await workers.breakerHeap()
  }),
  overload: async () => ({
    micro: await repeated("overload policies", () => workers.micro("overload", microRounds)),
    pipeline: await repeated("pipeline", () => workers.micro("pipeline", microRounds)),
    bytes: await workers.bytes(["overload"]),
    pipelineBytes: await workers.bytes(["pipeline"]),
    rates: await workers.rates(rateSeconds),
    origins: await workers.originHeap()
  }),
  sharing: () => workers.run<results.Sharing>("redis", [sharingSeconds])
}

const names = Object.keys(suites) as ReadonlyArray<keyof Suites>

const versions = async (): Promise<Record<string, string>> => {
  const names = [
    "effect",
    "@effect/platform",
    "undici",
    "cockatiel",
    "opossum",
    "p-retry",
    "got",
    "ky",
    "axios",
    "axios-retry"
  ]
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => {
      const text = await fs.readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")
      return [name, (JSON.parse(text) as { readonly version: string }).version] as const
    }))
  )
}

const write = async (path: string, text: string): Promise<void> => {
  const url = new URL(path, import.meta.url)
  await fs.mkdir(new URL(".", url), { recursive: true })
  await fs.writeFile(url, text)
}

const read = async (name: string): Promise<unknown> =>
  JSON.parse(await fs.readFile(new URL(`../results/${name}.json`, import.meta.url), "utf8"))

/** Tenths are more than the numbers can bear. */
const json = (value: unknown): string =>
  `${JSON.stringify(value, (_, one) => typeof one === "number" ? Math.round(one * 10) / 10 : one)}\n`

/** Measures what is chosen; the other suites are as they were measured last. */
const measure = async (isDry: boolean): Promise<string> => {
  const fresh: Record<string, unknown> = {}
  for (const name of chosen()) {
    say(name)
    const loadBefore = os.loadavg()[0] ?? 0
    const result = await suites[name]()
    const text = json({ machine: report.machine(await versions(), loadBefore), result })
    fresh[name] = JSON.parse(text)
    if (!isDry) await write(`../results/${name}.json`, text)
  }
  const stored = await Promise.all(names.map(async (name) => [name, fresh[name] ?? await read(name)] as const))
  return report.markdown(Object.fromEntries(stored) as unknown as report.Stored)
}

await bundle()
if (process.argv.includes("--gate")) {
  process.exitCode = await gate.run() ? 0 : 1
} else {
  const isDry = process.argv.includes("--dry")
  const markdown = await measure(isDry)
  if (!isDry) await write("../../../docs/benchmarks.md", markdown)
  process.stdout.write(`${markdown}\n`)
}
