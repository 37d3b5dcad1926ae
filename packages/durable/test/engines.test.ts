import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { WorkflowEngine } from "@effect/workflow"
import { Effect, Layer, Logger, LogLevel, Option, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Server from "./support/server.js"
import * as Sqlite from "./support/sqlite.js"

const engines = [
  { name: "in memory", engine: WorkflowEngine.layerMemory, inMemoryThreshold: "1 minute" },
  { name: "in memory", engine: WorkflowEngine.layerMemory, inMemoryThreshold: "0 millis" },
  // It does not interrupt a workflow that is not suspended.
  { name: "on SQLite", engine: Sqlite.engine, inMemoryThreshold: "0 millis" }
] as const

describe("an engine", () => {
  for (const { engine, inMemoryThreshold, name } of engines) {
    it.scopedLive(
      `${name} interrupts a call between two attempts (waits up to ${inMemoryThreshold} do not suspend it)`,
      () =>
        Effect.gen(function*() {
          const { client, seen } = Server.make(() => 503)
          const charge = DurableHttp.workflow({
            name: "Charge",
            payload: { id: Schema.String },
            id: ({ id }) => id,
            request: HttpClientRequest.post("http://localhost"),
            inMemoryThreshold,
            retry: Backoff.linear("300 millis", { increment: 0 })
          })
          yield* Effect.gen(function*() {
            const id = yield* charge.start({ id: "1" })
            while (seen.length < 2) yield* Effect.sleep("20 millis")
            yield* charge.interrupt(id)
            let result = yield* charge.poll(id)
            while (Option.isNone(result) || result.value._tag === "Suspended") {
              yield* Effect.sleep("50 millis")
              result = yield* charge.poll(id)
            }
            const sent = seen.length
            assert.isAtMost(sent, 4)
            yield* Effect.sleep("1 second")
            assert.strictEqual(seen.length, sent)
          }).pipe(
            Effect.provide(
              charge.layer.pipe(Layer.provideMerge(engine), Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
            ),
            Logger.withMinimumLogLevel(LogLevel.Error)
          )
        }),
      15_000
    )
  }
})
