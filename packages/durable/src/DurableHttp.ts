/**
 * Makes HTTP calls that survive a crash or a deploy: their key, attempts, waits and deadline are in a workflow engine.
 *
 * A call is `execute` inside any `Workflow`, or a whole `workflow`. The engine is the choice of the program: in memory,
 * or `@effect/cluster` on SQLite or PostgreSQL. The `HttpClient` of the context sends the requests.
 *
 * Each attempt is one activity. Engines run an activity at least once, so a crash in the middle of an attempt sends it
 * again. All attempts of a call carry the same idempotency key, so a server that supports the key does the work once.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Workflow from "@effect/workflow/Workflow"
import type { WorkflowEngine, WorkflowInstance } from "@effect/workflow/WorkflowEngine"
import type { HttpFailure } from "@reprise/http/HttpFailure"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as call from "./internal/call.js"
import { CallFailed } from "./internal/callFailed.js"
import { type Attempt, Ledger, type LoopOptions } from "./internal/model.js"

export { CallFailed } from "./internal/callFailed.js"
export { Failure } from "./internal/failures.js"
export { Attempt, Ledger, type LoopOptions } from "./internal/model.js"

/**
 * @since 0.1.0
 * @category options
 */
export interface Options<A, I = unknown, R1 = never, R2 = never, R3 = never> extends LoopOptions {
  /** Names the call within its workflow. The key and the records of the call have this name, so do not change it. */
  readonly name: string
  /**
   * The request. It is made again after a restart, so make it from the payload of the workflow. Its body must be one
   * that can be sent again. The engine does not persist it.
   */
  readonly request: HttpClientRequest.HttpClientRequest
  /**
   * The schema of the body. The body is JSON, and an empty body is `undefined`. The engine persists the decoded value in
   * its encoded form. Defaults to the body as text.
   */
  readonly read?: Schema.Schema<A, I, R1> | undefined
  /**
   * The delays between attempts, and their number. Defaults to 10 attempts with full jitter over 1 second, 2 seconds and
   * so on, up to 10 minutes. By default it waits for a `Retry-After` of up to 1 day.
   */
  readonly retry?: Schedule.Schedule<unknown, HttpFailure, R2> | undefined
  /** Whether another attempt can succeed. Defaults to the `retryable` of the failure. */
  readonly while?: ((failure: HttpFailure) => boolean) | undefined
  /**
   * Headers that each attempt gets anew, such as `Authorization`. They are never persisted. They replace headers of the
   * request with the same name.
   */
  readonly headers?: Effect.Effect<Headers.Input, never, R3> | undefined
  /**
   * Adds an idempotency key to a request that is not idempotent, derived from the execution id of the workflow and the
   * name of the call. A key that the request has stays. `header` defaults to `Idempotency-Key`. With `false` the request
   * must be idempotent.
   */
  readonly idempotencyKey?: false | { readonly header?: string | undefined } | undefined
  /** The longest time of one attempt, with its body. Defaults to 30 seconds. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** Sends the number of the attempt, from 1, in this header. Defaults to no header. */
  readonly attemptHeader?: string | undefined
}

/**
 * The result of a durable call: a response with status 2xx.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer<out A> {
  readonly status: number
  readonly body: A
  /** The idempotency key of all attempts. Missing if the request has none. */
  readonly key?: string | undefined
  /** The ledger of the call. */
  readonly attempts: ReadonlyArray<Attempt>
}

/**
 * The schema of an `Answer`, for the `success` of a workflow. `read` is the schema of the body.
 *
 * @since 0.1.0
 * @category schemas
 */
export const answer = <A, I, R>(read: Schema.Schema<A, I, R>) =>
  Schema.Struct({ status: Schema.Number, body: read, key: Schema.optional(Schema.String), attempts: Ledger })

/**
 * Makes a durable call inside a workflow. It fails with `CallFailed` after the last attempt.
 *
 * - A restart goes on with the next attempt, after the rest of the wait. Recorded attempts are not sent again.
 * - An open circuit breaker, a closed gate or a full bulkhead of the client makes the call wait. The wait is recorded,
 *   and it does not count as an attempt.
 * - Retries of the client itself are off: an attempt is one request.
 * - If a record is of another version of the program, the call sends nothing. The workflow suspends, and the log says why.
 *
 * Throws `InvalidOption` for an option out of range, a request that is not safe to repeat, and a body that can be read
 * only once.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
 * import { Workflow, WorkflowEngine } from "@effect/workflow"
 * import * as DurableHttp from "@reprise/durable/DurableHttp"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Order = Workflow.make({
 *   name: "Order",
 *   payload: { id: Schema.String },
 *   idempotencyKey: ({ id }) => id,
 *   success: DurableHttp.answer(Schema.String),
 *   error: DurableHttp.CallFailed
 * })
 *
 * const OrderLive = Order.toLayer(({ id }) =>
 *   DurableHttp.execute({ name: "pay", request: HttpClientRequest.post(`http://localhost/orders/${id}/payment`) })
 * )
 *
 * let calls = 0
 * const server = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("paid", { status: ++calls < 2 ? 503 : 200 }))))
 *
 * const program = Order.execute({ id: "42" }).pipe(
 *   Effect.provide(OrderLive.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
 *   Effect.provideService(HttpClient.HttpClient, server)
 * )
 *
 * Effect.runPromise(program).then(({ attempts, body }) => console.log(body, attempts.length)) // => paid 2
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const execute = <A = string, I = unknown, R1 = never, R2 = never, R3 = never>(
  options: Options<A, I, R1, R2, R3>
): Effect.Effect<
  Answer<A>,
  CallFailed,
  HttpClient.HttpClient | WorkflowEngine | WorkflowInstance | R1 | R2 | R3
> => call.execute(options)

/**
 * @since 0.1.0
 * @category options
 */
export interface WorkflowOptions<Name extends string, Payload extends Schema.Struct.Fields, A, I, R1, R2, R3>
  extends Omit<Options<A, I, R1, R2, R3>, "name" | "request" | "headers">
{
  /** Names the workflow in the engine. */
  readonly name: Name
  /** The fields that the request is made from. The engine persists them, so they must not hold secrets. */
  readonly payload: Payload
  /** Identifies a call among those of this workflow: the same id is the same call, which is made once. */
  readonly id: (payload: Schema.Struct.Type<Payload>) => string
  /** The request, or a function that makes it. */
  readonly request:
    | HttpClientRequest.HttpClientRequest
    | ((payload: Schema.Struct.Type<Payload>) => HttpClientRequest.HttpClientRequest)
  /** Headers that each attempt gets anew, for example with a token of the tenant. They are never persisted. */
  readonly headers?:
    | Effect.Effect<Headers.Input, never, R3>
    | ((payload: Schema.Struct.Type<Payload>) => Effect.Effect<Headers.Input, never, R3>)
    | undefined
}

/**
 * A workflow that is one durable call.
 *
 * @since 0.1.0
 * @category models
 */
export interface DurableCall<Name extends string, Payload extends Schema.Struct.Fields, A, R1, R> {
  /** The workflow in the engine, for children, proxies and annotations. */
  readonly workflow: Workflow.Workflow<
    Name,
    Schema.Struct<Payload>,
    Schema.Schema<Answer<A>, unknown, R1>,
    typeof CallFailed
  >
  /** Registers the workflow, so that this process runs such calls. Provide an engine and an `HttpClient`. */
  readonly layer: Layer.Layer<
    never,
    never,
    | WorkflowEngine
    | HttpClient.HttpClient
    | R1
    | R
    | Schema.Schema.Context<Schema.Struct<Payload>>
  >
  /** Starts the call, unless it has been started, and returns its execution id without waiting for its end. */
  readonly start: (
    payload: Schema.Simplify<Schema.Struct.Constructor<Payload>>
  ) => Effect.Effect<string, never, WorkflowEngine | R1 | Schema.Schema.Context<Schema.Struct<Payload>>>
  /** Starts the call, unless it has been started, and waits for its end. */
  readonly await: (
    payload: Schema.Simplify<Schema.Struct.Constructor<Payload>>
  ) => Effect.Effect<Answer<A>, CallFailed, WorkflowEngine | R1 | Schema.Schema.Context<Schema.Struct<Payload>>>
  /** `Complete` with the result, or `Suspended` in a long wait. None if the call is running or unknown. */
  readonly poll: (
    executionId: string
  ) => Effect.Effect<Option.Option<Workflow.Result<Answer<A>, CallFailed>>, never, WorkflowEngine | R1>
  /** Ends the call. An attempt that is running may still reach the server. */
  readonly interrupt: (executionId: string) => Effect.Effect<void, never, WorkflowEngine>
  /** Continues a suspended call. It waits for the rest of its wait. */
  readonly resume: (executionId: string) => Effect.Effect<void, never, WorkflowEngine>
  /** The execution id of a call. */
  readonly executionId: (payload: Schema.Simplify<Schema.Struct.Constructor<Payload>>) => Effect.Effect<string>
}

/**
 * Makes a workflow that is one durable call, with the functions to start, await, poll, interrupt and resume it.
 *
 * The options are those of `execute`. Throws `InvalidOption` for an option out of range, a request that is not safe to
 * repeat, and a body that can be read only once. If `request` is a function, its result is checked before the
 * first attempt, and the call dies with the same error.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
 * import { WorkflowEngine } from "@effect/workflow"
 * import * as DurableHttp from "@reprise/durable/DurableHttp"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Charge = DurableHttp.workflow({
 *   name: "Charge",
 *   payload: { order: Schema.String, cents: Schema.Number },
 *   id: ({ order }) => order,
 *   request: ({ cents }) =>
 *     HttpClientRequest.post("http://localhost/charges").pipe(HttpClientRequest.bodyUnsafeJson({ cents })),
 *   read: Schema.Struct({ charged: Schema.Number })
 * })
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ charged: 500 }))))
 *
 * const program = Effect.gen(function*() {
 *   yield* Charge.start({ order: "A-1", cents: 500 })
 *   const { body, status } = yield* Charge.await({ order: "A-1", cents: 500 })
 *   return `${status} ${body.charged}`
 * }).pipe(
 *   Effect.provide(Charge.layer.pipe(Layer.provideMerge(WorkflowEngine.layerMemory))),
 *   Effect.provideService(HttpClient.HttpClient, server)
 * )
 *
 * Effect.runPromise(program).then(console.log) // => 200 500
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const workflow = <
  const Name extends string,
  Payload extends Schema.Struct.Fields,
  A = string,
  I = unknown,
  R1 = never,
  R2 = never,
  R3 = never
>(
  options: WorkflowOptions<Name, Payload, A, I, R1, R2, R3>
): DurableCall<Name, Payload, A, R1, R2 | R3> => {
  const { headers, id, name, payload, request, ...rest } = options
  call.check(rest, typeof request === "function" ? undefined : request)
  const workflow = Workflow.make({
    name,
    payload,
    // The parameter has the fields of the payload.
    idempotencyKey: (payload) => id(payload as Schema.Struct.Type<Payload>),
    success: answer(rest.read ?? Schema.String as unknown as Schema.Schema<A, I, R1>),
    error: CallFailed
  }) as unknown as DurableCall<Name, Payload, A, R1, R2 | R3>["workflow"]
  const layer = workflow.toLayer((payload) =>
    Effect.suspend(() =>
      execute({
        ...rest,
        name: "call",
        request: typeof request === "function" ? request(payload as Schema.Struct.Type<Payload>) : request,
        headers: typeof headers === "function" ? headers(payload as Schema.Struct.Type<Payload>) : headers
      })
    )
  ) as DurableCall<Name, Payload, A, R1, R2 | R3>["layer"]
  // The constructor of the payload takes the same fields.
  const run = workflow.execute as DurableCall<Name, Payload, A, R1, R2 | R3>["await"]
  const start = workflow.execute as (
    payload: Parameters<typeof run>[0],
    options: { readonly discard: true }
  ) => ReturnType<DurableCall<Name, Payload, A, R1, R2 | R3>["start"]>
  return {
    workflow,
    layer,
    start: (payload) => start(payload, { discard: true }),
    await: (payload) => run(payload),
    poll: (executionId) => Effect.map(workflow.poll(executionId), Option.fromNullable),
    interrupt: workflow.interrupt,
    resume: workflow.resume,
    executionId: workflow.executionId
  }
}
