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
  law("While it is closed there is no permit, and no need for one", (about) =>
    Effect.gen(function*() {
      const { retryAfterMillis } = yield* about.grants("a", false)
      yield* same("when to ask again about what nobody has told of", retryAfterMillis, 0)
      const closed = yield* about.sync({ failure: 1 })
      const asked = yield* about.grants("a", false)
      yield* same("when to ask again", asked.retryAfterMillis, 0)
      yield* about.stillStands("it", closed)
    })),

  law("While it is open nobody gets a permit, and is told when its time is over", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip()
      const { retryAfterMillis } = yield* about.grants("a", false)
      yield* between("when to ask again", retryAfterMillis, minute / 2, minute)
      yield* about.stillStands("it", open)
    })),

  law("When its time is over the first who asks makes it half-open, and probes", (about) =>
    Effect.gen(function*() {
      const { version: { epoch, generation } } = yield* about.trip({ openMillis: soon, trips: 3 })
      yield* about.pass(soonOver)
      const { retryAfterMillis, standing } = yield* about.grants("a", true)
      yield* same("when to ask again", retryAfterMillis, 0)
      const version = { epoch, generation: generation + 1 }
      yield* about.stands("it", standing, { version, state: "HalfOpen", trips: 3, trip: aTrip, counts: {} })
      yield* about.stillStands("it, for the others", standing)
    })),

  law(
    "A member that has waited for this opening gets a permit, and one that has waited for another does not",
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
    "No more than `probes` have a permit at once, and the others are told when the first may end",
    (about) =>
      Effect.gen(function*() {
        const probing = { probes: 2 }
        yield* about.probe(["a", "b"], probing)
        const { retryAfterMillis, standing } = yield* about.grants("c", false, probing)
        yield* between("when to ask again", retryAfterMillis, minute / 2, minute)
        yield* about.stands("it", standing, { state: "HalfOpen" })
      })
  ),

  law("Of many that ask at once exactly `probes` get a permit", (about) =>
    Effect.gen(function*() {
      const { version: { epoch, generation } } = yield* about.trip({ openMillis: 0 })
      const requests = Array.from({ length: 50 }, (_, index) => about.admit(`${index}`, { probes: 3 }))
      const answers = yield* Effect.all(requests, { concurrency: "unbounded" })
      yield* same("how many were granted", answers.filter(({ isGranted }) => isGranted).length, 3)
      const version = { epoch, generation: generation + 1 }
      yield* about.stands("it", yield* about.look(), { version, state: "HalfOpen" })
    })),

  law("There are no more permits than can still decide", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2 }
      const version = yield* about.probe(["a", "b"], probing)
      yield* about.settle("a", version, "success", probing)
      yield* about.grants("c", false, probing)
    })),

  law("Where failures are tolerated, there may be more", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2, tolerated: 1 }
      const version = yield* about.probe(["a", "b"], probing)
      yield* about.settle("a", version, "success", probing)
      yield* about.grants("c", true, probing)
      yield* about.grants("d", false, probing)
    })),

  law(
    "Whoever asks again under the same token has the same permit, and no second one",
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

  law("Of one token asked for many times at once there is one permit", (about) =>
    Effect.gen(function*() {
      yield* about.trip({ openMillis: 0 })
      const requests = Array.from({ length: 50 }, () => about.admit("a", { probes: 2 }))
      const answers = yield* Effect.all(requests, { concurrency: "unbounded" })
      yield* same("how many were granted", answers.filter(({ isGranted }) => isGranted).length, 50)
      yield* about.grants("b", true, { probes: 2 })
      yield* about.grants("c", false, { probes: 2 })
    })),

  law(
    "A permit ends when its time is over: another may have it, and what comes of the first says nothing",
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

  law("Under the token of a permit that has ended a new one is given", (about) =>
    Effect.gen(function*() {
      yield* about.probe(["a"], { leaseMillis: soon })
      yield* about.pass(soonOver)
      const version = yield* about.permits(["a"])
      yield* about.grants("b", false)
      yield* about.stands("it after its success", yield* about.settle("a", version, "success"), { state: "Closed" })
    })),

  law(
    "To ask again makes a permit last no longer",
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
    "Members with other options do not bring it to where nobody ever gets a permit",
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
