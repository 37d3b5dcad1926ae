/**
 * Makes HTTP calls that survive a crash or a deploy: their key, attempts, waits and deadline are in a workflow engine.
 *
 * A call is `execute` inside any `Workflow`, or a whole `workflow`. The engine is the choice of the program: in memory,
 * or `@effect/cluster` on SQLite or PostgreSQL. The `HttpClient` of the context sends the requests.
 *
 * Each attempt is one activity. Engines run an activity at least once, so a crash in the middle of an attempt sends it
 * again. All attempts of a call carry the same idempotency key, so a server that supports the key does the work once.
 *
 * @since 3.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Workflow from "@effect/workflow/Workflow"
import type { WorkflowEngine, WorkflowInstance } from "@effect/workflow/WorkflowEngine"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as call from "./internal/call.js"
import * as engine from "./internal/engine.js"
import { type Answer, CallFailed, Ledger, type Options } from "./internal/model.js"

export { type Answer, Attempt, CallFailed, Failure, Ledger, type LoopOptions, type Options } from "./internal/model.js"

/**
 * The schema of an `Answer`, for the `success` of a workflow. `read` is the schema of the body.
 *
 * @since 3.1.0
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
 * @since 3.1.0
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
 * @since 3.1.0
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

type Input<Payload extends Schema.Struct.Fields> = Schema.Simplify<Schema.Struct.Constructor<Payload>>

type Needs<Payload extends Schema.Struct.Fields, R1> =
  | WorkflowEngine
  | R1
  | Schema.Schema.Context<Schema.Struct<Payload>>

/**
 * A workflow that is one durable call.
 *
 * @since 3.1.0
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
  readonly layer: Layer.Layer<never, never, HttpClient.HttpClient | Needs<Payload, R1> | R>
  /**
   * Starts the call, unless it has been started, and returns its execution id without waiting for its end. If the engine
   * cannot reach its storage, that is a defect. Then start the call again: it is made once.
   */
  readonly start: (payload: Input<Payload>) => Effect.Effect<string, never, Needs<Payload, R1>>
  /** Starts the call, unless it has been started, and waits for its end, also while the engine cannot reach its storage. */
  readonly await: (payload: Input<Payload>) => Effect.Effect<Answer<A>, CallFailed, Needs<Payload, R1>>
  /** `Complete` with the result, or `Suspended` in a long wait. None if the call is running or unknown. */
  readonly poll: (
    executionId: string
  ) => Effect.Effect<Option.Option<Workflow.Result<Answer<A>, CallFailed>>, never, WorkflowEngine | R1>
  /**
   * Ends the call in its current wait. `@effect/cluster` ends only a workflow that is suspended: with it, a call in a wait of
   * up to `inMemoryThreshold` goes on until a longer wait. An attempt that is running may still reach the server.
   */
  readonly interrupt: (executionId: string) => Effect.Effect<void, never, WorkflowEngine>
  /** Continues a suspended call. It waits for the rest of its wait. */
  readonly resume: (executionId: string) => Effect.Effect<void, never, WorkflowEngine>
  /** The execution id of a call. */
  readonly executionId: (payload: Input<Payload>) => Effect.Effect<string>
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
 * @since 3.1.0
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
  type Self = DurableCall<Name, Payload, A, R1, R2 | R3>
  // Both schemas, and the parameters, are of the payload. The compiler does not resolve them while it is generic.
  const idempotencyKey = id as (payload: unknown) => string
  const success = answer(rest.read ?? Schema.String as unknown as Schema.Schema<A, I, R1>)
  const workflow = Workflow.make({
    name,
    payload,
    idempotencyKey,
    success,
    error: CallFailed
  }) as unknown as Self["workflow"]
  const make = (payload: Schema.Struct.Type<Payload>) =>
    execute({
      ...rest,
      name,
      request: typeof request === "function" ? request(payload) : request,
      headers: typeof headers === "function" ? headers(payload) : headers
    })
  const run = (payload: Input<Payload>, options?: { readonly discard: true }) =>
    workflow.execute(payload as never, options as never) as Effect.Effect<never>
  return {
    workflow,
    // An engine prefers the services of the fiber that runs a workflow: over HTTP, that is the client of the cluster.
    layer: Layer.unwrapEffect(
      Effect.map(
        HttpClient.HttpClient,
        (client) =>
          workflow.toLayer((payload) =>
            Effect.suspend(() => make(payload as Schema.Struct.Type<Payload>)).pipe(
              Effect.provideService(HttpClient.HttpClient, client)
            )
          )
      )
    ) as Self["layer"],
    start: (payload) => run(payload, { discard: true }),
    await: (payload) => engine.outlasting(run(payload)),
    poll: (executionId) => Effect.map(workflow.poll(executionId), Option.fromNullable),
    interrupt: (executionId) => workflow.interrupt(executionId),
    resume: (executionId) => workflow.resume(executionId),
    executionId: (payload) => workflow.executionId(payload)
  }
}
