import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const word = Effect.map(Random.nextIntBetween(0, 2 ** 48), (n) => n.toString(36))

/**
 * A name for a member that no other process has.
 *
 * @internal
 */
export const unique: Effect.Effect<string> = Effect.zipWith(word, word, (a, b) => `${a}${b}`)
