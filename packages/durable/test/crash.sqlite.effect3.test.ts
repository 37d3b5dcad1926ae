import { assert, describe, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Crash from "./crash/crash.js"

/** `pnpm soak:durable` sets it to 200. */
const kills = Number(process.env["DURABLE_KILLS"] ?? 6)

const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "reprise-durable-"))),
  (folder) => Effect.promise(() => Fs.rm(folder, { recursive: true, force: true }))
)

describe("a single runner on SQLite", () => {
  it.scopedLive(
    `that is killed ${kills} times at random moments ends every call, with one key and one charge for each`,
    () =>
      Effect.gen(function*() {
        const database = Path.join(yield* folder, "engine.sqlite")
        const outcome = yield* Effect.promise(() =>
          Crash.run({
            worker: "worker.sqlite.effect3",
            database,
            ports: [],
            kills,
            callsPerStart: 3,
            inMemoryMillis: 1_500,
            random: Math.random
          })
        )
        if (kills > 12) yield* Console.log(outcome)
        assert.isAtLeast(outcome.calls, 3 * kills)
        // A wait served twice is 4 seconds longer. After 200 kills a process begins with hundreds of calls that are due.
        assert.isAtMost(outcome.latestMillis, kills > 12 ? 30_000 : 5_000)
      }),
    180_000 + kills * 10_000
  )
})
