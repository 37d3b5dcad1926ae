import * as NodeRedis from "@reprise/redis/NodeRedis"
import * as RedisStore from "@reprise/redis/RedisStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { spawn } from "node:child_process"
import * as Net from "node:net"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import * as RetryBudget from "reprise/RetryBudget"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Tripping from "reprise/Tripping"
import type { Sharing } from "../results.js"
import { report } from "./report.js"

/** What a process that shares asks of a `redis-server` of its own, at several rates of calls, and what Redis holds for a key. */

const seconds = Number(process.argv[2])
const keys = 10_000

const port = await new Promise<number>((resolve) => {
  const probe = Net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address() as Net.AddressInfo
    probe.close(() => resolve(port))
  })
})
const server = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], { stdio: "pipe" })
process.once("exit", () => server.kill("SIGKILL"))
await new Promise<void>((resolve, reject) => {
  server.once("error", reject)
  server.stdout.on("data", (text) => String(text).includes("Ready to accept connections") && resolve())
})

/** Sends a command over a connection of its own. */
const command = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = ""
    const socket = Net.connect(port, "127.0.0.1", () => socket.write(`${text}\r\nQUIT\r\n`))
    socket.on("data", (data) => answer += data)
    socket.on("end", () => resolve(answer)).on("error", reject)
  })

/** Those of the scripts are in them. */
const commands = async (): Promise<number> =>
  Array.from(
    (await command("INFO commandstats")).matchAll(/cmdstat_(evalsha|eval|publish|ping):calls=(\d+)/g),
    ([, , calls]) => Number(calls)
  ).reduce((sum, calls) => sum + calls, 0)

const usedBytes = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await command("INFO memory"))?.[1])

const sleep = (millis: number) => Effect.sleep(millis)

/** So many calls per second, or as many as go; how many there were. */
const call = (perSecond: number, one: Effect.Effect<void>): Effect.Effect<number> =>
  Effect.gen(function*() {
    const end = performance.now() + seconds * 1_000
    let calls = 0
    while (performance.now() < end) {
      const batch = perSecond === Infinity ? 1_000 : perSecond / 100
      for (let i = 0; i < batch; i++) yield* one
      calls += batch
      yield* perSecond === Infinity ? Effect.yieldNow() : sleep(10)
    }
    return calls
  })

const rates = (one: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const all: Array<Sharing["rates"][number]> = []
    for (const perSecond of [0, 100, 20_000]) {
      yield* sleep(1_000)
      const before = yield* Effect.promise(commands)
      const calls = yield* call(perSecond, one)
      all.push({
        callsPerSecond: calls / seconds,
        commandsPerSecond: ((yield* Effect.promise(commands)) - before) / seconds
      })
    }
    return all
  })

const bytesPerKey = (write: (key: string) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    yield* Effect.promise(() => command("FLUSHALL"))
    const before = yield* Effect.promise(usedBytes)
    yield* Effect.forEach(Array.from({ length: keys }, (_, i) => `https://host-${i}.example`), write, {
      concurrency: 64
    })
    return ((yield* Effect.promise(usedBytes)) - before) / keys
  })

const trip: Tripping.Trip = { rule: "consecutive", calls: 5, failures: 5, slow: 0 }
const version = CircuitBreakerStore.noVersion

const program = Effect.gen(function*() {
  const breaker = yield* SharedCircuitBreaker.make({ key: "bench", trip: Tripping.consecutive(5) })
  const budget = yield* SharedRetryBudget.share({ key: "bench" })
  const measured = yield* rates(
    Effect.void.pipe(CircuitBreaker.protect(breaker), RetryBudget.track(budget), Effect.ignore)
  )
  const breakers = yield* CircuitBreakerStore.CircuitBreakerStore
  const pauses = yield* RetryAfterStore.RetryAfterStore
  const result: Sharing = {
    rates: measured,
    bytesPerKey: {
      "a closed breaker": yield* bytesPerKey((key) =>
        breakers.sync(key, { version, counts: { success: 90, failure: 10 } })
      ),
      "an open breaker": yield* bytesPerKey((key) => breakers.trip(key, { version, trip, openMillis: 60_000 })),
      "a paused gate": yield* bytesPerKey((key) => pauses.pause({ key, millis: 60_000, member: "bench" }))
    }
  }
  return result
})

const live = RedisStore.layer().pipe(
  Layer.provide(NodeRedis.layer({ url: `redis://127.0.0.1:${port}` })),
  Layer.provide(Logger.minimumLogLevel(LogLevel.None))
)
const result = await Effect.runPromise(Effect.scoped(Effect.provide(program, live)))
server.kill("SIGKILL")
report(result)
