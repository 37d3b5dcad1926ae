import { assert } from "@effect/vitest"
import { Cause, Duration, Effect, Exit } from "effect"
import { inspect } from "node:util"
import type * as Redis from "../../src/Redis.js"
import { type Adapter, connect } from "./adapters.js"

/** All that a program could print of a failed start, its log included. */
export const printed = (exit: Exit.Exit<unknown, unknown>, lines: ReadonlyArray<string>): string => {
  const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
  const error = Cause.squash(cause)
  return [
    JSON.stringify(exit),
    inspect(exit, { depth: 20 }),
    Cause.pretty(cause, { renderErrorCause: true }),
    inspect(error),
    ...lines
  ]
    .join("\n")
}

/** How a start fails, which has to take less than `connectTimeout` and to keep the secrets. */
export const refusal = (adapter: Adapter, options: Redis.Options, connectMillis = 4_000) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const attempt = Effect.scoped(connect(adapter, { connectTimeout: connectMillis, ...options }, lines))
    const [duration, exit] = yield* Effect.timed(Effect.exit(attempt))
    assert.isBelow(Duration.toMillis(duration), connectMillis + 500)
    assert.notMatch(printed(exit, lines), /s3cret|p%40ss|p@ss/)
    assert.deepStrictEqual(lines, [])
    const error = yield* Effect.flip(exit)
    return [error.reason, error.code, error.description]
  })
