/** `--durable` runs over SQLite, which has no driver for Effect 4.1 yet. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const demo = (_seed: string): Effect.Effect<number> =>
  Effect.as(Console.error("--durable runs on Effect 3 only: no driver for SQLite works with Effect 4.1 yet"), 2)
