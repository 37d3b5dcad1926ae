import * as Effect from "effect/Effect"
import { noVersion } from "reprise/CircuitBreakerStore"
import { between, same } from "./law.js"
import { law, minute } from "./subject.js"

/**
 * The laws of counts in a closed breaker.
 *
 * @internal
 */
export const counting = [
  law(
    "A key of which nobody has told is closed, and nothing that tells of nothing begins a record",
    (about) =>
      Effect.gen(function*() {
        const unknown = { version: noVersion, state: "Closed", counts: {} } as const
        yield* about.stands("what an empty report finds", yield* about.look(), unknown)
        yield* about.stands("what closing it finds", yield* about.close(noVersion), unknown)
        const { standing } = yield* about.grants("a", false)
        yield* about.stands("what a request for a permit finds", standing, unknown)
        yield* about.stands("what a settlement finds", yield* about.settle("a", noVersion, "failure"), unknown)
        yield* about.stands("what another empty report finds", yield* about.look(), unknown)
      })
  ),

  law("The first counts begin a record, as generation 1 of an epoch", (about) =>
    Effect.gen(function*() {
      const begun = yield* about.sync({ failure: 2 })
      yield* between("its epoch", begun.version.epoch, 0, Infinity)
      yield* about.stands("the record", begun, { generation: 1, state: "Closed", counts: { failure: 2 } })
      yield* about.stillStands("the same record", begun)
    })),

  law("What members of its version have counted is added up, fractions too", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ success: 1, "success ms": 0.5 })
      yield* about.sync({ failure: 2, "failure@100 ms": 250.25 }, version)
      const all = yield* about.sync({ success: 3, "success ms": 0.25, failure: 1 }, version)
      const counts = { success: 4, "success ms": 0.75, failure: 3, "failure@100 ms": 250.25 }
      yield* about.stands("the sums of three reports", all, { version, counts })
      yield* about.stands("the sums for one who tells nothing", yield* about.sync({}, version), { version, counts })
    })),

  law("Counts have the names that members give them", (about) =>
    Effect.gen(function*() {
      const counts = Object.fromEntries(
        ["", " ", "1", "a:b", "a\nb", "a\u0000b", "\"{}\"", "größer ✓"].map((name) => [name, 1])
      )
      yield* about.sync(counts)
      yield* about.stands("the sums", yield* about.look(), { counts })
    })),

  law("Counts of a member that knows of no version are taken while it is closed", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ failure: 1 })
      yield* about.stands("the sums", yield* about.sync({ failure: 1 }), { version, counts: { failure: 2 } })
    })),

  law("Counts of another version are dropped, and its member learns how things are", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ failure: 1 })
      const { epoch, generation } = version
      const others = [{ epoch, generation: generation + 1 }, { epoch, generation: 0 }, { epoch: epoch + 1, generation }]
      for (const other of others) {
        const answer = yield* about.sync({ failure: 1 }, other)
        yield* about.stands(`the sums after a report of ${JSON.stringify(other)}`, answer, {
          version,
          counts: { failure: 1 }
        })
      }
    })),

  law("Counts of a version that is not kept begin nothing", (about) =>
    Effect.gen(function*() {
      const answer = yield* about.sync({ failure: 1 }, { epoch: 77, generation: 3 })
      yield* about.stands("what the report finds", answer, { version: noVersion, state: "Closed", counts: {} })
      yield* about.stands("the key", yield* about.look(), { version: noVersion })
    })),

  law("Counts are dropped while it is open and while it is half-open", (about) =>
    Effect.gen(function*() {
      yield* about.sync({ failure: 1 })
      const open = yield* about.trip({ openMillis: 0 })
      yield* about.stands("the sums as it opens", open, { state: "Open", counts: {} })
      for (const version of [open.version, noVersion]) {
        const answer = yield* about.sync({ failure: 1 }, version)
        yield* about.stands("the sums while open", answer, { version: open.version, counts: {} })
      }
      const { standing } = yield* about.grants("a", true)
      for (const version of [standing.version, noVersion]) {
        const answer = yield* about.sync({ failure: 1 }, version)
        yield* about.stands("the sums while half-open", answer, {
          version: standing.version,
          state: "HalfOpen",
          counts: {}
        })
      }
      const closed = yield* about.settle("a", standing.version, "success")
      yield* about.stands("the sums when it is closed again", closed, { state: "Closed", counts: {} })
    })),

  law("Counts begin anew when it is closed again, and those of before are dropped", (about) =>
    Effect.gen(function*() {
      const before = yield* about.sync({ failure: 1 })
      const open = yield* about.trip({ version: before.version })
      const { version } = yield* about.close(open.version)
      yield* about.sync({ failure: 5 }, before.version)
      const after = yield* about.sync({ success: 1 }, version)
      yield* about.stands("the sums", after, { version, state: "Closed", counts: { success: 1 } })
    })),

  law("Of many that tell at once nobody's counts are lost", (about) =>
    Effect.gen(function*() {
      const tell = about.sync({ success: 2, failure: 1 })
      const answers = yield* Effect.all(Array.from({ length: 50 }, () => tell), { concurrency: "unbounded" })
      const epochs = new Set(answers.map(({ version }) => version.epoch))
      yield* same("how many epochs they were told of", epochs.size, 1)
      yield* about.stands("the sums", yield* about.look(), { generation: 1, counts: { success: 100, failure: 50 } })
    })),

  law("A report changes no state and no version, however bad it is", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ failure: 1_000_000 })
      yield* about.stands("the record", yield* about.look(), { version, state: "Closed" })
      const open = yield* about.trip({ version, openMillis: minute })
      yield* about.sync({ success: 1_000_000 }, open.version)
      yield* about.stillStands("the open record", open)
    }))
]
