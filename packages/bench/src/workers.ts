import { fork } from "node:child_process"
import * as path from "node:path"
import { outdir } from "./bundle.js"
import type { BreakerHeap, Bytes, Micro, OriginHeap, Rate } from "./results.js"
import type { Name } from "./suites/load.js"

const limitMillis = 10 * 60_000

/** Runs a worker in a fresh process and returns what it reports. */
export const run = <A>(
  name: string,
  args: ReadonlyArray<number | string> = [],
  nodeOptions: ReadonlyArray<string> = []
): Promise<A> =>
  new Promise((resolve, reject) => {
    const child = fork(path.join(outdir, `${name}.js`), args.map(String), {
      execArgv: ["--expose-gc", ...nodeOptions],
      serialization: "advanced"
    })
    const limit = setTimeout(() => {
      child.kill()
      reject(new Error(`the worker ${name} did not end within ${limitMillis / 1_000} s`))
    }, limitMillis)
    let result: A | undefined
    child.on("message", (message) => {
      result = message as A
    })
    child.on("error", reject)
    child.on("exit", (code, signal) => {
      clearTimeout(limit)
      if (result === undefined) reject(new Error(`the worker ${name} ended with ${signal ?? code} and no result`))
      else resolve(result)
    })
  })

export const micro = (suite: Name, rounds: number, names?: ReadonlyArray<string>): Promise<Micro> =>
  run("micro", [suite, rounds, ...listed(names)])

/** One process after another. Bytes need a young generation that holds a whole sample. */
export const bytes = async (suites: ReadonlyArray<Name>, names?: ReadonlyArray<string>): Promise<Bytes> => {
  let all: Bytes = { bytes: {}, bases: {} }
  for (const suite of suites) {
    const one = await run<Bytes>("bytes", [suite, ...listed(names)], [
      "--min-semi-space-size=64",
      "--max-semi-space-size=64"
    ])
    all = { bytes: { ...all.bytes, ...one.bytes }, bases: { ...all.bases, ...one.bases } }
  }
  return all
}

const listed = (names: ReadonlyArray<string> | undefined) => names === undefined ? [] : [JSON.stringify(names)]

/** One process for each kind, one after the other. */
export const breakerHeap = async (kinds = Object.keys(heapKinds)): Promise<BreakerHeap> => {
  const all: Record<string, BreakerHeap[string]> = {}
  for (const kind of kinds) all[kind] = await run("breakerHeap", [kind, heapKinds[kind] ?? 0])
  return all
}

/** The kinds of the worker, and how many of each are made: those with timers keep a CPU busy. */
const heapKinds: Record<string, number> = {
  "CircuitBreaker, unused": 100_000,
  "CircuitBreaker, consecutive, used": 100_000,
  "CircuitBreaker, 10 x 1 s, used": 100_000,
  "CircuitBreaker, 100 calls, used": 100_000,
  "CircuitBreaker, slowRate, used": 100_000,
  "CircuitBreakers, a key, unused": 100_000,
  "CircuitBreakers, a key, 10 x 1 s, used": 100_000,
  "cockatiel consecutive": 100_000,
  "cockatiel sampling": 100_000,
  opossum: 10_000,
  "opossum, no snapshots": 10_000
}

/** One process for each kind of client, one after the other. */
export const originHeap = async (kinds = originKinds): Promise<OriginHeap> => {
  const all: Record<string, OriginHeap[string]> = {}
  for (const kind of kinds) all[kind] = await run("origins", [kind, 10_000])
  return all
}

const originKinds: ReadonlyArray<string> = [
  "standard()",
  "standard({ bulkhead })",
  "standard({ all guards })",
  "cockatiel, in a Map"
]

/** One process for each limiter and each limit. */
export const rates = async (seconds: number): Promise<ReadonlyArray<Rate>> => {
  const all: Array<Rate> = []
  for (const kind of rateKinds) {
    for (const limit of [100, 1_000, 2_000, 10_000]) all.push(await run("rate", [kind, limit, seconds]))
  }
  return all
}

const rateKinds: ReadonlyArray<string> = [
  "RateLimiter",
  "RateLimiter, burst 1",
  "effect/RateLimiter, token-bucket",
  "effect/RateLimiter, fixed-window"
]
