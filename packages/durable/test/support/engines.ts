/** Tests of any engine. */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import type { WorkflowEngine } from "@effect/workflow"
import { type Duration, Effect, Layer, Logger, LogLevel, Option, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as DurableHttp from "../../src/DurableHttp.js"
import * as Server from "./server.js"

interface Case<E> {
  readonly name: string
  readonly engine: Layer.Layer<WorkflowEngine.WorkflowEngine, E>
  readonly inMemoryThreshold: Duration.DurationInput
}

export const itAwaitsTogether = <E>({ engine, name }: Omit<Case<E>, "inMemoryThreshold">): void =>
  it.scopedLive(`${name} gives the result of one call to all that wait for it`, () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make((n) => n < 3 ? 503 : 200)
      const charge = DurableHttp.workflow({
        name: "Charge",
        payload: { id: Schema.String },
        id: ({ id }) => id,
        request: HttpClientRequest.post("http://localhost"),
        retry: Backoff.linear("100 millis", { increment: 0 })
      })
      const answers = yield* Effect.replicateEffect(charge.await({ id: "1" }), 5, { concurrency: "unbounded" }).pipe(
        Effect.provide(
          charge.layer.pipe(Layer.provideMerge(engine), Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
        ),
        Logger.withMinimumLogLevel(LogLevel.Error)
      )
      assert.deepStrictEqual(
        answers.map(({ attempts, body }) => [attempts.length, body]),
        Array(5).fill([3, "\"done\""])
      )
      assert.strictEqual(seen.length, 3)
    }), 15_000)

export const itInterrupts = <E>({ engine, inMemoryThreshold, name }: Case<E>): void =>
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
