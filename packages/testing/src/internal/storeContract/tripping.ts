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
  law("A trip opens it for the time that it says, as the next generation", (about) =>
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
      yield* between("how long it is open yet", state._tag === "Open" ? state.openMillis : NaN, minute / 2, minute)
    })),

  law("A trip is kept as it was told, whatever the name of its rule", (about) =>
    Effect.gen(function*() {
      const trip = { rule: "a \"rule\"\n\u0000{}\\ größer ✓", calls: 3, failures: 2, slow: 1 }
      yield* about.trip({ trip, openMillis: 0 })
      yield* about.stands("it", yield* about.look(), { state: "Open", trip })
      const { standing } = yield* about.grants("a", true)
      yield* about.stands("it", standing, { state: "HalfOpen", trip })
    })),

  law("A trip of a key that nobody has told of is its generation 2", (about) =>
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

  law("A trip of a version that is not kept changes nothing", (about) =>
    Effect.gen(function*() {
      const answer = yield* about.trip({ version: { epoch: 77, generation: 3 }, trips: 2 })
      yield* about.stands("what the trip finds", answer, { version: noVersion, state: "Closed" })
      yield* about.stands("the key", yield* about.look(), { version: noVersion })
    })),

  law(
    "A trip of a member that knows of no version opens what is closed, and nothing else",
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

  law("A trip of what is open already changes nothing, its version or not", (about) =>
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

  law("Of many trips of one version, one is taken", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ failure: 1 })
      const trips = Array.from({ length: 50 }, (_, calls) => about.trip({ version, trip: { ...aTrip, calls } }))
      const answers = yield* Effect.all(trips, { concurrency: "unbounded" })
      const heard = answers.map(({ state }) => state._tag === "Open" ? state.trip.calls : undefined)
      yield* same("how many trips they were told of", new Set(heard).size, 1)
      yield* about.stands("it", yield* about.look(), { generation: 2, state: "Open", trips: 1 })
    })),

  law("A trip while it is half-open is one more in a row", (about) =>
    Effect.gen(function*() {
      const version = yield* about.probe(["a"])
      const open = yield* about.trip({ version })
      yield* about.stands("it", open, { generation: version.generation + 1, state: "Open", trips: 2 })
    })),

  law(
    "A trip may say how often it has opened in a row: the larger number is the one",
    (about) =>
      Effect.gen(function*() {
        const open = yield* about.trip({ trips: 7, openMillis: 0 })
        yield* about.stands("it", open, { trips: 7 })
        const { standing } = yield* about.grants("a", true)
        yield* about.stands("it, half-open", standing, { state: "HalfOpen", trips: 7 })
        const again = yield* about.trip({ version: standing.version, trips: 2 })
        yield* about.stands("it, after one that knows less", again, { state: "Open", trips: 8 })
      })
  ),

  law(
    "How long it is open yet becomes less, down to 0 and no further, and by that alone it is not half-open",
    (about) =>
      Effect.gen(function*() {
        const other = about.at(`${about.key} other`)
        const open = yield* about.trip({ openMillis: soon })
        yield* other.trip()
        yield* about.pass(soonOver)
        const { state } = yield* other.look()
        const left = state._tag === "Open" ? state.openMillis : NaN
        yield* between("how long it is open yet", left, minute / 2, minute - soonOver)
        const over = { version: open.version, state: "Open", openMillis: 0 } as const
        yield* about.stands("one whose time is over", yield* about.look(), over)
      })
  ),

  law("Closing it needs its version", (about) =>
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

  law("Closing what is closed changes nothing", (about) =>
    Effect.gen(function*() {
      const closed = yield* about.sync({ failure: 1 })
      yield* about.close(closed.version)
      yield* about.stillStands("it", closed)
    })),

  law("Once closed, it opens for the first time in a row again", (about) =>
    Effect.gen(function*() {
      const open = yield* about.trip({ trips: 4 })
      const { version } = yield* about.close(open.version)
      yield* about.stands("it", yield* about.trip({ version }), { state: "Open", trips: 1 })
    }))
]
