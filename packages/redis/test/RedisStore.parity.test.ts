import { assert, layer } from "@effect/vitest"
import { Effect, FastCheck as fc, Option } from "effect"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import type { StoreError } from "reprise/StoreError"
import * as breakerScripts from "../src/internal/breakerScripts.js"
import * as breakerStore from "../src/internal/breakerStore.js"
import * as NodeRedis from "../src/NodeRedis.js"
import * as Redis from "../src/Redis.js"
import { connect } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { VirtualClock } from "./support/virtualClock.js"

type Store = CircuitBreakerStore.Service
type Answer = CircuitBreakerStore.Standing | CircuitBreakerStore.Admission
type Version = CircuitBreakerStore.Version

const settings = { prefix: "parity", syncMillis: 100, timeoutMillis: 250, keepMillis: 3_600_000 }

/** The time of both stores is that of the test. */
const scripts = breakerScripts.make(`\nlocal now = tonumber(redis.call("GET", "now"))\n`)
const setNow = Redis.script({ lua: `return redis.call("SET", "now", ARGV[1])`, decode: Option.some<Redis.Reply> })

/** Which of the versions that the members know: how many before the latest, or none, or one that nobody can know. */
const version = fc.oneof(
  { weight: 16, arbitrary: fc.constant<number | Version>(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 2, arbitrary: fc.constant(CircuitBreakerStore.noVersion) },
  fc.record({ epoch: fc.nat(2), generation: fc.nat(3) })
)
const millis = fc.constantFrom(0, 0, 5, 20, 40)
const real = fc.double({ min: 1e-9, max: 1e6, noNaN: true })
const text = fc.constantFrom("success", "failure", "failure@100 ms", "", "ž\u0000\n")
const trip = fc.record({ rule: text, calls: fc.nat(9), failures: real, slow: fc.nat(3) })
const some = { min: 1, max: 3 }
const probing = {
  probes: fc.integer(some),
  successes: fc.integer(some),
  tolerated: fc.nat(2),
  leaseMillis: fc.integer({ min: 1, max: 40 })
}
const outcome = fc.constantFrom("success" as const, "failure" as const, "ignored" as const)

/** Time passes before each of them. */
const operations = (passes: fc.Arbitrary<number>) =>
  fc.array(
    fc.tuple(
      passes,
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ sync: fc.record({ version, counts: fc.dictionary(text, real) }) }) },
        {
          weight: 4,
          arbitrary: fc.record({ trip: fc.record({ version, trip, openMillis: millis, trips: fc.nat(4) }) })
        },
        {
          weight: 14,
          arbitrary: fc.record({ admit: fc.record({ token: fc.nat(3), version: fc.option(version), ...probing }) })
        },
        {
          weight: 12,
          arbitrary: fc.record({
            settle: fc.record({ version, token: fc.nat(3), outcome, openMillis: millis, ...probing })
          })
        },
        { weight: 1, arbitrary: fc.record({ close: fc.record({ version }) }) }
      )
    ),
    { minLength: 20, maxLength: 60, size: "max" }
  )

/** Often none. */
const passing = (millis: fc.Arbitrary<number>) => fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, millis)

type Operations = ReturnType<typeof operations> extends fc.Arbitrary<infer A> ? A : never
type Operation = Operations[number][1]

interface Play {
  readonly known: Array<Version>
  readonly token: (use: "admit" | "settle", n: number) => string
}

const perform = (operation: Operation, { known, token }: Play) => {
  const at = (version: number | Version) =>
    typeof version === "number" ? known.at(-1 - version) ?? CircuitBreakerStore.noVersion : version
  const named = "admit" in operation
    ? token("admit", operation.admit.token)
    : "settle" in operation
    ? token("settle", operation.settle.token)
    : ""
  return (store: Store, key: string): Effect.Effect<Answer, StoreError> => {
    if ("sync" in operation) return store.sync(key, { ...operation.sync, version: at(operation.sync.version) })
    if ("trip" in operation) return store.trip(key, { ...operation.trip, version: at(operation.trip.version) })
    if ("close" in operation) return store.close(key, at(operation.close.version))
    if ("admit" in operation) {
      const { version, ...admit } = operation.admit
      return store.admit(key, { ...admit, version: version === null ? undefined : at(version), token: named })
    }
    return store.settle(key, { ...operation.settle, version: at(operation.settle.version), token: named })
  }
}

/** What histories have to come to: each operation, and the state after it. */
const everything = [
  ...["admit", "close", "settle", "sync", "trip"].flatMap((name) =>
    ["Closed", "HalfOpen", "Open"].map((state) => `${name} ${state}`)
  ),
  "admit HalfOpen granted"
].sort()

layer(RedisServer.Shared.layer, { excludeTestServices: true })("RedisStore and the store in memory", (it) => {
  /**
   * Plays histories on both, with time of its own, and compares every answer, until every kind of answer has been given: 60 in
   * a row may miss the rarest of them.
   */
  const agree = (passes: fc.Arbitrary<number>, tokens: () => Play["token"]) =>
    Effect.gen(function*() {
      const { url } = yield* RedisServer.fresh
      const redis = yield* connect(NodeRedis.layer, { url })
      const shared = yield* breakerStore.make(redis, settings, scripts)
      const memory = yield* Effect.provide(
        CircuitBreakerStore.CircuitBreakerStore,
        CircuitBreakerStore.layerMemory()
      )
      const clock = new VirtualClock()
      const seen = new Set<string>()
      let histories = 0
      const play = (start: number, history: Operations) =>
        Effect.gen(function*() {
          const key = `history ${histories++}`
          const current: Play = { known: [], token: tokens() }
          clock.millis = start
          yield* redis.run(setNow, [], [start])
          for (const [pass, operation] of history) {
            clock.millis = Math.max(0, clock.millis + pass)
            if (pass !== 0) yield* redis.run(setNow, [], [clock.millis])
            const act = perform(operation, current)
            const expected = yield* Effect.withClock(act(memory, key), clock)
            assert.deepStrictEqual(yield* act(shared, key), expected)
            const { state, version } = "standing" in expected ? expected.standing : expected
            if (version.generation !== (current.known.at(-1) ?? CircuitBreakerStore.noVersion).generation) {
              current.known.push(version)
            }
            const [name] = Object.keys(operation)
            seen.add(`${name} ${state._tag}${"isGranted" in expected && expected.isGranted ? " granted" : ""}`)
          }
        })
      const some = Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.constantFrom(0, 1, 1_800_000_000_000),
            operations(passes),
            (start, history) => Effect.runPromise(play(start, history))
          ),
          { numRuns: 60 }
        )
      )
      yield* Effect.repeat(some, { until: () => seen.size >= everything.length, times: 5 })
      return [...seen].sort()
    })

  it.scoped("answer the same to every history", () =>
    Effect.gen(function*() {
      const seen = yield* agree(passing(fc.integer({ min: 1, max: 25 })), () => (_, n) => `token ${n}`)
      assert.deepStrictEqual(seen, everything)
    }))

  // A permit of which its holder has told is nobody's, and what becomes of it when time comes again is nobody's business.
  it.scoped("answer the same to every history whose time goes back, where each permit is asked for and settled once", () =>
    Effect.gen(function*() {
      const seen = yield* agree(passing(fc.integer({ min: -40, max: 40 })), () => {
        let asked = 0
        const out: Array<string> = []
        return (use, n) => {
          if (use === "settle") return out.splice(n % Math.max(out.length, 1), 1)[0] ?? "none"
          out.unshift(`token ${asked}`)
          return `token ${asked++}`
        }
      })
      assert.deepStrictEqual(seen, everything)
    }))
})
