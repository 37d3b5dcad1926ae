import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Activity, Workflow } from "@effect/workflow"
import { Console, Effect, Layer, Logger, LogLevel, Schema } from "effect"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Sqlite from "./support/sqlite.effect3.js"
import { itHoldsLittle } from "./support/waiting.js"

/** `pnpm soak:durable` sets it to 10,000, which takes 20 minutes. */
const waiting = Number(process.env["DURABLE_WAITING"] ?? 0)

/** `pnpm soak:durable` sets it to 1,000. */
const calls = Number(process.env["DURABLE_CALLS"] ?? 100)

const server = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("done", { headers: { "content-length": "4" } })))
)

const post = HttpClientRequest.post("http://localhost/charges")

const fields = { payload: { id: Schema.String }, idempotencyKey: ({ id }: { readonly id: string }) => id }

describe("the cost", () => {
  if (waiting > 0) itHoldsLittle({ name: "on SQLite", engine: Sqlite.engine, waiting, dropsAfter: "6 seconds" })

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
          Layer.provide(Layer.succeed(HttpClient.HttpClient, server))
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
