import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as PaymentApi from "../src/api/PaymentApi.js"
import * as weather from "../src/api/weather.js"
import * as Calls from "../src/calls.js"

const calls = Calls.make()
const seed = "reprise"

const order = (phase: Calls.Phase, fault: weather.Fault | undefined): string =>
  calls.find((call) => call.phase === phase && weather.fault(seed, phase, call.order, 1) === fault)!.order

const charge = (order: string, key?: string) => ({
  method: "POST",
  path: `/charges/${order}`,
  headers: key === undefined ? {} as Record<string, string> : { "idempotency-key": key }
})

describe("the payment API", () => {
  it.effect("books a charge again for every request without a key", () =>
    Effect.gen(function*() {
      const api = PaymentApi.make(seed, calls)
      const calm = order("fair again", undefined)
      yield* api.answer(charge(calm))
      yield* api.answer(charge(calm))
      assert.strictEqual((yield* api.books).bookings.length, 2)
    }))

  it.effect("never books the same key twice, and answers with the first receipt", () =>
    Effect.gen(function*() {
      const api = PaymentApi.make(seed, calls)
      const calm = order("fair again", undefined)
      const first = yield* api.answer(charge(calm, "k"))
      assert.deepStrictEqual(yield* api.answer(charge(calm, "k")), first)
      yield* api.answer(charge(calm, "another"))
      assert.strictEqual((yield* api.books).bookings.length, 2)
    }))

  it.effect("has booked the charge when it resets the connection", () =>
    Effect.gen(function*() {
      const api = PaymentApi.make(seed, calls)
      const reply = yield* api.answer(charge(order("bad network", "reset")))
      assert.deepInclude(reply, { _tag: "Break", by: "reset", at: "request" })
      assert.strictEqual((yield* api.books).bookings.length, 1)
    }))

  it.effect("books nothing where it asks for patience, and counts who comes too early", () =>
    Effect.gen(function*() {
      const api = PaymentApi.make(seed, calls)
      const limited = order("rate limit", "limited")
      assert.deepInclude(yield* api.answer(charge(limited)), { status: 429 })
      yield* TestClock.adjust("999 millis")
      assert.deepInclude(yield* api.answer(charge(limited)), { status: 429 })
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* api.answer(charge(limited)), { status: 201 })
      const { bookings, requests, tooEarly } = yield* api.books
      assert.deepStrictEqual([bookings.length, requests, tooEarly], [1, 3, 1])
    }))

  it.effect("books nothing while there is no service behind the gateway, and writes down who was turned back", () =>
    Effect.gen(function*() {
      const api = PaymentApi.make(seed, calls)
      const calm = order("fair again", undefined)
      yield* api.setServing(false)
      const answer = yield* Effect.fork(api.answer(charge(calm)))
      yield* TestClock.adjust("50 millis")
      assert.deepInclude(yield* Fiber.join(answer), { status: 502 })
      yield* api.setServing(true)
      assert.deepInclude(yield* api.answer(charge(calm)), { status: 201 })
      const { bookings, turnedBack } = yield* api.books
      assert.deepStrictEqual(turnedBack, [{ startMillis: 0, endMillis: 50 }])
      assert.strictEqual(bookings.length, 1)
    }))

  it.effect("books nothing for a GET", () =>
    Effect.gen(function*() {
      const api = PaymentApi.make(seed, calls)
      yield* api.answer({ method: "GET", path: "/orders/order-1", headers: {} })
      assert.strictEqual((yield* api.books).bookings.length, 0)
    }))
})

describe("the weather", () => {
  it("is the same for the same seed, and another for another", () => {
    const forecast = (seed: string) => calls.map(({ order, phase }) => weather.fault(seed, phase, order, 1))
    assert.deepStrictEqual(forecast("a"), forecast("a"))
    assert.notDeepEqual(forecast("a"), forecast("b"))
  })

  it("brings every fault, each about as often as it should", () => {
    const network = calls.filter((call) => call.phase === "bad network")
    const resets = network.filter((call) => weather.fault(seed, call.phase, call.order, 1) === "reset")
    assert.approximately(resets.length / network.length, 0.15, 0.05)
    const seen = new Set(calls.map((call) => weather.fault(seed, call.phase, call.order, 1)))
    assert.strictEqual(seen.size, 8)
  })
})

describe("the calls", () => {
  it("are 2,000, half of them reads, a quarter POSTs without a key", () => {
    assert.strictEqual(calls.length, 2000)
    assert.strictEqual(calls.filter((call) => call.kind === "read").length, 1000)
    assert.strictEqual(calls.filter((call) => call.kind === "unkeyed").length, 500)
    assert.strictEqual(new Set(calls.map((call) => call.order)).size, 2000)
  })
})
