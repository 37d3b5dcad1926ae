/** The log lines of the guide are the log lines of the code. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, LogLevel } from "effect"
import * as Fs from "node:fs"
import * as Telemetry from "reprise/Telemetry"
import * as Services from "./services.js"

const guide = Fs.readFileSync(new URL("../../../docs/observability.md", import.meta.url), "utf8")

const [section] = guide.slice(guide.indexOf("## Log lines") + 3).split("\n## ")

/** Message, levels, annotations. */
const documented = [...section!.matchAll(/^\| `([a-z ]+)` \| ([^|]*) \| ([^|]*) \|/gm)]
  .map(([, message, levels, names]) => ({
    message: message!,
    levels: [...levels!.matchAll(/`(\w+)`/g)].map(([, level]) => level!.replace(/ing$/, "").toUpperCase()).sort(),
    annotations: [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name!).sort()
  }))

const trip = { rule: "consecutive", calls: 1, failures: 1, slow: 0 } as const
const failed = { key: "a", number: 1, reason: "backoff", errorType: "503" } as const

const events: ReadonlyArray<Telemetry.Told> = [
  { _tag: "CircuitTransition", key: "a", from: "Closed", to: "Open", generation: 1, trip },
  { _tag: "CircuitTransition", key: "a", from: "Open", to: "HalfOpen", generation: 2, trip },
  { _tag: "GateClosed", key: "a", duration: Duration.seconds(1) },
  { _tag: "GateOpened", key: "a" },
  { _tag: "StoreLost", key: "a", errorType: "unavailable" },
  { _tag: "StoreRestored", key: "a" },
  { _tag: "RetryScheduled", ...failed, delay: Duration.seconds(1) },
  { _tag: "RetryRefused", ...failed, reason: "budget" },
  { _tag: "Rejected", key: "a", policy: "bulkhead", errorType: "BulkheadFull" },
  { _tag: "LimitChanged", key: "a", from: 1, to: 2 },
  // Neither a success nor a wait has a line.
  { _tag: "AttemptStarted", key: "a", number: 1 },
  { _tag: "Waited", key: "a", policy: "bulkhead", duration: Duration.seconds(1), outcome: "admitted" },
  { _tag: "HedgeStarted", key: "a" }
]

describe("a log line", () => {
  it.effect("has the message, the level and the annotations that the guide lists", () =>
    Effect.gen(function*() {
      const lines: Array<{ message: string; level: string; annotations: ReadonlyArray<string> }> = []
      const logger = Services.logging(({ annotations, level, message }) =>
        lines.push({ message: String(message), level, annotations: Object.keys(annotations).sort() })
      )
      yield* Effect.sync(() => events.forEach(Telemetry.unsafeEmit)).pipe(
        Effect.provide(Layer.merge(logger, Telemetry.layerLogs)),
        Logger.withMinimumLogLevel(LogLevel.Debug)
      )
      const logged = [...new Set(lines.map(({ message }) => message))].map((message) => {
        const own = lines.filter((line) => line.message === message)
        const levels = [...new Set(own.map(({ level }) => level))].sort()
        return { message, levels, annotations: [...new Set(own.flatMap(({ annotations }) => annotations))].sort() }
      })
      const byMessage = (one: { message: string }, other: { message: string }) => one.message < other.message ? -1 : 1
      assert.deepStrictEqual(logged.sort(byMessage), [...documented].sort(byMessage))
    }))

  it.effect("is not written below the minimum level of the program", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => lines.push(message)))
      yield* Effect.sync(() => events.forEach(Telemetry.unsafeEmit)).pipe(
        Effect.provide(Layer.merge(logger, Telemetry.layerLogs)),
        Logger.withMinimumLogLevel(LogLevel.Warning)
      )
      assert.lengthOf(lines, 3)
    }))
})
