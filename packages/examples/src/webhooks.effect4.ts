/** Durable calls are for Effect 3 only. */
import * as Effect from "effect/Effect"

export const program = Effect.succeed("needs @reprise/durable, which the edition for Effect 4 does not have yet")
