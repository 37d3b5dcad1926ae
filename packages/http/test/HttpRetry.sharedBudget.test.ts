import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, TestClock } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"

type Service = RetryBudgetStore.Service

/** A store that writes down what it is asked for. */
const recorded = Effect.map(RetryBudgetStore.RetryBudgetStore, (store) => {
  const keys: Array<string> = []
  const service: Service = {
    ...store,
    sync: (key, report) =>
      Effect.suspend(() => {
        keys.push(key)
        return store.sync(key, report)
      })
  }
  return { keys, service }
})

const shared = (service: Service, ...options: Parameters<typeof HttpRetry.sharedBudget>) =>
  Effect.provideService(HttpRetry.sharedBudget(...options), RetryBudgetStore.RetryBudgetStore, service)

/** A client of a process: what fails is tried again twice without a wait. It tells how many requests were sent. */
const client = (budget: HttpRetry.Budget, status = 503) => {
  let sent = 0
  const server = HttpClient.make((request) =>
    Effect.sync(() => {
      sent++
      return HttpClientResponse.fromWeb(request, new Response(null, { status }))
    })
  )
  const retrying = server.pipe(HttpResilience.retry(Schedule.recurs(2), { budget }))
  const calls = (url: string, n: number) =>
    Effect.suspend(() => {
      const before = sent
      return Effect.map(Effect.replicateEffect(retrying.get(url), n), () => sent - before)
    })
  return { calls }
}

const inOneStore = <A, E, R>(test: Effect.Effect<A, E, R>) => Effect.provide(test, RetryBudgetStore.layerMemory())

/** The exchanges of some intervals. */
const exchanges = Effect.repeatN(TestClock.adjust("100 millis"), 24)

describe("HttpRetry.sharedBudget", () => {
  it.scoped("gives a client retries for what another one calls there, and not for what it calls elsewhere", () =>
    inOneStore(Effect.gen(function*() {
      const { service } = yield* recorded
      const options = { ratio: 0.1, minPerSecond: 0 }
      const one = client(yield* shared(service, options), 200)
      const other = client(yield* shared(service, options))
      yield* TestClock.adjust("1 millis")
      // With its first use it has heard of the others, and there was nothing to reserve yet.
      assert.strictEqual(yield* other.calls("http://a.test/y", 20), 20)
      assert.strictEqual(yield* other.calls("http://b.test/y", 5), 5)
      yield* one.calls("http://a.test/x", 200)
      yield* exchanges
      assert.isAbove(yield* other.calls("http://a.test/z", 5), 10)
      assert.strictEqual(yield* other.calls("http://b.test/z", 4), 4)
    })))

  it.scoped("spends in two clients what one would", () =>
    inOneStore(Effect.gen(function*() {
      const { service } = yield* recorded
      const options = { ratio: 0.1, minPerSecond: 0 }
      const clients = yield* Effect.replicateEffect(Effect.map(shared(service, options), client), 2)
      yield* Effect.forEach(clients, ({ calls }) => calls("http://a.test", 1))
      yield* TestClock.adjust("1 second")
      let sent = 0
      for (let i = 0; i < 15; i++) {
        for (const { calls } of clients) sent += yield* calls("http://a.test", 40)
        yield* TestClock.adjust("100 millis")
      }
      // 1,200 calls, within one window.
      assert.isAtMost(sent, 1_202 * 1.1)
      assert.isAbove(sent, 1_200 * 1.08)
    })))

  it.scoped("asks the store for each origin, or each key, before its first call, and in no other call", () =>
    inOneStore(Effect.gen(function*() {
      const { keys, service } = yield* recorded
      const byOrigin = client(yield* shared(service))
      const byKey = client(yield* shared(service, {}, { key: ({ method }) => `all ${method}` }))
      yield* TestClock.adjust("1 millis")
      const calls = Effect.forEach(
        [byOrigin, byKey],
        ({ calls }) => Effect.zipRight(calls("http://a.test/x", 3), calls("http://b.test:81/y?z", 3))
      )
      yield* calls
      const all = ["all GET", "http://a.test", "http://b.test:81"]
      assert.deepStrictEqual([...new Set(keys.splice(0))].sort(), all)
      yield* calls
      assert.deepStrictEqual(keys, [])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual([...new Set(keys)].sort(), all)
    })))

  it("refuses options out of range, where it is made", () => {
    assert.throws(() => HttpRetry.sharedBudget({ ratio: -1 }), InvalidOption)
    assert.throws(() => HttpRetry.sharedBudget({}, { capacity: 0 }), InvalidOption)
  })

  it.scoped("goes on by itself where its scope ends", () =>
    inOneStore(Effect.gen(function*() {
      const { keys, service } = yield* recorded
      const budget = yield* Effect.scoped(shared(service, { ratio: 0, minPerSecond: 1 }))
      const { calls } = client(budget)
      assert.strictEqual(yield* calls("http://a.test", 20), 30)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(keys, [])
      const { balance } = yield* Effect.flatMap(
        budget({ url: "http://a.test" } as Parameters<typeof budget>[0]),
        RetryBudget.snapshot
      )
      assert.strictEqual(balance, 0)
    })))
})
