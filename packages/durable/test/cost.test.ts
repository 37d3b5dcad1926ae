import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Activity, DurableClock, Workflow, WorkflowEngine } from "@effect/workflow"
import { Chunk, Console, Effect, Layer, Logger, LogLevel, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import { collected } from "../../reprise/test/garbage.js"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Sqlite from "./support/sqlite.js"

/** `pnpm soak:durable` sets it to 10,000 on SQLite, which takes 20 minutes. */
const isSoak = process.env["DURABLE_WAITING"] !== undefined
const waiting = Number(process.env["DURABLE_WAITING"] ?? 2_000)
const engine = isSoak ? Sqlite.engine : WorkflowEngine.layerMemory

/** `pnpm soak:durable` sets it to 1,000. */
const calls = Number(process.env["DURABLE_CALLS"] ?? 100)

const server = (status: number) =>
  HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("done", { status }))))

const post = HttpClientRequest.post("http://localhost/charges")

const fields = { payload: { id: Schema.String }, idempotencyKey: ({ id }: { readonly id: string }) => id }

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

describe("the cost", () => {
  it.scopedLive(
    `of ${waiting} suspended calls is no more timers, and little more memory, than waits of the engine have`,
    () =>
      Effect.gen(function*() {
        const Waiting = Workflow.make({ name: "Waiting", ...fields, error: DurableHttp.CallFailed })
        const Asleep = Workflow.make({ name: "Asleep", ...fields })
        const long = { inMemoryThreshold: 0, retry: Backoff.linear("1 day") }
        const WaitingLive = Waiting.toLayer(() => DurableHttp.execute({ name: "call", request: post, ...long }))
        const AsleepLive = Asleep.toLayer(() => DurableClock.sleep({ name: "wait", duration: "1 day" }))
        const live = Layer.mergeAll(WaitingLive, AsleepLive).pipe(
          Layer.provideMerge(engine),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, server(503)))
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
              while ((yield* workflow.poll(id)) === undefined) {
                yield* Effect.sleep("50 millis")
              }
            }
            // Until the engine has dropped the entities of the suspended workflows.
            if (isSoak) yield* Effect.sleep("6 seconds")
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

  it.scopedLive(
    "of a durable call on SQLite is little more time than an activity of the engine takes",
    () =>
      Effect.gen(function*() {
        const Bare = Workflow.make({ name: "Bare", ...fields, success: Schema.String })
        const BareLive = Bare.toLayer(() =>
          Activity.make({
            name: "call",
            success: Schema.String,
            execute: Effect.flatMap(HttpClient.execute(post), (response) => response.text).pipe(Effect.orDie)
          })
        )
        const Durable = Workflow.make({
          name: "Durable",
          ...fields,
          success: DurableHttp.answer(Schema.String),
          error: DurableHttp.CallFailed
        })
        const DurableLive = Durable.toLayer(() => DurableHttp.execute({ name: "call", request: post }))
        const live = Layer.mergeAll(BareLive, DurableLive).pipe(
          Layer.provideMerge(Sqlite.engine),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, server(200)))
        )
        yield* Effect.gen(function*() {
          const millis = { bare: Array<number>(), durable: Array<number>() }
          for (let n = 0; n < calls; n++) {
            const id = String(n)
            const times = [
              ["bare", Effect.asVoid(Bare.execute({ id }))],
              ["durable", Effect.asVoid(Effect.orDie(Durable.execute({ id })))]
            ] as const
            for (const [name, call] of n % 2 === 0 ? times : [...times].reverse()) {
              const [took] = yield* Effect.timed(call)
              millis[name].push(Number(took.value._tag === "Nanos" ? took.value.nanos : 0n) / 1e6)
            }
          }
          const median = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)[values.length >> 1]!
          const [bare, durable] = [median(millis.bare), median(millis.durable)]
          yield* Console.log(
            `median of ${calls} calls: activity ${bare.toFixed(2)} ms, durable ${durable.toFixed(2)} ms`
          )
          assert.isAtMost(durable / bare, calls >= 1_000 ? 1.1 : 1.5)
        }).pipe(Effect.provide(live), Logger.withMinimumLogLevel(LogLevel.Error))
      }),
    600_000
  )
})
