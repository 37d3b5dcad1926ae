import { assert, describe, it } from "@effect/vitest"
import { HttpFault } from "@reprise/testing"
import { ConfigProvider, Duration, Effect, Either, Fiber, Layer, TestClock } from "effect"
import { Orders } from "../src/service.js"

const order = HttpFault.json({ id: 42, title: "two books" })
const busy = HttpFault.respond({ status: 503 })

/** Looks for an order in a virtual hour, with a scripted client in place of fetch. */
const find = (settings: object, ...steps: ReadonlyArray<HttpFault.Step>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.either(Effect.flatMap(Orders, (orders) => orders.find(42))))
    yield* TestClock.adjust("1 hour")
    const result = yield* Fiber.join(fiber)
    const fault = yield* HttpFault.HttpFault
    return { result, requests: yield* fault.requests }
  }).pipe(
    Effect.provide(Layer.provideMerge(Orders.Default, HttpFault.layer(...steps))),
    Effect.withConfigProvider(ConfigProvider.fromJson({ ORDERS: { URL: "http://orders.test" }, ORDERS_HTTP: settings }))
  )

describe("Orders", () => {
  it.effect("waits as long as the server asks", () =>
    Effect.gen(function*() {
      const limited = HttpFault.respond({ status: 429, headers: { "retry-after": "30" } })
      const { requests, result } = yield* find({}, limited, order)
      assert.strictEqual(Either.getOrThrow(result).title, "two books")
      assert.deepStrictEqual(requests.map(({ url }) => url), Array(2).fill("http://orders.test/orders/42"))
      assert.isAtLeast(requests[1]!.timeMillis, Duration.toMillis("30 seconds"))
    }))

  it.effect("gives up after ORDERS_HTTP_ATTEMPTS", () =>
    Effect.gen(function*() {
      const { requests, result } = yield* find({ ATTEMPTS: 2 }, busy, busy, order)
      assert.isTrue(Either.isLeft(result))
      assert.lengthOf(requests, 2)
    }))

  it.effect("gives up at ORDERS_HTTP_DEADLINE, though the server never answers", () =>
    Effect.gen(function*() {
      const { requests, result } = yield* find({ DEADLINE: "5 seconds" }, HttpFault.hang)
      assert.isTrue(Either.isLeft(result))
      assert.lengthOf(requests, 1)
    }))
})
