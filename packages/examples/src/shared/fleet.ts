/** Three processes, one dependency, one Redis: one of them learns, and all know. */
import { FaultServer, Reply } from "@reprise/testing"
import { Console, Effect, type Scope } from "effect"
import * as Esbuild from "esbuild"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { redisServer } from "./redisServer.js"

const names = ["a", "b", "c"]

interface Member {
  readonly name: string
  /** The state of its circuit, as it told last. */
  state: string
}

const outfile = fileURLToPath(new URL("../../build/shared/worker.mjs", import.meta.url))

/** Once for all: three processes that compile the same sources at the same time take ten seconds to start. */
const compile = Effect.promise(() =>
  Esbuild.build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["redis", "ioredis"],
    logLevel: "error"
  })
)

/** Starts a process, which ends with the scope, or with this process. */
const member = (name: string, env: Record<string, string>): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => fork(outfile, { execArgv: [], env: { ...process.env, ...env, NAME: name } })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const self: Member = { name, state: "Closed" }
    child.on("message", (state) => self.state = String(state))
    return self
  })

const until = (condition: () => boolean) => Effect.repeat(Effect.sleep("5 millis"), { until: condition })

const paid = Reply.json({ charged: true })
const busy = Reply.respond({ status: 429 })
const keepAway = Reply.respond({ status: 429, headers: { "retry-after": "2" } })
const down = Reply.respond({ status: 503 })

const story = Effect.gen(function*() {
  const redis = yield* redisServer
  const server = yield* FaultServer.make({ always: paid })
  yield* compile
  const members = yield* Effect.forEach(names, (name) => member(name, { REDIS_URL: redis, PAYMENTS_URL: server.url }))
  const all = (state: string) => until(() => members.every((member) => member.state === state))

  /** What was sent from now on. */
  const sentDuring = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
    Effect.gen(function*() {
      const before = (yield* server.requests).length
      yield* effect
      return (yield* server.requests).slice(before)
    })
  const sendersOf = (requests: ReadonlyArray<FaultServer.RecordedRequest>) =>
    requests.map(({ headers }) => headers["from"])
  const requestsOfAll = Effect.flatMap(
    server.requests,
    ({ length }) =>
      server.awaitRequests((requests) => names.every((name) => sendersOf(requests.slice(length)).includes(name)))
  )

  yield* requestsOfAll
  yield* Console.log("payments is up, and called by a, b and c")

  yield* server.always(busy)
  yield* Effect.sleep("1 second")
  yield* server.always(paid)
  const requests = yield* server.requests
  const calls = requests.filter(({ headers }) => headers["attempt"] === undefined)
  const retries = requests.length - calls.length
  yield* Console.log(`payments was busy for a second: ${retries} retries in all, for ${calls.length} calls`)

  yield* server.script(keepAway)
  yield* Effect.sleep("500 millis")
  const away = yield* sentDuring(Effect.sleep("1 second"))
  yield* Console.log(`payments has asked one of them to keep away: ${away.length} requests in a second, by all of them`)
  yield* requestsOfAll

  yield* server.always(down)
  yield* all("Open")
  yield* Console.log("payments is down: the circuits of a, b and c are open")
  // What was under way yet is no probe.
  yield* Effect.sleep("300 millis")
  const { length } = yield* server.requests
  const probes = yield* sentDuring(server.awaitRequests(length + 2))
  yield* Console.log(`payments is probed, by one for all: by ${sendersOf(probes).join(", and a second later by ")}`)

  yield* server.always(paid)
  yield* all("Closed")
  yield* requestsOfAll
  yield* Console.log("payments is back, and called by a, b and c")

  return {
    isWithinBudget: retries <= 0.1 * calls.length,
    requestsWhileKeptAway: away.length,
    probes: probes.length,
    hasWaitedBetweenProbes: probes[1]!.timeMillis - probes[0]!.timeMillis >= 900
  }
}).pipe(Effect.timeout("1 minute"), Effect.scoped)

export const program = Effect.catchTag(
  story,
  "NotInstalled",
  () => Effect.succeed("needs a redis-server: apt-get install redis-server, or brew install redis")
)
