import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as engine from "./engine.js"
import { Attempt, type Ledger } from "./model.js"

/** A process that cannot read a record of another version must not guess. */
const fields = { version: Schema.Literal(1), attempt: Attempt }

/** The error, and the seed of the draws, which a later step of the schedule may depend on. */
const failed = Schema.optional(Schema.Struct({ error: Schema.Unknown, seed: Schema.Number }))

const Answered = Schema.TaggedStruct("Answered", { ...fields, value: Schema.Unknown })

const Again = Schema.TaggedStruct("Again", {
  ...fields,
  /** When the next attempt is due, in epoch milliseconds. */
  atMillis: Schema.Number,
  delayMillis: Schema.Number,
  /** Missing after the rejection of a policy, which is not a failed attempt. */
  failed
})

/** Without a failure if the deadline has ended the attempt, or came before it. */
const Ended = Schema.TaggedStruct("Ended", { ...fields, failed })

/**
 * The result of one activity. The engine persists it.
 *
 * @internal
 */
export const Record = Schema.Union(Answered, Again, Ended)

/** @internal */
export type Record = typeof Record.Type

/** @internal */
export type Again = typeof Again.Type

/** @internal */
export const encode = Schema.encodeSync(Schema.asSchema(Record))

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
  Effect.catchAll(Schema.decodeUnknown(Schema.asSchema(schema))(part), (error) => {
    const what = `The record of "${name}" is not one that this program can read`
    const then = "The call sends nothing more, and the workflow is suspended"
    const help = "Deploy a program that can read the record, then resume the workflow"
    // The record may hold what must not be in a log, so only its shape is.
    const shape = error.message.replaceAll(/(?<=actual |got ).*/g, "another value").slice(0, 1_000)
    return engine.suspendWith(new Error(`${what}. ${then}. ${help}.\n${shape}`))
  })

const kept = { first: 8, last: 24 }

/**
 * The lines that a ledger keeps.
 *
 * @internal
 */
export const ledger = (lines: ReadonlyArray<Attempt>): Ledger =>
  lines.filter((_, index) => index < kept.first || index >= lines.length - kept.last)
