/** `--durable` of the edition for Effect 4, which does not have `@reprise/durable` yet. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

export const demo = (_seed: string): Effect.Effect<number> =>
  Effect.as(Console.error("--durable needs Effect 3: the edition for Effect 4 does not have @reprise/durable yet"), 2)
