/** The example runs over SQLite, which has no driver for Effect 4.1 yet. */
import * as Effect from "effect/Effect"

export const program = Effect.succeed("runs on Effect 3 only: no driver for SQLite works with Effect 4.1 yet")
