import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as engine from "./engine.js"
import { Attempt, type Ledger } from "./model.js"

/** Of another version: a process that cannot read a record must not guess. */
const version = Schema.Literal(1)

const Answered = Schema.TaggedStruct("Answered", { version, attempt: Attempt, value: Schema.Unknown })

const Again = Schema.TaggedStruct("Again", {
  version,
  attempt: Attempt,
  /** When the next attempt is due, in epoch milliseconds. */
  atMillis: Schema.Number,
  delayMillis: Schema.Number,
  reason: Schema.String,
  /**
   * The error, and the seed of the draws, which a later step of the schedule may depend on. Missing after the rejection
   * of a policy, which is not a failed attempt.
   */
  failed: Schema.optional(Schema.Struct({ error: Schema.Unknown, seed: Schema.Number }))
})

const Ended = Schema.TaggedStruct("Ended", {
  version,
  attempt: Attempt,
  /** Missing if the deadline has ended the attempt, or came before it. */
  failed: Schema.optional(Schema.Struct({ error: Schema.Unknown }))
})

/**
 * The result of one activity. The engine persists it.
 *
 * @internal
 */
export type Record = typeof Record.Type

/** @internal */
export const Record = Schema.Union(Answered, Again, Ended)

/** @internal */
export type Again = typeof Again.Type

/** @internal */
export const encode = Schema.encodeSync(Record)

/**
 * Reads a part of a record. If it is of an older or newer program, the workflow suspends: another program may read it.
 *
 * @internal
 */
export const read = <A, I, R>(
  name: string,
  schema: Schema.Schema<A, I, R>,
  part: unknown
): Effect.Effect<A, never, R | engine.Engine> =>
  Effect.catchAll(Schema.decodeUnknown(schema)(part), (error) =>
    engine.suspendWith(
      new Error(
        `The record of "${name}" is not one that this program can read. The call sends nothing more, and the workflow is suspended.` +
          ` Deploy a program that can read the record, then resume the workflow.\n` +
          ParseResult.TreeFormatter.formatErrorSync(error)
      )
    ))

const kept = { first: 8, last: 24 }

/**
 * The lines that a ledger keeps.
 *
 * @internal
 */
export const ledger = (records: ReadonlyArray<Record>): Ledger =>
  records.filter((_, index) => index < kept.first || index >= records.length - kept.last).map(({ attempt }) => attempt)
