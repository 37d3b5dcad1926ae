import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Workflow, WorkflowEngine } from "@effect/workflow"
import { Cause, Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import * as Backoff from "reprise/Backoff"
import * as InvalidOption from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Engine from "./support/engine.js"
import * as Server from "./support/server.js"
import { itIsVirtual, pass, runAll } from "./support/time.js"

const post = HttpClientRequest.post("http://api.example.com/charges?secret=1")

/** Runs one call in an engine of its own while time passes. */
const run = <A, I, R2>(client: HttpClient.HttpClient, options: Partial<DurableHttp.Options<A, I, never, R2>>) => {
  const live = Engine.Call.toLayer(() =>
    DurableHttp.execute({ name: "charge", request: post, ...options } as DurableHttp.Options<string>)
  )
  return runAll(Effect.exit(Engine.Call.execute({ id: "1" }))).pipe(
    Effect.provide(live.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
    Effect.provideService(HttpClient.HttpClient, client)
  )
}

const failure = <A, E>(exit: Exit.Exit<A, E>): E => {
  assert.isTrue(Exit.isFailure(exit))
  return Option.getOrThrow(Cause.failureOption((exit as Exit.Failure<A, E>).cause))
}

const seconds = Backoff.linear("1 second").pipe(
  Backoff.attempts(4),
  Retry.whileRetryable,
  Retry.honorHint({ jitter: 0 })
)

describe("a durable call", () => {
  itIsVirtual(
    "sends a failed request again with the same key, and returns the answer with the ledger",
    () =>
      Effect.gen(function*() {
        const { client, seen } = Server.make((n) => n === 1 ? 503 : n === 2 ? "refused" : 200)
        const exit = yield* run(client, { retry: seconds, attemptHeader: "X-Attempt" })
        const answer = yield* exit
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.body, "\"done\"")
        assert.deepStrictEqual(
          answer.attempts.map(({ delayMillis, failure, number, reason }) => [
            number,
            failure?.tag,
            delayMillis,
            reason
          ]),
          [
            [1, "ServerError", 1_000, "backoff"],
            [2, "ConnectFailure", 2_000, "backoff"],
            [3, undefined, undefined, "success"]
          ]
        )
        assert.deepStrictEqual(seen.map(({ atMillis, headers }) => [atMillis, headers["x-attempt"]]), [
          [0, "1"],
          [1_000, "2"],
          [3_000, "3"]
        ])
        assert.deepStrictEqual([...new Set(seen.map(({ key }) => key))], [answer.key])
      })
  )

  itIsVirtual("waits as long as the server asks", () =>
    Effect.gen(function*() {
      const busy = () => new Response("", { status: 429, headers: { "retry-after": "30" } })
      const { client, seen } = Server.make((n) => n === 1 ? busy() : 200)
      const answer = yield* (yield* run(client, { retry: seconds }))
      assert.deepStrictEqual(seen.map(({ atMillis }) => atMillis), [0, 30_000])
      assert.strictEqual(answer.attempts[0]?.reason, "retryAfter")
    }))

  itIsVirtual("fails after the last attempt with the failure, its body and the ledger", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => new Response("down for maintenance", { status: 503 }))
      const error = failure(yield* run(client, { retry: seconds }))
      assert.strictEqual(error._tag, "CallFailed")
      assert.strictEqual(error.reason, "attempts")
      assert.strictEqual(error.sent, "maybe")
      assert.strictEqual(error.failure?.status, 503)
      assert.strictEqual(error.failure?.url, "http://api.example.com/charges")
      assert.strictEqual(error.body, "down for maintenance")
      assert.strictEqual(error.attempts.length, 4)
      assert.strictEqual(seen.length, 4)
      assert.strictEqual(
        error.message,
        "The call \"charge\" failed after 4 attempts (attempts). The server failed (503): POST http://api.example.com/charges"
      )
    }))

  itIsVirtual("does not retry a failure that fails every time", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 422)
      const error = failure(yield* run(client, { retry: seconds }))
      assert.strictEqual(error.reason, "notRetryable")
      assert.strictEqual(seen.length, 1)
    }))

  itIsVirtual("retries what `while` accepts, and nothing else", () =>
    Effect.gen(function*() {
      const conflict = Server.make(() => 409)
      const accepted = failure(
        yield* run(conflict.client, { retry: seconds, while: (failure) => failure._tag === "ClientError" })
      )
      assert.strictEqual(accepted.reason, "attempts")
      const down = Server.make(() => 503)
      const refused = failure(yield* run(down.client, { retry: seconds, while: () => false }))
      assert.strictEqual(refused.reason, "notRetryable")
      assert.deepStrictEqual([conflict.seen.length, down.seen.length], [4, 1])
    }))

  itIsVirtual(
    "decodes the body by the schema, and does not repeat a request whose body is not valid",
    () =>
      Effect.gen(function*() {
        const read = Schema.Struct({ at: Schema.Date })
        const Dated = Workflow.make({
          name: "Dated",
          payload: { id: Schema.String },
          idempotencyKey: ({ id }) => id,
          success: DurableHttp.answer(read),
          error: DurableHttp.CallFailed
        })
        const { client, seen } = Server.make((n) => Response.json(n === 1 ? { at: "2026-01-02" } : { at: 3 }))
        const live = Dated.toLayer(() => DurableHttp.execute({ name: "dated", request: post, read }))
        yield* Effect.gen(function*() {
          const { body } = yield* Dated.execute({ id: "1" })
          assert.strictEqual(body.at.getUTCFullYear(), 2026)
          const error = yield* Effect.flip(Dated.execute({ id: "2" }))
          assert.strictEqual(error.failure?.tag, "DecodeFailure")
          assert.strictEqual(seen.length, 2)
        }).pipe(
          Effect.provide(live.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
          Effect.provideService(HttpClient.HttpClient, client)
        )
      })
  )

  itIsVirtual("ends an attempt that hangs, and tries again", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make((n) => n === 1 ? Effect.never : 200)
      const answer = yield* (yield* run(client, { retry: seconds, attemptTimeout: "5 seconds" }))
      assert.strictEqual(answer.attempts[0]?.failure?.tag, "AttemptTimeout")
      assert.deepStrictEqual(seen.map(({ atMillis }) => atMillis), [0, 6_000])
    }))

  itIsVirtual("starts no wait that would pass the deadline", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 503)
      const error = failure(yield* run(client, { retry: seconds, deadline: "2500 millis" }))
      assert.strictEqual(error.reason, "deadline")
      assert.strictEqual(error.failure?.status, 503)
      assert.strictEqual(seen.length, 2)
    }))

  itIsVirtual("ends a running attempt at the deadline", () =>
    Effect.gen(function*() {
      const { client } = Server.make(() => Effect.never)
      const error = failure(yield* run(client, { retry: seconds, deadline: "10 seconds" }))
      assert.strictEqual(error.reason, "deadline")
      assert.strictEqual(error.failure?.tag, "AttemptTimeout")
      assert.strictEqual(error.sent, "maybe")
      assert.deepStrictEqual(error.attempts.map(({ durationMillis, number }) => [number, durationMillis]), [[
        1,
        10_000
      ]])
    }))

  itIsVirtual("keeps the key of the request, and adds none to an idempotent request", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 200)
      const own = HttpClientRequest.setHeader(post, "Idempotency-Key", "order-42")
      const first = yield* (yield* run(client, { request: own }))
      const second = yield* (yield* run(client, { request: HttpClientRequest.get("http://api.example.com/") }))
      const third = yield* (yield* run(client, { idempotencyKey: { header: "X-Request-Id" } }))
      assert.deepStrictEqual([first.key, second.key], ["order-42", undefined])
      assert.strictEqual(seen[2]?.headers["x-request-id"], third.key)
      assert.strictEqual(seen[2]?.key, undefined)
    }))

  itIsVirtual("keeps the first 8 and the last 24 lines of the ledger", () =>
    Effect.gen(function*() {
      const { client } = Server.make((n) => n < 50 ? 503 : 200)
      const { attempts } = yield* (yield* run(client, { retry: Backoff.linear("1 second") }))
      assert.strictEqual(attempts.length, 32)
      assert.deepStrictEqual(attempts.map(({ number }) => number).slice(7, 9), [8, 27])
      assert.strictEqual(attempts.at(-1)?.number, 50)
    }))

  itIsVirtual("refuses a second call with the same name", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 200)
      const one = DurableHttp.execute({ name: "charge", request: post })
      const live = Engine.Call.toLayer(() => Effect.zipRight(one, one))
      const exit = yield* Effect.exit(Engine.Call.execute({ id: "1" })).pipe(
        Effect.provide(live.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "no other call of the workflow")
      assert.strictEqual(seen.length, 1)
    }))
})

describe("a request that is not safe to repeat", () => {
  const make = (options: Partial<DurableHttp.WorkflowOptions<"Unsafe", {}, string, string, never, never, never>>) =>
    DurableHttp.workflow({ name: "Unsafe", payload: {}, id: () => "1", request: post, ...options })

  it("is refused when the workflow is made, if it has neither a key nor an idempotent method", () => {
    assert.throws(() => make({ idempotencyKey: false }), InvalidOption.InvalidOption, "POST is not idempotent")
    make({ idempotencyKey: false, request: HttpClientRequest.put("http://localhost") })
    make({ idempotencyKey: false, request: HttpClientRequest.setHeader(post, "Idempotency-Key", "1") })
  })

  it("is refused when the workflow is made, if its body can be read only once", () => {
    const stream = HttpClientRequest.bodyStream(post, Stream.make(new Uint8Array(1)))
    assert.throws(() => make({ request: stream }), InvalidOption.InvalidOption, "a body that can be sent again")
  })

  itIsVirtual("is refused before the first attempt, if the payload makes it", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 200)
      const call = make({ idempotencyKey: false, request: () => post })
      const exit = yield* Effect.exit(call.await({})).pipe(
        Effect.provide(call.layer.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "POST is not idempotent")
      assert.strictEqual(seen.length, 0)
    }))

  it("fails for options out of range", () => {
    assert.throws(() => make({ attemptTimeout: 0 }), "attemptTimeout")
    assert.throws(() => make({ deadline: -1 }), "deadline")
    assert.throws(() => make({ inMemoryThreshold: NaN }), "inMemoryThreshold")
    assert.throws(() => make({ idempotencyKey: { header: "no header" } }), "header")
    assert.throws(() => make({ attemptHeader: "no header" }), "attemptHeader")
    assert.throws(() => make({ attemptHeader: "idempotency-key" }), "a header other than Idempotency-Key")
    make({ idempotencyKey: { header: "X-Attempt" } })
  })
})

describe("a ready-made workflow", () => {
  const charge = DurableHttp.workflow({
    name: "Charge",
    payload: { order: Schema.String },
    id: ({ order }) => order,
    request: ({ order }) => HttpClientRequest.post(`http://api.example.com/charges/${order}`),
    headers: ({ order }) => Effect.succeed({ authorization: `Bearer ${order}` }),
    retry: Backoff.linear("2 minutes").pipe(Backoff.attempts(3))
  })

  it.effect("is started, polled, awaited and resumed", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make((n) => n === 1 ? 503 : 200)
      yield* Effect.gen(function*() {
        const id = yield* charge.start({ order: "7" })
        assert.strictEqual(id, yield* charge.executionId({ order: "7" }))
        yield* pass("1 minute")
        const waiting = yield* charge.poll(id)
        assert.strictEqual(Option.getOrThrow(waiting)._tag, "Suspended")
        yield* charge.resume(id)
        yield* pass("59 seconds")
        assert.strictEqual(seen.length, 1)
        yield* pass("1 second")
        const { body } = yield* charge.await({ order: "7" })
        assert.strictEqual(body, "\"done\"")
        assert.strictEqual(Option.getOrThrow(yield* charge.poll(id))._tag, "Complete")
        assert.deepStrictEqual(seen.map(({ headers }) => headers["authorization"]), ["Bearer 7", "Bearer 7"])
      }).pipe(
        Effect.provide(charge.layer.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
        Effect.provideService(HttpClient.HttpClient, client)
      )
    }))

  itIsVirtual("uses the client of its layer, whichever the engine has", () =>
    Effect.gen(function*() {
      const own = Server.make(() => 200)
      const engines = Server.make(() => 200)
      const layer = Layer.provide(charge.layer, Layer.succeed(HttpClient.HttpClient, own.client))
      yield* charge.await({ order: "7" }).pipe(
        Effect.provideService(HttpClient.HttpClient, engines.client),
        Effect.provide(layer.pipe(Layer.provideMerge(Engine.layer(Engine.makeStore()))))
      )
      assert.deepStrictEqual([own.seen.length, engines.seen.length], [1, 0])
    }))

  it.effect("sends nothing more after an interruption", () =>
    Effect.gen(function*() {
      const { client, seen } = Server.make(() => 503)
      yield* Effect.gen(function*() {
        const id = yield* charge.start({ order: "8" })
        yield* pass("1 minute")
        yield* charge.interrupt(id)
        yield* pass("1 hour")
        assert.strictEqual(seen.length, 1)
      }).pipe(
        Effect.provide(charge.layer.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
        Effect.provideService(HttpClient.HttpClient, client)
      )
    }))
})
