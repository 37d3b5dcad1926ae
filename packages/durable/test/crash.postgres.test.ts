import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import * as Crash from "./crash/crash.js"
import * as Postgres from "./support/postgres.js"

/** `pnpm soak:durable` sets it to 50. */
const kills = Number(process.env["DURABLE_POSTGRES_KILLS"] ?? 4)

describe("two runners on PostgreSQL", () => {
  it.scopedLive(
    `of which one is killed ${kills} times at random moments, and which lose their connections in between, end every call, with one key and one charge for each`,
    () =>
      Effect.gen(function*() {
        const database = yield* Postgres.server
        const ports = yield* Effect.promise(() => Promise.all([Postgres.freePort(), Postgres.freePort()]))
        const outcome = yield* Effect.promise(() =>
          Crash.run({
            worker: "worker.postgres",
            database,
            ports,
            kills,
            callsPerStart: 3,
            inMemoryMillis: 1_500,
            disturb: () => Effect.runPromise(Postgres.dropConnections(database)),
            random: Math.random
          })
        )
        if (kills > 4) yield* Console.log(outcome)
        assert.isAtLeast(outcome.calls, 3 * kills)
      }),
    180_000 + kills * 15_000
  )
})
