import * as Effect from "effect/Effect"
import { noVersion } from "reprise/CircuitBreakerStore"
import { between } from "./law.js"
import { aTrip, law, minute } from "./subject.js"

/**
 * The laws of the results of probes.
 *
 * @internal
 */
export const probing = [
  law("The last success closes it, as the next generation", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2 }
      const version = yield* about.probe(["a", "b"], probing)
      const first = yield* about.settle("a", version, "success", probing)
      yield* about.stands("it after the first", first, { version, state: "HalfOpen", trips: 1, trip: aTrip })
      const last = yield* about.settle("b", version, "success", probing)
      const { epoch, generation } = version
      const closed = { version: { epoch, generation: generation + 1 }, state: "Closed", counts: {} } as const
      yield* about.stands("it after the last", last, closed)
    })),

  law(
    "A failed probe opens the key again, for the given time, and counts one more opening in a row",
    (about) =>
      Effect.gen(function*() {
        const { epoch, generation } = yield* about.probe(["a"])
        const open = yield* about.settle("a", { epoch, generation }, "failure", { openMillis: 2 * minute })
        yield* about.stands("it", open, {
          version: { epoch, generation: generation + 1 },
          state: "Open",
          trips: 2,
          trip: { rule: "probe", calls: 1, failures: 1, slow: 0 },
          counts: {}
        })
        const left = open.state._tag === "Open" ? open.state.openMillis : NaN
        yield* between("the rest of the open time", left, minute, 2 * minute)
      })
  ),

  law("A tolerated failure does not open the key, but the next one does", (about) =>
    Effect.gen(function*() {
      const probing = { successes: 2, tolerated: 1 }
      const version = yield* about.probe(["a"], probing)
      yield* about.settle("a", version, "success", probing)
      yield* about.permits(["b"], probing)
      const tolerated = yield* about.settle("b", version, "failure", probing)
      yield* about.stands("it after the first", tolerated, { version, state: "HalfOpen", trips: 1 })
      yield* about.permits(["c"], probing)
      const trip = { rule: "probe", calls: 3, failures: 2, slow: 0 }
      const open = yield* about.settle("c", version, "failure", probing)
      yield* about.stands("it after the second", open, { state: "Open", trips: 2, trip })
    })),

  law("A tolerated failure does not count as a success", (about) =>
    Effect.gen(function*() {
      const probing = { tolerated: 1 }
      const version = yield* about.probe(["a"], probing)
      yield* about.settle("a", version, "failure", probing)
      yield* about.permits(["b"], probing)
      yield* about.stands("it after a success", yield* about.settle("b", version, "success", probing), {
        generation: version.generation + 1,
        state: "Closed"
      })
    })),

  law("A returned permit is free for another request, and changes nothing", (about) =>
    Effect.gen(function*() {
      const version = yield* about.probe(["a"])
      yield* about.grants("b", false)
      yield* about.stands("it", yield* about.settle("a", version, "ignored"), { version, state: "HalfOpen" })
      yield* about.grants("b", true)
    })),

  law("Only the first settlement of a permit counts", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2 }
      const version = yield* about.probe(["a", "b"], probing)
      for (const outcome of ["success", "success", "failure", "ignored"] as const) {
        const settled = yield* about.settle("a", version, outcome, probing)
        yield* about.stands(`it after a ${outcome}`, settled, { version, state: "HalfOpen" })
      }
      yield* about.grants("c", false, probing)
    })),

  law("Of concurrent settlements of one permit, one counts", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 50, successes: 50 }
      const version = yield* about.probe(["a"], probing)
      const answers = Array.from({ length: 50 }, () => about.settle("a", version, "success", probing))
      yield* Effect.all(answers, { concurrency: "unbounded" })
      yield* about.stands("it", yield* about.look(), { version, state: "HalfOpen" })
    })),

  law("A settlement of another version changes nothing", (about) =>
    Effect.gen(function*() {
      const version = yield* about.probe(["a"])
      const { epoch, generation } = version
      const others = [{ epoch, generation: generation - 1 }, { epoch: epoch + 1, generation }, noVersion]
      for (const other of others) {
        for (const outcome of ["success", "failure", "ignored"] as const) {
          const settled = yield* about.settle("a", other, outcome)
          yield* about.stands(`it after a ${outcome} of ${JSON.stringify(other)}`, settled, {
            version,
            state: "HalfOpen"
          })
        }
      }
      yield* about.grants("b", false)
    })),

  law("A settlement without a permit changes nothing", (about) =>
    Effect.gen(function*() {
      const closed = yield* about.sync({ failure: 1 })
      yield* about.settle("x", closed.version, "failure")
      yield* about.stillStands("the closed record", closed)
      const open = yield* about.trip({ openMillis: 0 })
      yield* about.settle("x", open.version, "success")
      yield* about.stillStands("the open record", open)
      const { standing } = yield* about.grants("a", true)
      for (const outcome of ["success", "failure", "ignored"] as const) {
        yield* about.settle("x", standing.version, outcome)
        yield* about.stillStands("the half-open record", standing)
      }
      yield* about.grants("b", false)
    })),

  law("A permit of an earlier half-open period is invalid in a later one", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, openMillis: 0 }
      const before = yield* about.probe(["a", "b"], probing)
      yield* about.settle("a", before, "failure", probing)
      const now = yield* about.permits(["c"], probing)
      yield* about.settle("b", before, "failure", probing)
      yield* about.stands("it after a failure of before", yield* about.look(), { version: now, state: "HalfOpen" })
      yield* about.settle("b", now, "failure", probing)
      yield* about.stands("it after one under a new version", yield* about.look(), { version: now, state: "HalfOpen" })
      yield* about.grants("d", true, probing)
    })),

  law("A half-open period begins without permits, successes and failures", (about) =>
    Effect.gen(function*() {
      const probing = { probes: 2, successes: 2, tolerated: 1, openMillis: 0 }
      const before = yield* about.probe(["a", "b"], probing)
      yield* about.settle("a", before, "success", probing)
      yield* about.permits(["c"], probing)
      yield* about.settle("b", before, "failure", probing)
      yield* about.settle("c", before, "failure", probing)
      const version = yield* about.permits(["d", "e"], probing)
      yield* about.stands("it after a success", yield* about.settle("d", version, "success", probing), {
        version,
        state: "HalfOpen"
      })
      yield* about.stands("it after a failure", yield* about.settle("e", version, "failure", probing), {
        version,
        state: "HalfOpen"
      })
    })),

  law("A manual close of a half-open key does not wait for probes", (about) =>
    Effect.gen(function*() {
      const version = yield* about.probe(["a"])
      const closed = yield* about.close(version)
      yield* about.stands("it", closed, { generation: version.generation + 1, state: "Closed" })
      yield* about.settle("a", version, "failure")
      yield* about.settle("a", closed.version, "failure")
      yield* about.stillStands("it after a failure", closed)
    }))
]
