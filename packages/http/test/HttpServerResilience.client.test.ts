import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

const url = "http://h.test/"
const deadlineHeader = "X-Timeout-Ms"

/** A server that answers after a while, and writes down what it was told. */
const recording = (status: number, millis = 0) => {
  const told: Array<string | undefined> = []
  const client = HttpClient.make((request) => {
    told.push(request.headers["x-timeout-ms"])
    const response = HttpClientResponse.fromWeb(request, new Response(null, { status }))
    return millis === 0 ? Effect.succeed(response) : Effect.delay(Effect.succeed(response), millis)
  })
  return { client, told }
}

const every = (millis: number) => Schedule.intersect(Schedule.spaced(millis), Schedule.recurs(2))

describe("an attempt that tells the server how long it has", () => {
  const toldBy = (options: ResilientHttpClient.Options, request = HttpClientRequest.get(url)) =>
    Effect.gen(function*() {
      const { client, told } = recording(200)
      yield* ResilientHttpClient.make({ deadlineHeader, ...options })(client).execute(request)
      return told[0]
    })

  it.effect("says the least of deadline and attempt timeout, in whole milliseconds", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* toldBy({ deadline: "3 seconds", attemptTimeout: "1 second" }), "1000")
      assert.strictEqual(yield* toldBy({ deadline: "3 seconds", attemptTimeout: "4 seconds" }), "3000")
      assert.strictEqual(yield* toldBy({ attemptTimeout: 1.9 }), "1")
      assert.strictEqual(yield* Deadline.within(toldBy({ deadline: "3 seconds" }), "2 seconds"), "2000")
      assert.strictEqual(yield* Deadline.within(toldBy({}), "2 seconds"), "2000")
      assert.strictEqual(yield* Deadline.within(toldBy({ retry: false }), "2 seconds"), "2000")
    }))

  it.effect("says nothing where there is no limit, and where nobody asked for it", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* toldBy({}))
      assert.isUndefined(yield* toldBy({ deadline: "3 seconds", deadlineHeader: undefined }))
    }))

  it.effect("leaves what its caller has said where that is less, and lowers it where that is more", () =>
    Effect.gen(function*() {
      const saying = (value: string) => HttpClientRequest.get(url, { headers: { [deadlineHeader]: value } })
      assert.strictEqual(yield* toldBy({ deadline: "3 seconds" }, saying("1500")), "1500")
      assert.strictEqual(yield* toldBy({ deadline: "3 seconds" }, saying("4000")), "3000")
      assert.strictEqual(yield* toldBy({ deadline: "3 seconds" }, saying("soon")), "3000")
      assert.strictEqual(yield* toldBy({}, saying("4000")), "4000")
    }))

  it.effect("says what is left when it is sent, each time anew", () =>
    Effect.gen(function*() {
      const { client, told } = recording(503, 100)
      const resilient = ResilientHttpClient.make({ deadlineHeader, deadline: "10 seconds", retry: every(1_000) })(
        client
      )
      const call = yield* Effect.fork(resilient.get(url))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual(told, ["10000", "8900", "7800"])
    }))

  it.effect("does not count the time that it waited for its turn", () =>
    Effect.gen(function*() {
      const { client, told } = recording(200, 400)
      const bulkhead = HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 9 })
      const resilient = ResilientHttpClient.make({ deadlineHeader, deadline: "1 second", bulkhead })(client)
      const calls = yield* Effect.fork(
        Effect.all([resilient.get(url), resilient.get(url)], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("800 millis")
      yield* Fiber.join(calls)
      assert.deepStrictEqual(told, ["1000", "600"])
    }))

  it.effect("says what is left to the hedge too", () =>
    Effect.gen(function*() {
      const { client, told } = recording(200, 400)
      const hedge = HttpResilience.hedge({ after: "300 millis" })
      const resilient = ResilientHttpClient.make({ deadlineHeader, deadline: "1 second", hedge })(client)
      const call = yield* Effect.fork(resilient.get(url))
      yield* TestClock.adjust("400 millis")
      yield* Fiber.join(call)
      assert.deepStrictEqual(told, ["1000", "700"])
    }))

  it.effect("is not sent where nothing is left", () =>
    Effect.gen(function*() {
      const { client, told } = recording(200)
      const resilient = ResilientHttpClient.makeTyped({ deadlineHeader })(client)
      yield* Effect.flip(Deadline.locally(resilient.get(url), 0))
      assert.lengthOf(told, 0)
    }))

  it.effect("knows of the deadline where the client is put together by hand", () =>
    Effect.gen(function*() {
      const { client, told } = recording(200)
      yield* client.pipe(
        HttpResilience.retry(every(1_000), { deadlineHeader }),
        HttpResilience.deadline("3 seconds")
      ).get(url)
      assert.deepStrictEqual(told, ["3000"])
    }))

  it("is refused a name that is none", () => {
    assert.throws(() => ResilientHttpClient.make({ deadlineHeader: "x timeout" }), InvalidOption, /deadlineHeader/)
  })
})
