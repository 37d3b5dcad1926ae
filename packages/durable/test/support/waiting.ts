/** A test of the memory and the timers that suspended calls hold. */
import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { DurableClock, Workflow, type WorkflowEngine } from "@effect/workflow"
import { Chunk, Console, type Duration, Effect, Layer, Logger, LogLevel, Option, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import { collected } from "../../../reprise/test/garbage.js"
import * as DurableHttp from "../../src/DurableHttp.js"

interface Case<E> {
  readonly name: string
  readonly engine: Layer.Layer<WorkflowEngine.WorkflowEngine, E>
  readonly waiting: number
  /** When the engine has dropped the entities of suspended workflows. */
  readonly dropsAfter: Duration.DurationInput
}

const server = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("done", { status: 503 })))
)

const post = HttpClientRequest.post("http://localhost/charges")

const fields = { payload: { id: Schema.String }, idempotencyKey: ({ id }: { readonly id: string }) => id }

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

export const itHoldsLittle = <E>({ dropsAfter, engine, name, waiting }: Case<E>): void =>
  it.scopedLive(
    `of ${waiting} calls that are suspended ${name} is no more timers, and little more memory, than waits of the engine have`,
    () =>
      Effect.gen(function*() {
        const Waiting = Workflow.make({ name: "Waiting", ...fields, error: DurableHttp.CallFailed })
        const Asleep = Workflow.make({ name: "Asleep", ...fields })
        const long = { inMemoryThreshold: 0, retry: Backoff.linear("1 day") }
        const WaitingLive = Waiting.toLayer(() => DurableHttp.execute({ name: "call", request: post, ...long }))
        const AsleepLive = Asleep.toLayer(() => DurableClock.sleep({ name: "wait", duration: "1 day" }))
        const live = Layer.mergeAll(WaitingLive, AsleepLive).pipe(
          Layer.provideMerge(engine),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, server))
        )
        const heap = Effect.map(collected, () => process.memoryUsage().heapUsed)
        /** What each of so many suspended workflows holds. */
        const held = (workflow: typeof Waiting | typeof Asleep, from: number, to: number) =>
          Effect.gen(function*() {
            const before = { heap: yield* heap, timers: timers() }
            const ids = yield* Effect.forEach(
              Chunk.range(from, to),
              (n) => workflow.execute({ id: String(n) }, { discard: true }),
              { concurrency: 50 }
            )
            for (const id of ids) {
              while (Option.isNone(yield* Effect.map(workflow.poll(id), Option.fromNullable))) {
                yield* Effect.sleep("50 millis")
              }
            }
            // Until the engine has dropped the entities of the suspended workflows.
            yield* Effect.sleep(dropsAfter)
            return { bytes: ((yield* heap) - before.heap) / (to - from), timers: timers() - before.timers }
          })
        yield* Effect.gen(function*() {
          yield* held(Asleep, 1, 20)
          yield* held(Waiting, 1, 20)
          const asleep = yield* held(Asleep, 21, waiting + 20)
          const calls = yield* held(Waiting, 21, waiting + 20)
          yield* Console.log("bytes and timers of each wait", { engine: asleep, durable: calls })
          assert.isAtMost(calls.bytes, asleep.bytes + 4_096)
          assert.isAtMost(calls.timers, asleep.timers + 10)
        }).pipe(Effect.provide(live), Logger.withMinimumLogLevel(LogLevel.Error))
      }),
    900_000
  )
