/**
 * What the suites of other breakers check and no other file here does: streams, breakers and retries around one another,
 * and state that comes from elsewhere.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule, Stream, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
import * as Retry from "reprise/Retry"
import * as Tripping from "reprise/Tripping"
import { type Breaker, call, counts, down, fail, make, retryAfter, ripe, succeed, times } from "./breakerCalls.js"
import { is } from "./breakerPeers.js"

/** As in the guide: a stream is one call, from its first pull until it ends. */
const protectStream = <A, E, R>(self: Stream.Stream<A, E, R>, breaker: Breaker) =>
  Stream.unwrapScoped(Effect.as(
    Effect.acquireRelease(
      CircuitBreaker.admit(breaker),
      (permit, exit) => CircuitBreaker.settle(breaker, permit, exit)
    ),
    self
  ))

const rate = Tripping.rate({ threshold: 1, minimumCalls: 5, window: { calls: 5 } })

/** What its window has seen at each element, and after the end. */
const countsOf = (breaker: Breaker, stream: Stream.Stream<string, unknown>) =>
  Effect.gen(function*() {
    const seen: Array<ReadonlyArray<number>> = []
    const look = Effect.map(counts(breaker), (counts) => void seen.push(counts))
    yield* protectStream(stream, breaker).pipe(Stream.runForEach(() => look), Effect.exit)
    yield* look
    return seen
  })

/** Gives one element where it is told to, and then nothing more. */
const silent = (elements: Stream.Stream<string>) =>
  Effect.map(Deferred.make<void>(), (pulled) => ({
    pulled: Deferred.await(pulled),
    stream: Stream.concat(
      elements,
      Stream.fromEffect(Effect.zipRight(Deferred.succeed(pulled, undefined), Effect.never))
    )
  }))

describe("a stream", () => {
  it.effect("that fails after some elements is one failure, and not before its end", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate })
      const stream = Stream.concat(Stream.make("a", "b"), Stream.fail("lost"))
      assert.deepStrictEqual(yield* countsOf(breaker, stream), [[0, 0, 0], [0, 0, 0], [1, 1, 0]])
    }))

  it.effect("from a generator that throws is one failure, and not before it throws", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate })
      const generate = function*() {
        yield "a"
        throw new Error("lost")
      }
      const stream = Stream.fromIteratorSucceed(generate(), 1)
      assert.deepStrictEqual(yield* countsOf(breaker, stream), [[0, 0, 0], [1, 1, 0]])
    }))

  it.effect("that ends is one success, however many elements it has", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate })
      assert.deepStrictEqual(yield* countsOf(breaker, Stream.make("a", "b")), [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    }))

  it.effect("is not begun while it is open, and is a call of its own each time it is run", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      let begun = 0
      const stream = protectStream(Stream.fromEffect(Effect.suspend(() => Effect.fail(`failure ${++begun}`))), breaker)
      yield* times(3, Effect.ignore(Stream.runDrain(stream)))
      assert.strictEqual(begun, 2)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).rejected, 1)
    }))

  for (
    const [what, elements] of [
      ["before its first element", Stream.empty],
      ["after an element", Stream.make("a")]
    ] as const
  ) {
    it.effect(`that is interrupted ${what} says nothing, and its permit goes to the next call`, () =>
      Effect.gen(function*() {
        for (const [next, then] of [[succeed, "Closed"], [fail, "Open"]] as const) {
          const breaker = yield* ripe()
          const { pulled, stream } = yield* silent(elements)
          const fiber = yield* Effect.fork(Stream.runDrain(protectStream(stream, breaker)))
          yield* pulled
          assert.strictEqual(yield* succeed(breaker), "rejected")
          yield* Fiber.interrupt(fiber)
          yield* is(breaker, "HalfOpen")
          yield* next(breaker)
          yield* is(breaker, then)
        }
      }))
  }

  it.effect("of which somebody has enough after an element is a success", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe()
      const { stream } = yield* silent(Stream.make("a"))
      yield* protectStream(stream, breaker).pipe(Stream.take(1), Stream.runDrain)
      yield* is(breaker, "Closed")
    }))
})

describe("a breaker and a retry", () => {
  const twice = Schedule.recurs(2)

  it.effect("count every attempt where the retry is outside, rejected ones too", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      let sent = 0
      const request = Effect.zipRight(Effect.sync(() => sent++), down)
      yield* request.pipe(CircuitBreaker.protect(breaker), Retry.retry(twice), Effect.ignore)
      assert.deepStrictEqual([sent, (yield* CircuitBreaker.snapshot(breaker)).rejected], [1, 2])
    }))

  it.effect("count one failure for all attempts where the retry is inside", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      yield* call(breaker, Retry.retry(down, twice))
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
    }))
})

describe("a breaker inside another", () => {
  const nested = (isFailure?: (error: unknown) => boolean) =>
    Effect.gen(function*() {
      const outer = yield* make({ trip: Tripping.consecutive(5), isFailure })
      const inner = yield* make({ trip: Tripping.consecutive(2) })
      return { outer, inner, call: call(outer, CircuitBreaker.protect(down, inner)) }
    })

  it.effect("counts for itself, and each sees the calls that reach it", () =>
    Effect.gen(function*() {
      const { call, inner, outer } = yield* nested()
      yield* call
      assert.deepStrictEqual([yield* counts(outer), yield* counts(inner)], [[1, 1, 0], [1, 1, 0]])
      yield* CircuitBreaker.trip(outer)
      yield* call
      assert.deepStrictEqual(yield* counts(inner), [1, 1, 0])
    }))

  it.effect("says nothing to the other one where it rejects, unless isFailure says that this is a failure", () =>
    Effect.gen(function*() {
      const own = yield* nested()
      assert.deepStrictEqual(yield* times(3, own.call), ["down", "down", "rejected"])
      assert.deepStrictEqual(yield* counts(own.outer), [2, 2, 0])
      const all = yield* nested(() => true)
      yield* times(3, all.call)
      assert.deepStrictEqual(yield* counts(all.outer), [3, 3, 0])
    }))
})

/** The transitions that somebody hears of while an effect runs. */
const heard = <A, E>(breaker: Breaker, effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const listen = Stream.runForEach(
      Stream.drop(CircuitBreaker.changes(breaker), 1),
      ({ from, to }) => Effect.sync(() => lines.push(`${from} ${to}`))
    )
    const fiber = yield* Effect.fork(listen)
    yield* TestClock.adjust(0)
    yield* effect
    yield* TestClock.adjust(0)
    yield* Fiber.interrupt(fiber)
    return lines
  })

describe("transitions", () => {
  it.effect("come after the call has said itself that it failed", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const seen: Array<string> = []
      const say = (word: string) => Effect.sync(() => void seen.push(word))
      yield* Effect.fork(Stream.runForEach(CircuitBreaker.changes(breaker), ({ to }) => say(to)))
      yield* TestClock.adjust(0)
      yield* call(breaker, say("called").pipe(Effect.zipRight(down), Effect.tapError(say)))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(seen, ["Closed", "called", "down", "Open"])
    }))
})

describe("a breaker that goes on where another one is", () => {
  const three = { trip: Tripping.consecutive(3) }

  const takeOver = (from: Breaker, to: Breaker) =>
    Effect.flatMap(CircuitBreakerSchema.exportState(from), (state) => CircuitBreakerSchema.importState(to, state))

  it.effect("sets neither its count nor that of the other back to zero, and nobody hears of it", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* make(three), yield* make(three)]
      yield* times(2, fail(first))
      const toSecond = heard(second, takeOver(first, second))
      assert.deepStrictEqual(
        yield* heard(first, Effect.map(toSecond, (lines) => assert.deepStrictEqual(lines, []))),
        []
      )
      assert.deepStrictEqual([yield* counts(first), yield* counts(second)], [[2, 2, 0], [2, 2, 0]])
      yield* fail(second)
      yield* is(second, "Open")
      yield* is(first, "Closed")
    }))

  it.effect("opened when the other one did, and says once that it is open", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* make(), yield* make()]
      yield* TestClock.adjust(5)
      yield* fail(first)
      yield* TestClock.adjust(300)
      assert.deepStrictEqual(yield* heard(second, takeOver(first, second)), ["Closed Open"])
      const opened = Effect.map(CircuitBreaker.snapshot(second), ({ openedAtMillis }) => openedAtMillis)
      assert.deepStrictEqual([yield* opened, yield* retryAfter(second), yield* retryAfter(first)], [5, 700, 700])
    }))

  it.effect("probes at once where the other one was half-open, and goes on with its open times", () =>
    Effect.gen(function*() {
      const options = { openFor: Schedule.exponential("1 second") }
      const [first, second] = [yield* make(options), yield* make(options)]
      yield* fail(first)
      yield* TestClock.adjust("1 second")
      yield* fail(first)
      yield* TestClock.adjust("2 seconds")
      yield* CircuitBreaker.admit(first)
      yield* is(first, "HalfOpen")
      yield* takeOver(first, second)
      yield* fail(second)
      assert.strictEqual(yield* retryAfter(second), 4_000)
    }))

  it.effect("stays what it is where nothing is written down, or begins closed, or as the program says", () =>
    Effect.gen(function*() {
      const breaker = yield* Effect.tap(make(), (breaker) => CircuitBreaker.trip(breaker))
      const missing = CircuitBreakerSchema.importState(breaker, undefined)
      const loads: ReadonlyArray<Effect.Effect<void, unknown>> = [missing, Effect.fail("unreachable")]
      assert.instanceOf(yield* Effect.flip(missing), CircuitBreakerSchema.StateRefused)
      yield* is(breaker, "Open")
      yield* CircuitBreakerSchema.importState(breaker, undefined, { onRefused: "closed" })
      yield* is(breaker, "Closed")
      for (const load of loads) {
        yield* Effect.catchAll(load, () => CircuitBreaker.trip(breaker))
        yield* is(breaker, "Open")
        yield* CircuitBreaker.close(breaker)
      }
    }))
})
