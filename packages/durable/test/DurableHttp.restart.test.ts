import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { Clock, Duration, Effect, type Exit, Layer, Option, Random, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import * as Services from "../../reprise/test/services.js"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Engine from "./support/engine.js"
import * as Server from "./support/server.js"
import { itIsVirtual, runUntil, setTime, virtually } from "./support/time.js"

const post = HttpClientRequest.post("http://api.example.com/charges")

type Options = Partial<DurableHttp.Options<string>>

/** The lines of the log of the last process. */
const logged: Array<string> = []

/** One process over the store, which dies at that moment. */
const process = (store: Engine.Store, client: HttpClient.HttpClient, options: Options, untilMillis = Infinity) => {
  logged.length = 0
  const live = Engine.Call.toLayer(() => DurableHttp.execute({ name: "charge", request: post, ...options }))
  return runUntil(
    Effect.exit(Engine.Call.execute({ id: "1" })).pipe(
      Effect.provide(live.pipe(Layer.provideMerge(Engine.layer(store)))),
      Effect.provideService(HttpClient.HttpClient, client),
      Effect.provide(Services.logTo(logged))
    ),
    untilMillis
  )
}

const seconds = Backoff.linear("10 seconds").pipe(
  Backoff.attempts(6),
  Retry.whileRetryable,
  Retry.honorHint({ jitter: 0 })
)

const lines = (answer: DurableHttp.Answer<string>) =>
  answer.attempts.map(({ number, reason, startMillis }) => [number, startMillis, reason])

describe("a restart of the process", () => {
  for (const inMemoryThreshold of ["60 seconds", "0 millis"] as const) {
    itIsVirtual(
      `at any moment waits only for the rest of the wait (in memory up to ${inMemoryThreshold})`,
      () =>
        Effect.gen(function*() {
          for (let deathMillis = 0; deathMillis <= 31_000; deathMillis += 1_550) {
            yield* virtually(Effect.gen(function*() {
              const store = Engine.makeStore()
              const { client, seen } = Server.make((n) => n < 3 ? 503 : 200)
              const options = { retry: seconds, inMemoryThreshold }
              const first = yield* process(store, client, options, deathMillis)
              const last = Option.isSome(first) ? first : yield* process(store, client, options)
              const answer = yield* Option.getOrThrow(last)
              assert.deepStrictEqual(lines(answer), [[1, 0, "backoff"], [2, 10_000, "backoff"], [3, 30_000, "success"]])
              assert.deepStrictEqual(seen.map(({ atMillis }) => atMillis), [0, 10_000, 30_000])
              assert.strictEqual(new Set(seen.map(({ key }) => key)).size, 1)
            }))
          }
        })
    )
  }

  itIsVirtual("in the middle of an attempt sends it again with the same key and number", () =>
    Effect.gen(function*() {
      const store = Engine.makeStore()
      const { client, seen } = Server.make((n) => n === 1 ? 503 : n === 2 ? Effect.never : 200)
      const options = { retry: seconds, attemptHeader: "x-attempt" }
      yield* process(store, client, options, 15_000)
      const answer = yield* Option.getOrThrow(yield* process(store, client, options))
      assert.deepStrictEqual(seen.map(({ headers }) => headers["x-attempt"]), ["1", "2", "2"])
      assert.strictEqual(new Set(seen.map(({ key }) => key)).size, 1)
      assert.deepStrictEqual(answer.attempts.map(({ number }) => number), [1, 2])
    }))

  itIsVirtual("continues a schedule whose next delay depends on the draws before", () =>
    Effect.gen(function*() {
      const retry = Backoff.decorrelated({ base: "1 second", cap: "1 hour" }).pipe(Backoff.attempts(8))
      const delays = (dies: boolean) =>
        Effect.gen(function*() {
          yield* setTime(0)
          const store = Engine.makeStore()
          const { client, seen } = Server.make((n) => n < 8 ? 503 : 200)
          const options = { retry, inMemoryThreshold: "10 hours" } as const
          while (dies && seen.length < 8) {
            const nowMillis = yield* Clock.currentTimeMillis
            yield* process(store, client, options, nowMillis + 600)
          }
          const answer = yield* Option.getOrThrow(yield* process(store, client, options))
          return answer.attempts.map(({ delayMillis }) => delayMillis)
        }).pipe(Effect.withRandom(Random.make("seed")))
      assert.deepStrictEqual(yield* delays(true), yield* delays(false))
    }))

  itIsVirtual("keeps the deadline of the first start", () =>
    Effect.gen(function*() {
      const store = Engine.makeStore()
      const { client, seen } = Server.make(() => 503)
      const options = { retry: seconds, deadline: "1 minute" } as const
      yield* process(store, client, options, 5_000)
      yield* setTime(70_000)
      const error = yield* Effect.flip(Option.getOrThrow(yield* process(store, client, options)))
      assert.strictEqual(error.reason, "deadline")
      assert.strictEqual(error.failure?.status, 503)
      assert.strictEqual(seen.length, 1)
    }))

  itIsVirtual("returns a recorded answer without a request", () =>
    Effect.gen(function*() {
      const store = Engine.makeStore()
      const { client, seen } = Server.make(() => 200)
      const first = yield* Option.getOrThrow(yield* process(store, client, {}))
      const second = yield* Option.getOrThrow(yield* process(store, client, {}))
      assert.deepStrictEqual(second, first)
      assert.strictEqual(seen.length, 1)
    }))
})

describe("a clock that was set between two processes", () => {
  for (const inMemoryThreshold of ["60 seconds", "0 millis"] as const) {
    itIsVirtual(
      `back by a week makes a wait no longer than it was (in memory up to ${inMemoryThreshold})`,
      () =>
        Effect.gen(function*() {
          const weekMillis = Duration.toMillis("7 days")
          yield* setTime(2 * weekMillis)
          const store = Engine.makeStore()
          const { client, seen } = Server.make((n) => n < 2 ? 503 : 200)
          const options = { retry: seconds, inMemoryThreshold }
          yield* process(store, client, options, 2 * weekMillis + 5_000)
          yield* setTime(weekMillis)
          yield* Option.getOrThrow(yield* process(store, client, options))
          assert.strictEqual(seen[1]?.atMillis, weekMillis + 10_000)
        })
    )
  }

  itIsVirtual("forward by a week sends the next attempt at once, and ends nothing else", () =>
    Effect.gen(function*() {
      const weekMillis = Duration.toMillis("7 days")
      const store = Engine.makeStore()
      const { client, seen } = Server.make((n) => n < 3 ? 503 : 200)
      yield* process(store, client, { retry: seconds }, 5_000)
      yield* setTime(weekMillis)
      yield* Option.getOrThrow(yield* process(store, client, { retry: seconds }))
      assert.deepStrictEqual(seen.map(({ atMillis }) => atMillis), [0, weekMillis, weekMillis + 20_000])
    }))
})

describe("a storage that the engine cannot reach for a while", () => {
  for (const inMemoryThreshold of ["60 seconds", "0 millis"] as const) {
    itIsVirtual(
      `before and after any of its steps neither ends the call nor repeats an attempt (in memory up to ${inMemoryThreshold})`,
      () =>
        Effect.gen(function*() {
          const { attempts, charged, steps } = yield* throughLosses({ inMemoryThreshold, isLost: () => false })
          for (let first = 1; first <= steps; first++) {
            const isLost = (step: number) => step >= first && step < first + 4
            const outcome = yield* virtually(throughLosses({ inMemoryThreshold, isLost }))
            assert.deepStrictEqual(outcome.attempts, attempts)
            assert.deepStrictEqual(outcome.charged, charged)
            assert.strictEqual(outcome.warnings, 4)
          }
        })
    )
  }

  const throughLosses = ({ inMemoryThreshold, isLost }: {
    readonly inMemoryThreshold: Duration.DurationInput
    readonly isLost: (step: number) => boolean
  }) =>
    Effect.gen(function*() {
      logged.length = 0
      let steps = 0
      const store: Engine.Store = { ...Engine.makeStore(), isLost: () => isLost(++steps) }
      const { client, seen } = Server.make((n) => n < 3 ? 503 : 200)
      const charge = DurableHttp.workflow({
        name: "Charge",
        payload: { id: Schema.String },
        id: ({ id }) => id,
        request: post,
        retry: seconds,
        inMemoryThreshold
      })
      const answer = yield* Option.getOrThrow(
        yield* runUntil(
          Effect.exit(charge.await({ id: "1" })).pipe(
            Effect.provide(charge.layer.pipe(Layer.provideMerge(Engine.layer(store)))),
            Effect.provideService(HttpClient.HttpClient, client),
            Effect.provide(Services.logTo(logged))
          ),
          Infinity
        )
      )
      const warnings = logged.filter((line) => line.includes("The workflow engine could not do a step")).length
      return {
        attempts: answer.attempts.map(({ number, reason }) => [number, reason]),
        charged: seen.length,
        steps,
        warnings
      }
    })
})

describe("a record that the program cannot read", () => {
  const spoil = (store: Engine.Store, change: (record: Record<string, unknown>) => unknown) => {
    for (const [id, record] of store.activities) store.activities.set(id, JSON.stringify(change(JSON.parse(record))))
  }

  const poisons = {
    "of another version": (record: Record<string, unknown>) => ({ ...record, version: 2 }),
    "without its date": ({ atMillis: _, ...record }: Record<string, unknown>) => record,
    "that is not a record": () => "garbage"
  }

  for (const [name, poison] of Object.entries(poisons)) {
    itIsVirtual(
      `${name} suspends the workflow with a clear message, and a program that reads it goes on`,
      () =>
        Effect.gen(function*() {
          const store = Engine.makeStore()
          const { client, seen } = Server.make((n) => n < 2 ? 503 : 200)
          yield* process(store, client, { retry: seconds }, 5_000)
          const saved = new Map(store.activities)
          spoil(store, poison)
          const result = yield* process(store, client, { retry: seconds }, 8_000)
          assert.isTrue(Option.isNone(result))
          assert.strictEqual(seen.length, 1)
          for (const [id, record] of saved) store.activities.set(id, record)
          const answer = yield* Option.getOrThrow(yield* process(store, client, { retry: seconds }))
          assert.deepStrictEqual(answer.attempts.map(({ number }) => number), [1, 2])
        })
    )
  }

  itIsVirtual("of a body with another schema suspends the workflow too", () =>
    Effect.gen(function*() {
      const store = Engine.makeStore()
      const { client, seen } = Server.make(() => 200)
      yield* process(store, client, {})
      spoil(store, (record) => ({ ...record, value: { status: 200, body: { renamed: 1 } } }))
      assert.isTrue(Option.isNone(yield* process(store, client, {}, 8_000)))
      assert.strictEqual(seen.length, 1)
    }))
})

describe("a secret", () => {
  itIsVirtual(
    "in a header or in the query is in no record, even if the server repeats it",
    () =>
      Effect.gen(function*() {
        const store = Engine.makeStore()
        let tokens = 0
        const { client, seen } = Server.make((n, { headers }) =>
          n < 3 ? new Response(JSON.stringify(headers), { status: 503 }) : 422
        )
        const options = {
          request: HttpClientRequest.post("http://user:password@api.example.com/charges?api_key=querysecret"),
          headers: Effect.sync(() => ({ authorization: `Bearer token-secret-${++tokens}` })),
          retry: seconds
        }
        yield* process(store, client, options)
        assert.deepStrictEqual(seen.map(({ headers }) => headers["authorization"]?.slice(-1)), ["1", "2", "3"])
        assert.notInclude([...store.activities.values()].join(), "secret")
        assert.notInclude([...store.activities.values()].join(), "password")
      })
  )
})

const failed = (exit: Option.Option<Exit.Exit<unknown, DurableHttp.CallFailed>>) => Effect.flip(Option.getOrThrow(exit))

describe("a call that another process may have sent", () => {
  itIsVirtual("says so, where the deadline passed before the next process", () =>
    Effect.gen(function*() {
      const store = Engine.makeStore()
      const { client, seen } = Server.make(() => Effect.never)
      const options = { retry: seconds, deadline: "1 minute" } as const
      yield* process(store, client, options, 5_000)
      yield* setTime(70_000)
      const { number, reason, sent } = yield* Effect.map(
        failed(yield* process(store, client, options)),
        ({ attempts, reason, sent }) => ({ number: attempts.at(-1)?.number, reason, sent })
      )
      assert.deepStrictEqual([seen.length, number, reason, sent], [1, 0, "deadline", "maybe"])
    }))
})

describe("the headers of an attempt", () => {
  itIsVirtual("may come from an effect that retries", () =>
    Effect.gen(function*() {
      let asked = 0
      const token = Effect.suspend(() =>
        ++asked < 3 ? Effect.fail("blip") : Effect.succeed({ authorization: "Bearer x" })
      )
      const headers = token.pipe(Retry.retry(Backoff.linear("1 second")), Effect.orDie)
      const { client, seen } = Server.make(() => 200)
      yield* Option.getOrThrow(yield* process(Engine.makeStore(), client, { headers }))
      assert.deepStrictEqual([asked, seen.length], [3, 1])
    }))

  itIsVirtual("have the time of an attempt", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 200)
      const exit = yield* process(Engine.makeStore(), client, {
        retry: seconds,
        headers: Effect.never,
        attemptTimeout: "5 seconds"
      })
      const { failure, sent } = yield* failed(exit)
      assert.deepStrictEqual([failure?.tag, sent, seen.length], ["AttemptTimeout", "no", 0])
    }))

  itIsVirtual("do not replace the key", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make((n) => n < 3 ? 503 : 200)
      let draws = 0
      const headers = Effect.sync(() => ({ "idempotency-key": `own-${++draws}` }))
      const { key } = yield* Option.getOrThrow(
        yield* process(Engine.makeStore(), client, { retry: seconds, headers })
      )
      assert.deepStrictEqual([...new Set(seen.map((one) => one.key))], [key])
    }))
})

describe("the body of a failed response", () => {
  const recordOf = (client: HttpClient.HttpClient, headers: Record<string, string>) =>
    Effect.gen(function*() {
      const store = Engine.makeStore()
      yield* process(store, client, { retry: seconds, headers: Effect.succeed(headers) })
      return [...store.activities.values()].join()
    })

  const echo = Server.make((_, { headers }) => new Response(JSON.stringify(headers), { status: 400 })).client

  itIsVirtual("is recorded without a header that the client has added", () =>
    Effect.gen(function*() {
      const client = HttpClient.mapRequest(echo, HttpClientRequest.bearerToken("sk_live_SECRET"))
      const record = yield* recordOf(client, {})
      assert.include(record, "<redacted>")
      assert.notInclude(record, "SECRET")
    }))

  itIsVirtual(
    "is recorded without a header of which another one is a part, and without one in quotes",
    () =>
      Effect.gen(function*() {
        const headers = {
          "x-tenant": "acme-corp",
          authorization: "Bearer acme-corp.SECRET",
          "x-sign": `"a","b-SECRET"`
        }
        const record = yield* recordOf(echo, headers)
        assert.include(record, "<redacted>")
        assert.notInclude(record, "SECRET")
      })
  )
})
