import * as Effect from "effect/Effect"
import { noVersion } from "reprise/CircuitBreakerStore"
import { between, same } from "./law.js"
import { aTrip, law, minute, soon, soonOver } from "./subject.js"

/**
 * The laws of opening a breaker, and of closing it by hand.
 *
 * @internal
 */
export const tripping = [
  law("A trip opens the key for its time, as the next generation", (about) =>
    Effect.gen(function*() {
      const { version: { epoch } } = yield* about.sync({ failure: 6 })
      const { state, ...open } = yield* about.trip({ version: { epoch, generation: 1 } })
      yield* about.stands("it", { ...open, state }, {
        version: { epoch, generation: 2 },
        state: "Open",
        trips: 1,
        trip: aTrip,
        counts: {}
      })
      yield* between("the rest of the open time", state._tag === "Open" ? state.openMillis : NaN, minute / 2, minute)
    })),

  law("The store keeps a trip unchanged, with any name of its rule", (about) =>
    Effect.gen(function*() {
      const trip = { rule: "a \"rule\"\n\u0000{}\\ größer ✓", calls: 3, failures: 2, slow: 1 }
      yield* about.trip({ trip, openMillis: 0 })
      yield* about.stands("it", yield* about.look(), { state: "Open", trip })
      const { standing } = yield* about.grants("a", true)
      yield* about.stands("it", standing, { state: "HalfOpen", trip })
    })),

  law("A trip of a new key is its generation 2", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip()
      yield* between("its epoch", open.version.epoch, 0, Infinity)
      yield* about.stands("it", open, { generation: 2, state: "Open", trips: 1 })
    })),

  law("A trip of another version changes nothing", (about) =>
    Effect.gen(function*() {
      const before = yield* about.sync({ failure: 1 })
      const { epoch, generation } = before.version
      const others = [{ epoch, generation: generation + 1 }, { epoch, generation: 0 }, { epoch: epoch + 1, generation }]
      for (const version of others) {
        yield* about.trip({ version })
        yield* about.stillStands(`the record after a trip of ${JSON.stringify(version)}`, before)
      }
    })),

  law("A trip of an unknown version changes nothing", (about) =>
    Effect.gen(function*() {
      const answer = yield* about.trip({ version: { epoch: 77, generation: 3 }, trips: 2 })
      yield* about.stands("the state after the trip", answer, { version: noVersion, state: "Closed" })
      yield* about.stands("the key", yield* about.look(), { version: noVersion })
    })),

  law(
    "A trip without a version opens a closed key only",
    (about) =>
      Effect.gen(function*() {
        yield* about.sync({ failure: 1 })
        const open = yield* about.trip({ openMillis: 0 })
        yield* about.stands("the closed record after it", open, { generation: 2, state: "Open" })
        yield* about.trip({ openMillis: minute })
        yield* about.stillStands("the open record after another", open)
        const { standing } = yield* about.grants("a", true)
        yield* about.trip()
        yield* about.stillStands("the half-open record after a third", standing)
      })
  ),

  law("A trip of an open key changes nothing, with any version", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip({ openMillis: 0 })
      const trip = { ...aTrip, rule: "another" }
      yield* about.trip({ version: open.version, trip, openMillis: minute, trips: 9 })
      yield* about.stands("it", yield* about.look(), {
        version: open.version,
        state: "Open",
        trips: 1,
        trip: aTrip,
        openMillis: 0
      })
    })),

  law("Of concurrent trips of one version, one counts", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ failure: 1 })
      const trips = Array.from({ length: 50 }, (_, calls) => about.trip({ version, trip: { ...aTrip, calls } }))
      const answers = yield* Effect.all(trips, { concurrency: "unbounded" })
      const heard = answers.map(({ state }) => state._tag === "Open" ? state.trip.calls : undefined)
      yield* same("the number of different trips", new Set(heard).size, 1)
      yield* about.stands("it", yield* about.look(), { generation: 2, state: "Open", trips: 1 })
    })),

  law("A trip of a half-open key counts one more opening in a row", (about) =>
    Effect.gen(function*() {
      const version = yield* about.probe(["a"])
      const open = yield* about.trip({ version })
      yield* about.stands("it", open, { generation: version.generation + 1, state: "Open", trips: 2 })
    })),

  law(
    "A trip may have a number of openings in a row, and the larger number counts",
    (about) =>
      Effect.gen(function*() {
        const open = yield* about.trip({ trips: 7, openMillis: 0 })
        yield* about.stands("it", open, { trips: 7 })
        const { standing } = yield* about.grants("a", true)
        yield* about.stands("it, half-open", standing, { state: "HalfOpen", trips: 7 })
        const again = yield* about.trip({ version: standing.version, trips: 2 })
        yield* about.stands("the state after a trip with a smaller number", again, { state: "Open", trips: 8 })
      })
  ),

  law(
    "The rest of the open time shrinks to 0, and the key does not become half-open on its own",
    (about) =>
      Effect.gen(function*() {
        const other = about.at(`${about.key} other`)
        const open = yield* about.trip({ openMillis: soon })
        yield* other.trip()
        yield* about.pass(soonOver)
        const { state } = yield* other.look()
        const left = state._tag === "Open" ? state.openMillis : NaN
        yield* between("the rest of the open time", left, minute / 2, minute - soonOver)
        const over = { version: open.version, state: "Open", openMillis: 0 } as const
        yield* about.stands("a key after its open time", yield* about.look(), over)
      })
  ),

  law("A close needs the current version", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip()
      const { epoch, generation } = open.version
      for (const version of [{ epoch, generation: 1 }, { epoch: epoch + 1, generation }, noVersion]) {
        yield* about.close(version)
        yield* about.stillStands(`the open record after a close of ${JSON.stringify(version)}`, open)
      }
      const closed = yield* about.close(open.version)
      yield* about.stands("it, closed", closed, {
        version: { epoch, generation: generation + 1 },
        state: "Closed",
        counts: {}
      })
    })),

  law("A close of a closed key changes nothing", (about) =>
    Effect.gen(function*() {
      const closed = yield* about.sync({ failure: 1 })
      yield* about.close(closed.version)
      yield* about.stillStands("it", closed)
    })),

  law("After a close, the next opening is the first in a row", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip({ trips: 4 })
      const { version } = yield* about.close(open.version)
      yield* about.stands("it", yield* about.trip({ version }), { state: "Open", trips: 1 })
    }))
]
