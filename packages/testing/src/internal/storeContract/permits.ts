import * as Effect from "effect/Effect"
import { noVersion } from "reprise/CircuitBreakerStore"
import { between, same } from "./law.js"
import { aTrip, law, minute, soon, soonOver } from "./subject.js"

/**
 * The laws of permits to probe.
 *
 * @internal
 */
export const permits = [
  law("A closed key has no permits, and needs none", (about) =>
    Effect.gen(function*() {
      const { retryAfterMillis } = yield* about.grants("a", false)
      yield* same("the wait for a new key", retryAfterMillis, 0)
      const closed = yield* about.sync({ failure: 1 })
      const asked = yield* about.grants("a", false)
      yield* same("the wait before the next request", asked.retryAfterMillis, 0)
      yield* about.stillStands("it", closed)
    })),

  law("An open key grants no permit, and returns the rest of its open time", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip()
      const { retryAfterMillis } = yield* about.grants("a", false)
      yield* between("the wait before the next request", retryAfterMillis, minute / 2, minute)
      yield* about.stillStands("it", open)
    })),

  law(
    "After the open time, the first request makes the key half-open and gets a permit",
    (about) =>
      Effect.gen(function*() {
        const { version: { epoch, generation } } = yield* about.trip({ openMillis: soon, trips: 3 })
        yield* about.pass(soonOver)
        const { retryAfterMillis, standing } = yield* about.grants("a", true)
        yield* same("the wait before the next request", retryAfterMillis, 0)
        const version = { epoch, generation: generation + 1 }
        yield* about.stands("it", standing, { version, state: "HalfOpen", trips: 3, trip: aTrip, counts: {} })
        yield* about.stillStands("the state for the others", standing)
      })
  ),

  law(
    "A member that waited for this opening gets a permit, and a member that waited for another does not",
    (about) =>
      Effect.gen(function*() {
        const open = yield* about.trip()
        const { epoch, generation } = open.version
        for (const version of [{ epoch, generation: generation + 1 }, { epoch: epoch + 1, generation }, noVersion]) {
          yield* about.grants("a", false, { version })
        }
        yield* about.stillStands("it", open)
        const { standing } = yield* about.grants("a", true, { version: open.version })
        yield* about.stands("it", standing, { version: { epoch, generation: generation + 1 }, state: "HalfOpen" })
        yield* about.grants("b", false, { version: standing.version })
      })
  ),

  law(
    "At most `probes` permits exist at once, and other requests get the time of the first end",
    (about) =>
      Effect.gen(function*() {
        const probing = { probes: 2 }
        yield* about.probe(["a", "b"], probing)
        const { retryAfterMillis, standing } = yield* about.grants("c", false, probing)
        yield* between("the wait before the next request", retryAfterMillis, minute / 2, minute)
        yield* about.stands("it", standing, { state: "HalfOpen" })
      })
  ),

  law("Of many concurrent requests exactly `probes` get a permit", (about) =>
    Effect.gen(function*() {
      const { version: { epoch, generation } } = yield* about.trip({ openMillis: 0 })
      const requests = Array.from({ length: 50 }, (_, index) => about.admit(`${index}`, { probes: 3 }))
      const answers = yield* Effect.all(requests, { concurrency: "unbounded" })
      yield* same("the number of granted permits", answers.filter(({ isGranted }) => isGranted).length, 3)
      const version = { epoch, generation: generation + 1 }
      yield* about.stands("it", yield* about.look(), { version, state: "HalfOpen" })
    })),

  law("There are no more permits than results that can still decide", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2 }
      const version = yield* about.probe(["a", "b"], probing)
      yield* about.settle("a", version, "success", probing)
      yield* about.grants("c", false, probing)
    })),

  law("With tolerated failures there may be more permits", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2, tolerated: 1 }
      const version = yield* about.probe(["a", "b"], probing)
      yield* about.settle("a", version, "success", probing)
      yield* about.grants("c", true, probing)
      yield* about.grants("d", false, probing)
    })),

  law(
    "A repeated request with the same token gets the same permit",
    (about) =>
      Effect.gen(function*() {
        const probing = { probes: 2, successes: 2 }
        const version = yield* about.probe(["a", "a", "a", "b"], probing)
        yield* about.grants("c", false, probing)
        yield* about.grants("a", true, probing)
        yield* about.settle("a", version, "success", probing)
        const settled = yield* about.settle("a", version, "success", probing)
        yield* about.stands("it after the one success of both", settled, { version, state: "HalfOpen" })
      })
  ),

  law("Concurrent requests with one token get one permit", (about) =>
    Effect.gen(function*() {
      yield* about.trip({ openMillis: 0 })
      const requests = Array.from({ length: 50 }, () => about.admit("a", { probes: 2 }))
      const answers = yield* Effect.all(requests, { concurrency: "unbounded" })
      yield* same("the number of granted permits", answers.filter(({ isGranted }) => isGranted).length, 50)
      yield* about.grants("b", true, { probes: 2 })
      yield* about.grants("c", false, { probes: 2 })
    })),

  law(
    "A permit ends after its time: another request may get it, and the late result changes nothing",
    (about) =>
      Effect.gen(function*() {
        const probing = { leaseMillis: soon }
        const version = yield* about.probe(["a"], probing)
        yield* about.pass(soonOver)
        yield* about.settle("a", version, "failure", probing)
        yield* about.stands("it after a late failure", yield* about.look(), { version, state: "HalfOpen" })
        yield* about.grants("b", true, probing)
        yield* about.settle("a", version, "success", probing)
        yield* about.stands("it after a late success", yield* about.look(), { version, state: "HalfOpen" })
      })
  ),

  law("The token of an ended permit can get a new one", (about) =>
    Effect.gen(function*() {
      yield* about.probe(["a"], { leaseMillis: soon })
      yield* about.pass(soonOver)
      const version = yield* about.permits(["a"])
      yield* about.grants("b", false)
      yield* about.stands("it after its success", yield* about.settle("a", version, "success"), { state: "Closed" })
    })),

  law(
    "A repeated request does not extend a permit",
    (about) =>
      Effect.gen(function*() {
        const probing = { leaseMillis: 500 }
        const version = yield* about.probe(["a"], probing)
        yield* about.pass(100)
        yield* about.grants("a", true, probing)
        yield* about.pass(410)
        yield* about.grants("b", true)
        yield* about.grants("a", false)
        yield* about.settle("a", version, "failure")
        yield* about.stands("it after a failure of the ended one", yield* about.look(), { version, state: "HalfOpen" })
      })
  ),

  law("Tokens may be any text", (about) =>
    Effect.gen(function*() {
      const tokens = ["a", "a ", "A", "", "a\nb", "a\u0000b", "a\u0000c", "{a}", "a:b", "✓", "x".repeat(1_000)]
      const probing = { probes: tokens.length, successes: tokens.length }
      const version = yield* about.probe(tokens, probing)
      yield* about.grants("one more", false, probing)
      for (const token of tokens) {
        yield* about.stands("it before the last success", yield* about.look(), { version, state: "HalfOpen" })
        yield* about.settle(token, version, "success", probing)
      }
      yield* about.stands("it after the last success", yield* about.look(), { state: "Closed" })
    })),

  law(
    "Members with other options cannot reach a state without any permit",
    (about) =>
      Effect.gen(function*() {
        const patient = { successes: 3, tolerated: 2 }
        const version = yield* about.probe(["a"], patient)
        yield* about.settle("a", version, "failure", patient)
        yield* about.permits(["b"], patient)
        yield* about.settle("b", version, "success", patient)
        yield* about.grants("c", true)
        yield* about.stands("it after one success", yield* about.settle("c", version, "success"), { state: "Closed" })
      })
  )
]
