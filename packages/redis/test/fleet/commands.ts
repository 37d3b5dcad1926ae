import { Effect } from "effect"
import type { RedisServer } from "../support/redisServer.js"

/** What was sent to a server, but for what asks for this. `executed` has what the scripts call, too. */
export interface Commands {
  readonly sent: number
  readonly executed: number
}

const counted = ({ command }: RedisServer): Effect.Effect<Commands> =>
  Effect.map(command("INFO", "commandstats"), (answer) => {
    const all = Array.from(answer.matchAll(/cmdstat_([^:]+):calls=(\d+)/g), ([, name = "", calls]) => ({
      name,
      calls: Number(calls)
    })).filter(({ name }) => !/^(info|quit)$/.test(name))
    const sum = (some: typeof all) => some.reduce((sum, { calls }) => sum + calls, 0)
    return { sent: sum(all.filter(({ name }) => /^(evalsha|eval|ping|subscribe)$/.test(name))), executed: sum(all) }
  })

/** What is sent per second while so many milliseconds pass. */
export const perSecond = (redis: RedisServer, millis: number): Effect.Effect<Commands> =>
  Effect.gen(function*() {
    const before = yield* counted(redis)
    const start = performance.now()
    yield* Effect.sleep(millis)
    const after = yield* counted(redis)
    const seconds = (performance.now() - start) / 1_000
    return { sent: (after.sent - before.sent) / seconds, executed: (after.executed - before.executed) / seconds }
  })
