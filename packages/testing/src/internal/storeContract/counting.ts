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
    "A new key is closed, and an empty operation makes no record",
    (about) =>
      Effect.gen(function*() {
        const unknown = { version: noVersion, state: "Closed", counts: {} } as const
        yield* about.stands("the state after an empty report", yield* about.look(), unknown)
        yield* about.stands("the state after a close", yield* about.close(noVersion), unknown)
        const { standing } = yield* about.grants("a", false)
        yield* about.stands("the state after a request for a permit", standing, unknown)
        yield* about.stands("the state after a settlement", yield* about.settle("a", noVersion, "failure"), unknown)
        yield* about.stands("the state after another empty report", yield* about.look(), unknown)
      })
  ),

  law("The first counts begin a record, as generation 1 of an epoch", (about) =>
    Effect.gen(function*() {
      const begun = yield* about.sync({ failure: 2 })
      yield* between("its epoch", begun.version.epoch, 0, Infinity)
      yield* about.stands("the record", begun, { generation: 1, state: "Closed", counts: { failure: 2 } })
      yield* about.stillStands("the same record", begun)
    })),

  law("The store adds the counts of members with its version, including fractions", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ success: 1, "success ms": 0.5 })
      yield* about.sync({ failure: 2, "failure@100 ms": 250.25 }, version)
      const all = yield* about.sync({ success: 3, "success ms": 0.25, failure: 1 }, version)
      const counts = { success: 4, "success ms": 0.75, failure: 3, "failure@100 ms": 250.25 }
      yield* about.stands("the sums of three reports", all, { version, counts })
      yield* about.stands("the sums after an empty report", yield* about.sync({}, version), { version, counts })
    })),

  law("Counts have the names that members give them", (about) =>
    Effect.gen(function*() {
      const counts = Object.fromEntries(
        ["", " ", "1", "a:b", "a\nb", "a\u0000b", "\"{}\"", "größer ✓"].map((name) => [name, 1])
      )
      yield* about.sync(counts)
      yield* about.stands("the sums", yield* about.look(), { counts })
    })),

  law(
    "The store takes the counts of a member without a version while the key is closed",
    (about) =>
      Effect.gen(function*() {
        const { version } = yield* about.sync({ failure: 1 })
        yield* about.stands("the sums", yield* about.sync({ failure: 1 }), { version, counts: { failure: 2 } })
      })
  ),

  law("The store drops the counts of another version, and returns its state", (about) =>
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

  law("The counts of an unknown version make no record", (about) =>
    Effect.gen(function*() {
      const answer = yield* about.sync({ failure: 1 }, { epoch: 77, generation: 3 })
      yield* about.stands("the state after the report", answer, { version: noVersion, state: "Closed", counts: {} })
      yield* about.stands("the key", yield* about.look(), { version: noVersion })
    })),

  law("The store drops counts while the key is open or half-open", (about) =>
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

  law(
    "Counts start at zero when the key closes again, and the earlier ones are gone",
    (about) =>
      Effect.gen(function*() {
        const before = yield* about.sync({ failure: 1 })
        const open = yield* about.trip({ version: before.version })
        const { version } = yield* about.close(open.version)
        yield* about.sync({ failure: 5 }, before.version)
        const after = yield* about.sync({ success: 1 }, version)
        yield* about.stands("the sums", after, { version, state: "Closed", counts: { success: 1 } })
      })
  ),

  law("Concurrent reports lose no counts", (about) =>
    Effect.gen(function*() {
      const tell = about.sync({ success: 2, failure: 1 })
      const answers = yield* Effect.all(Array.from({ length: 50 }, () => tell), { concurrency: "unbounded" })
      const epochs = new Set(answers.map(({ version }) => version.epoch))
      yield* same("the number of different epochs", epochs.size, 1)
      yield* about.stands("the sums", yield* about.look(), { generation: 1, counts: { success: 100, failure: 50 } })
    })),

  law("A report changes neither state nor version, even if all its calls failed", (about) =>
    Effect.gen(function*() {
      const { version } = yield* about.sync({ failure: 1_000_000 })
      yield* about.stands("the record", yield* about.look(), { version, state: "Closed" })
      const open = yield* about.trip({ version, openMillis: minute })
      yield* about.sync({ success: 1_000_000 }, open.version)
      yield* about.stillStands("the open record", open)
    }))
]
