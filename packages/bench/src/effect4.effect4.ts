/**
 * `pnpm bench:effect4`: Reprise beside the parts of Effect 4 itself, in one process, as ratios. It prints a table for
 * `docs/effect-4.md`. The script compiles it with our packages as they are published, as `bundle.ts` does for the other
 * benchmarks.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as CoreBreaker from "effect/persistence/CircuitBreaker"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { fork } from "node:child_process"
import { once } from "node:events"
import * as Backoff from "reprise/Backoff"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Retry from "reprise/Retry"
import * as Tripping from "reprise/Tripping"
import * as harness from "./harness.js"
import * as quiet from "./quiet.js"
import * as stats from "./stats.js"

const scope = Scope.makeUnsafe()
const inScope = <A, E, R>(self: Effect.Effect<A, E, R | Scope.Scope>) => Effect.provideService(self, Scope.Scope, scope)

const work = Effect.suspend(() => Effect.void)
const repeated = (one: Effect.Effect<unknown, unknown>) => (times: number): Promise<void> => {
  let done = 0
  return Effect.runPromise(Effect.orDie(Effect.whileLoop({ while: () => done++ < times, body: () => one, step: () => {} })))
}

const coreBreaker = Effect.runSync(
  CoreBreaker.make({
    tripPolicy: CoreBreaker.rate({ threshold: 0.5, size: 100 }),
    openDuration: "30 seconds"
  }).pipe(inScope, Effect.provide(CoreBreaker.layerStoreMemory()))
)
const ourBreaker = Effect.runSync(inScope(
  CircuitBreaker.make({ trip: Tripping.rate({ threshold: 0.5, window: { calls: 100 }, minimumCalls: 100 }), openFor: "30 seconds" })
))
const schedule = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(3)])

const base = "nothing"
const micro: ReadonlyArray<harness.Case> = Object.entries({
  [base]: work,
  "Effect.retry": Effect.retry(work, schedule),
  "Retry.retry": Retry.retry(work, Backoff.exponential("100 millis").pipe(Backoff.attempts(4))),
  "Effect's breaker": coreBreaker.execute(work, { key: "a" }),
  "CircuitBreaker": CircuitBreaker.protect(work, ourBreaker)
}).map(([name, one]) => ({ name, base, run: repeated(one) }))

const noise = quiet.makeNoise()
const rounds = await harness.rounds(micro, 15, noise)
const cost = (name: string) => stats.median(rounds[name]!.map((nanos, round) => nanos - rounds[base]![round]!))

const grown = async (run: harness.Case["run"], times: number): Promise<number> => {
  harness.minorGc()
  const before = process.memoryUsage().heapUsed
  await run(times)
  return (process.memoryUsage().heapUsed - before) / times
}

/** Bytes per call, without those of the call alone. A sample in which the heap shrank had a collection. */
const bytes = async (name: string): Promise<number> => {
  const samples: Array<number> = []
  for (let i = 0; i < 9; i++) {
    const own = await grown(micro.find((one) => one.name === name)!.run, 2_000)
    const nothing = await grown(micro[0]!.run, 2_000)
    if (own > 0 && nothing > 0) samples.push(own - nothing)
  }
  return stats.median(samples)
}

const line = (...cells: ReadonlyArray<string>) => console.log(`| ${cells.join(" | ")} |`)
const ratio = (a: number, b: number) => `${(a / b).toFixed(1)} x`

line("case", "Effect 4.1", "Reprise", "Effect over Reprise")
line("---", "---", "---", "---")
const nanos = (name: string) => `${Math.round(cost(name))} ns`
line("retry, success", nanos("Effect.retry"), nanos("Retry.retry"), ratio(cost("Effect.retry"), cost("Retry.retry")))
line(
  "breaker, rate over 100 calls",
  nanos("Effect's breaker"),
  nanos("CircuitBreaker"),
  ratio(cost("Effect's breaker"), cost("CircuitBreaker"))
)
const [theirBytes, ourBytes] = [await bytes("Effect's breaker"), await bytes("CircuitBreaker")]
line("the same, bytes", `${Math.round(theirBytes)} B`, `${Math.round(ourBytes)} B`, ratio(theirBytes, ourBytes))

const server = fork(new URL("worker/server.js", import.meta.url), { execArgv: process.execArgv })
const [{ url }] = await once(server, "message") as [{ readonly url: string }]

const bare = await Effect.runPromise(
  Effect.map(Layer.buildWithScope(NodeHttpClient.layerUndici, scope), (context) => context).pipe(
    Effect.flatMap((context) => Effect.provide(HttpClient.HttpClient, context))
  )
)
const standard = Effect.runSync(
  Effect.provide(
    HttpClient.HttpClient,
    Layer.provide(ResilientHttpClient.layer(ResilientHttpClient.standard()), Layer.succeed(HttpClient.HttpClient, bare))
  ).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
)
const parts = bare.pipe(
  HttpClient.transformResponse(Effect.timeout("10 seconds")),
  HttpClient.retryTransient({ times: 2, schedule: Schedule.exponential("500 millis") }),
  HttpClient.withCircuitBreaker({ breaker: coreBreaker }),
  HttpClient.transformResponse(Effect.timeout("30 seconds"))
)

const [concurrency, requests] = [50, 1_000]
type Client = readonly [name: string, client: HttpClient.HttpClient.With<unknown>]
const clients: ReadonlyArray<Client> = [["bare", bare], ["Reprise", standard], ["Effect", parts]]

const load = (client: HttpClient.HttpClient.With<unknown>): Promise<void> => {
  let sent = 0
  const one = Effect.flatMap(client.execute(HttpClientRequest.get(url)), (response) => response.text)
  const worker = Effect.whileLoop({ while: () => sent++ < requests, body: () => one, step: () => {} })
  const workers = Effect.all(Array.from({ length: concurrency }, () => worker), { concurrency: "unbounded", discard: true })
  return Effect.runPromise(Effect.orDie(Effect.provideService(workers, References.TracerEnabled, false)))
}

for (const [, client] of [...clients, ...clients]) await load(client)
const micros: Record<string, Array<number>> = { bare: [], Reprise: [], Effect: [] }
for (let round = 0; round < 15; round++) {
  for (const [name, client] of stats.shuffled(clients)) {
    const used = await quiet.whenQuiet(noise, async () => {
      harness.minorGc()
      const cpu = process.cpuUsage()
      await load(client)
      const { system, user } = process.cpuUsage(cpu)
      return (user + system) / requests
    }, 2)
    micros[name]!.push(used)
  }
}
const added = (name: string) => stats.median(micros[name]!.map((used, round) => used / micros["bare"]![round]! - 1))
const percent = (share: number) => `+${Math.round(share * 100)} %`
line(
  "client CPU of a GET: timeout, retry, breaker",
  percent(added("Effect")),
  percent(added("Reprise")),
  ratio(added("Effect"), added("Reprise"))
)
console.log(`\nQuiet samples: ${noise.quiet} of ${noise.samples}.`)
server.disconnect()
await Effect.runPromise(Scope.close(scope, await Effect.runPromiseExit(Effect.void)))
