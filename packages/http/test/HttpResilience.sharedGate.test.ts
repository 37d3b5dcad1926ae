import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Clock,
  Context,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Option,
  Scope,
  Stream,
  TestClock
} from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import { StoreError } from "reprise/StoreError"
import * as Virtual from "../../reprise/test/virtual.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as RetryAfterGates from "../src/RetryAfterGates.js"

/** Answers from a script, then with 200, and knows when it was asked. */
const scripted = (...script: ReadonlyArray<ResponseInit>) => {
  const times: Array<number> = []
  const client = HttpClient.make((request) =>
    Effect.map(Clock.currentTimeMillis, (atMillis) => {
      times.push(atMillis)
      return HttpClientResponse.fromWeb(request, new Response(null, script[times.length - 1] ?? { status: 200 }))
    })
  )
  return { client, times }
}

const busy = (seconds: number): ResponseInit => ({ status: 429, headers: { "retry-after": `${seconds}` } })
const get = <E, R>(client: HttpClient.HttpClient.With<E, R>, origin = "http://h.test") => client.get(`${origin}/`)
const settle = Effect.repeatN(Effect.yieldNow(), 100)
const pass = (millis: number) => Effect.zipRight(TestClock.adjust(millis), settle)

type Options = RetryAfterGates.Options & Omit<HttpResilience.ClosedGate, "gates">

/** A client of a process, what its server is asked, and the cable to the store. */
const process = (script: ReadonlyArray<ResponseInit>, options: Options = {}) =>
  Effect.gen(function*() {
    const store = yield* RetryAfterStore.RetryAfterStore
    const cable = { isCut: false, asked: 0 }
    const over = <A>(effect: Effect.Effect<A, StoreError>) =>
      Effect.suspend(() => {
        cable.asked++
        return cable.isCut ? Effect.fail(new StoreError({ reason: "unavailable", description: "cut" })) : effect
      })
    const service: RetryAfterStore.Service = {
      ...store,
      pause: (pause) => over(store.pause(pause)),
      pauses: (limit) => over(store.pauses(limit)),
      changes: Stream.filter(store.changes, () => !cable.isCut)
    }
    const { capacity, max, ...rest } = options
    const gates = yield* RetryAfterGates.makeShared({ capacity, max }).pipe(
      Effect.mapInputContext((context: Context.Context<Scope.Scope>) =>
        Context.add(context, RetryAfterStore.RetryAfterStore, service)
      )
    )
    const { client, times } = scripted(...script)
    const guarded = client.pipe(
      HttpResilience.retryAfterGate({ gates, jitter: 0, onClosed: "reject", ...rest })
    )
    yield* settle
    yield* TestClock.adjust("100 millis")
    return { gates, client: guarded, times, cable }
  })

const inOneStore = <A, E>(test: Effect.Effect<A, E, Scope.Scope | RetryAfterStore.RetryAfterStore>) =>
  test.pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()))

/** For how many milliseconds the gate is closed yet. */
const left = <E, R>(client: HttpClient.HttpClient.With<E, R>, origin?: string) =>
  Effect.map(
    Effect.either(get(client, origin)),
    Either.match({
      onLeft: (error) =>
        error instanceof HttpResilience.GateClosed ? Duration.toMillis(Option.getOrThrow(error.retryAfter)) : 0,
      onRight: () => 0
    })
  )

describe("gates that processes share", () => {
  it.effect("close everywhere for the rest of the pause that one of them was asked for, in both directions", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(10)])
      const b = yield* process([{ status: 200 }, busy(20)])
      yield* get(b.client)
      yield* get(a.client)
      yield* pass(100)
      assert.strictEqual(yield* left(a.client), 9_900)
      assert.strictEqual(yield* left(b.client), 10_000 - 100)
      yield* pass(9_900)
      assert.strictEqual(yield* left(b.client), 0)
      yield* pass(100)
      assert.strictEqual(yield* left(a.client), 19_900)
      yield* pass(19_900)
      assert.deepStrictEqual([yield* left(a.client), yield* left(b.client)], [0, 0])
    })))

  it.effect("hold calls back everywhere, and let them go at the end", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(10)])
      const b = yield* process([], { onClosed: "wait" })
      const start = yield* Clock.currentTimeMillis
      yield* get(a.client)
      yield* settle
      const fiber = yield* Effect.fork(Effect.all(Arr.makeBy(5, () => get(b.client)), { concurrency: "unbounded" }))
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(b.times, [])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(b.times, Arr.replicate(start + 10_000, 5))
    })))

  it.effect("stay closed for the longest of the pauses, whoever was asked for it", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(10)])
      const b = yield* process([busy(20)])
      const c = yield* process([])
      yield* Effect.all([get(b.client), get(a.client)])
      yield* pass(100)
      for (const { client } of [a, b, c]) assert.strictEqual(yield* left(client), 19_900)
    })))

  it.effect("are closed for one that comes later, and for an origin that it uses for the first time", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(10), busy(20)])
      const early = yield* process([])
      yield* get(a.client)
      yield* get(a.client, "http://other.test")
      yield* pass(100)
      const late = yield* process([])
      for (const { client } of [early, late]) {
        assert.isAbove(yield* left(client), 9_000)
        assert.isAbove(yield* left(client, "http://other.test"), 19_000)
        assert.strictEqual(yield* left(client, "http://third.test"), 0)
      }
    })))

  it.effect("are closed for no longer than their own maximum", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(50)])
      const b = yield* process([], { max: "5 seconds" })
      yield* get(a.client)
      yield* settle
      assert.strictEqual(yield* left(b.client), 5_000)
      assert.strictEqual(yield* left(a.client), 50_000)
    })))

  it.effect("go on by themselves while the store is away, and tell when it is back", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(10), busy(10)])
      const b = yield* process([])
      a.cable.isCut = true
      yield* get(a.client)
      assert.strictEqual(yield* left(a.client), 10_000)
      yield* pass(3_000)
      assert.strictEqual(yield* left(b.client), 0)
      a.cable.isCut = false
      yield* pass(1_100)
      assert.isAbove(yield* left(b.client), 5_000)
      assert.isAtMost(yield* left(b.client), 5_900)
      assert.strictEqual(yield* left(a.client), 5_900)
    })))

  it.effect("tell nobody of what they heard, and ask nothing for a call", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([busy(10)])
      const b = yield* process([])
      yield* get(a.client)
      yield* Effect.repeatN(Effect.zipRight(left(b.client), pass(200)), 100)
      assert.deepStrictEqual([a.cable.asked, b.cable.asked], [2, 1])
    })))

  it.effect("tell nobody of a pause that ends before the one under way", () =>
    inOneStore(Effect.gen(function*() {
      const a = yield* process([])
      const answers = [busy(10), busy(5)]
      const slow = HttpClient.make((request) => {
        const response = HttpClientResponse.fromWeb(request, new Response(null, answers.shift()))
        return Effect.delay(Effect.succeed(response), answers.length === 1 ? 10 : 500)
      })
      const client = slow.pipe(HttpResilience.retryAfterGate({ gates: a.gates }))
      const fiber = yield* Effect.fork(Effect.all([get(client), get(client)], { concurrency: "unbounded" }))
      yield* settle
      yield* Effect.repeatN(pass(100), 10)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([a.cable.asked, answers.length], [2, 0])
    })))

  it.effect("belong to all clients of a process that are given them", () =>
    inOneStore(Effect.gen(function*() {
      const { client, gates } = yield* process([busy(10)])
      const other = ResilientHttpClient.makeTyped({
        gate: HttpResilience.retryAfterGate({ gates, onClosed: "reject" })
      })(
        scripted().client
      )
      yield* get(client)
      assert.strictEqual((yield* Effect.flip(get(other)))._tag, "GateClosed")
    })))

  it.effect("go on alone when their scope is closed", () =>
    inOneStore(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const a = yield* Scope.extend(process([busy(10)]), scope)
      const b = yield* process([])
      yield* Scope.close(scope, Exit.void)
      yield* get(a.client)
      yield* pass(5_000)
      assert.deepStrictEqual([yield* left(a.client), yield* left(b.client)], [5_000, 0])
    })))

  it("leave no fiber, wherever they are interrupted, and lose no pause that closed a gate", () => {
    const make = () => {
      const program = Effect.gen(function*() {
        const one = yield* RetryAfterGates.makeShared()
        const other = yield* RetryAfterGates.makeShared()
        const client = (gates: RetryAfterGates.RetryAfterGates) =>
          scripted(busy(10)).client.pipe(HttpResilience.retryAfterGate({ gates, onClosed: "reject" }))
        yield* Effect.sleep(150)
        yield* get(client(one))
        yield* Effect.sleep(150)
        return yield* left(client(other))
      }).pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()))
      return { program }
    }
    Virtual.interruptEverywhere(
      make,
      ({ exit, fibersLeft, sleepsLeft }, at) => {
        assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0], `${at}`)
        if (Option.isSome(exit) && Exit.isSuccess(exit.value)) assert.strictEqual(exit.value.value, 9_850)
      },
      undefined,
      37
    )
  })

  it("tell what closed the gate, though the call is interrupted at whatever operation", () => {
    const make = () => {
      const heard: Array<number> = []
      const { client } = scripted(busy(10))
      const program = Effect.gen(function*() {
        const one = yield* RetryAfterGates.makeShared()
        const other = yield* RetryAfterGates.makeShared()
        const guarded = (gates: RetryAfterGates.RetryAfterGates, below: HttpClient.HttpClient) =>
          below.pipe(HttpResilience.retryAfterGate({ gates, onClosed: "reject" }))
        yield* Effect.sleep(150)
        const fiber = yield* Effect.fork(Effect.exit(get(guarded(one, client))))
        for (let turn = 0; turn < at; turn++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep(150)
        heard.push(yield* left(guarded(one, scripted().client)), yield* left(guarded(other, scripted().client)))
      }).pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory()))
      return { program, heard }
    }
    let at = 0
    const seen = new Set<string>()
    for (; at < 120; at++) {
      const { heard, program } = make()
      Virtual.run(program, { yieldAlways: true })
      assert.strictEqual(heard.length, 2)
      assert.strictEqual(heard[0]! > 0, heard[1]! > 0, `${at}`)
      seen.add(`${heard[0]! > 0}`)
    }
    assert.deepStrictEqual([...seen].sort(), ["false", "true"])
  })

  it.each([["max", { max: 0 }], ["capacity", { capacity: 0 }], ["idleTimeToLive", { idleTimeToLive: 0 }]])(
    "refuse an option out of range: %s",
    (option, options) => {
      for (const make of [RetryAfterGates.makeShared, RetryAfterGates.make]) {
        const error = (() => {
          try {
            return make(options)
          } catch (error) {
            return error
          }
        })()
        assert.instanceOf(error, InvalidOption)
        assert.propertyVal(error, "option", option)
      }
    }
  )
})

describe("gates that clients of one process share", () => {
  it.effect("are closed for all of them, each of which treats its calls as it likes", () =>
    Effect.gen(function*() {
      const gates = yield* RetryAfterGates.make({ max: "5 seconds" })
      const { client, times } = scripted(busy(10))
      const failing = client.pipe(HttpResilience.retryAfterGate({ gates, onClosed: "reject" }))
      const waiting = client.pipe(HttpResilience.retryAfterGate({ gates, jitter: 0 }))
      yield* get(waiting)
      assert.strictEqual(yield* left(failing), 5_000)
      const fiber = yield* Effect.fork(get(waiting))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(times, [0, 5_000])
    }))

  it.effect("are others for each time that they are made", () =>
    Effect.gen(function*() {
      const make = RetryAfterGates.make()
      const guarded = (gates: RetryAfterGates.RetryAfterGates) =>
        scripted(busy(10)).client.pipe(HttpResilience.retryAfterGate({ gates, onClosed: "reject" }))
      const [one, other] = yield* Effect.all([make, make])
      yield* get(guarded(one))
      assert.deepStrictEqual([yield* left(guarded(one)), yield* left(guarded(other))], [10_000, 0])
    }))
})
