import * as os from "node:os"
import * as breakerReport from "./breakerReport.js"
import * as goals from "./goals.js"
import { code, microTable, number, range, table } from "./markdown.js"
import * as overloadReport from "./overloadReport.js"
import * as results from "./results.js"
import * as sharingReport from "./sharingReport.js"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly versions: Record<string, string>
  readonly measuredAt: string
  /** Of the last minute, before and after. */
  readonly load: readonly [before: number, after: number]
}

/** A suite as it is kept in `results`, with the machine as it was then. */
export type Stored = {
  readonly [Name in keyof results.Results]: { readonly machine: Machine; readonly result: results.Results[Name] }
}

export const machine = (versions: Record<string, string>, loadBefore: number): Machine => ({
  cpu: os.cpus()[0]?.model ?? "unknown",
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  system: `${os.type()} ${os.release().split("-")[0]} ${os.arch()}`,
  node: process.version,
  versions,
  measuredAt: new Date().toISOString().slice(0, 10),
  load: [loadBefore, os.loadavg()[0] ?? 0]
})

const goalTable = (all: results.Results) =>
  table(
    ["goal", "wanted", "measured (range of the processes)", ""],
    goals.of(all).map(({ measured, met, wanted, what }) => [what, wanted, measured, met ? "met" : "**missed**"])
  )

const missedGoals = (all: results.Results): string =>
  goals.of(all).flatMap(({ cause, met, what }) => met || cause === undefined ? [] : [`- Missed: ${what}. ${cause}.\n`])
    .join("")

const memoryTable = ({ bytes }: results.Results) =>
  table(
    ["client, in memory", "bytes per request", "added bytes"],
    Object.entries(bytes.bases).filter(([name]) => name.startsWith("in memory")).map(([name]) => [
      code(name.replace("in memory: ", "")),
      number(bytes.bytes[name]?.median ?? NaN),
      number(results.marginalBytes(bytes, name))
    ])
  )

const httpTable = ({ http }: results.Results) =>
  table(
    ["client", "requests/s", "client CPU µs/request", "against", "added CPU µs", "range", "added", "throughput"],
    Object.entries(http[0]?.bases ?? {}).map(([name, base]) => {
      const added = results.addedCpu(http, name, base)
      const own = name === base
      return [
        code(name),
        number(results.throughput(http, name).median),
        number(results.cpu(http, name).median),
        own ? "" : code(base),
        own ? "" : number(added.median),
        own ? "" : range(added),
        own ? "" : `${(results.addedShare(http, name, base).median * 100).toFixed(0)} %`,
        own ? "" : `${results.relativeThroughput(http, name, base).median.toFixed(2)} x`
      ]
    })
  )

const noise = (label: string, noises: ReadonlyArray<results.Micro["noise"]>) =>
  `${label} ${(results.quietShare(noises) * 100).toFixed(0)} % of ${
    noises.reduce((sum, { samples }) => sum + samples, 0)
  }`

const load = (label: string, machine: Machine) =>
  `${label} ${machine.load[0].toFixed(1)} and ${machine.load[1].toFixed(1)}`

const machineSection = (stored: Stored): string => {
  const { machine } = stored.micro
  const versions = Object.entries({ ...machine.versions, ...stored.breakers.machine.versions })
  const { micro, windows } = stored.breakers.result
  const overload = stored.overload.result
  const noises = [
    noise("policies", stored.micro.result.map(({ noise }) => noise)),
    noise("HTTP", stored.http.result.map(({ noise }) => noise)),
    noise("breakers", [...micro, ...windows].map(({ noise }) => noise)),
    noise("overload", [...overload.micro, ...overload.pipeline].map(({ noise }) => noise))
  ]
  const loads = [
    load("policies", machine),
    load("HTTP", stored.http.machine),
    load("breakers", stored.breakers.machine),
    load("overload", stored.overload.machine)
  ]
  return `## The machine, and how quiet it was

${machine.cores} x ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, ${machine.measuredAt}.
${versions.map(([name, version]) => `${name} ${version}`).join(", ")}.

A sample is quiet under three conditions. No other process wanted a CPU before it. A fixed probe ran at full speed. The thread
waited for a CPU for at most 5 % of the sample. Quiet were: ${noises.join(" samples, ")} samples. Load of
the machine before and after: ${loads.join(", ")}.
The benchmark itself makes about 1. With few quiet samples, trust the bytes, and ratios only as far as their ranges do not overlap.
`
}

const howMeasured = (processes: number): string =>
  `## How it is measured

- A suite is a run of its own (\`pnpm bench --only\`): rows of two tables were not measured side by side.
- All cases of a suite run in one process, each once per round, in a random order. Each round gives a ratio.
  Each process gives the median of its rounds. The tables show the median of ${processes} fresh processes,
  with the least and the greatest of them.
- Marginal is the case without its base (the empty loop, the bare promise) in the same round.
- Between samples only minor collections: a full one deoptimises the code of Effect, and would measure that.
- Bytes per call: growth of the heap over a sample in which nothing was collected; repeatable to about 1 %. Budgets for
  these, not times, are the gate in CI (\`pnpm bench:gate\`).
- The packages are compiled as published, not run through a TypeScript loader, which adds to every function made.
- HTTP: GETs over loopback, 50 in flight, with the server in a process of its own. CPU is user and system time of the whole
  client process, including its collector threads. The client reads every body. Tracing is off except in the rows that say so.
`

const heapSection = ({ heap }: results.Results): string =>
  `## Heap

${heap.calls.toLocaleString("en")} calls, each refused with 503 once and then answered (${
    (heap.seconds * 1e6 / heap.calls).toFixed(0)
  } µs per call with its wait, 50 in flight). Memory: ${(heap.before / 2 ** 20).toFixed(2)} MiB before, ${
    (heap.after / 2 ** 20).toFixed(2)
  } MiB after, ${heap.timers} timers left.
`

export const markdown = (stored: Stored): string => {
  const all: results.Results = {
    micro: stored.micro.result,
    http: stored.http.result,
    bytes: stored.bytes.result,
    heap: stored.heap.result,
    breakers: stored.breakers.result,
    overload: stored.overload.result,
    sharing: stored.sharing.result
  }
  return `# Benchmarks

Written by \`pnpm bench\`; do not edit. Ratios travel, nanoseconds do not: compare rows of one table.

## Goals

${goalTable(all)}

F is the marginal cost of one \`Effect.flatMap\` inside a running fiber. A goal is judged by the median.
${missedGoals(all)}
${machineSection(stored)}
${howMeasured(all.micro.length)}
## Policies, on success

${microTable(all.micro, all.bytes)}

${breakerReport.markdown(all.breakers)}
${overloadReport.markdown(all.overload)}
${sharingReport.markdown(all.sharing)}
## HTTP

\`standard()\` has retries with a budget, a gate, a circuit breaker, an attempt timeout and a deadline. Effect's own parts are
\`Effect.retry\`, \`Effect.timeout\` twice, and a circuit breaker of a \`Ref\` and generators.

${httpTable(all)}

### Bytes per request

The same stages over a client in memory that answers a microtask later.

${memoryTable(all)}

${heapSection(all)}`
}
