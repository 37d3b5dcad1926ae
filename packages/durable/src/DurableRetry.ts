/**
 * Retries an `Activity` of a workflow with a `Schedule`, and keeps the attempts and waits across restarts.
 *
 * `Activity.retry` of Effect repeats at once, without a schedule. Here the delay is drawn once and recorded, so a
 * restart waits only for the rest of it.
 *
 * @since 3.1.0
 */
import * as Activity from "@effect/workflow/Activity"
import type { WorkflowEngine, WorkflowInstance } from "@effect/workflow/WorkflowEngine"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type { NoInfer } from "effect/Types"
import * as Retry from "reprise/Retry"
import * as loop from "./internal/loop.js"
import { DeadlinePassed, type LoopOptions } from "./internal/model.js"
import * as records from "./internal/records.js"

export { DeadlinePassed, type LoopOptions } from "./internal/model.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<in E> extends LoopOptions {
  /** Whether another attempt can succeed. Defaults to yes: the schedule decides. */
  readonly while?: ((error: E) => boolean) | undefined
}

/**
 * Runs the activity again after each failure while the schedule continues, then fails with the last error.
 *
 * Any schedule works, with `Backoff` and the filters of `Retry`. Each attempt is recorded with its result and the delay
 * after it. `Activity.CurrentAttempt` is the number of the attempt. A long wait suspends the workflow. After a restart
 * the schedule continues from its last step. It fails with `DeadlinePassed` if the deadline ends an attempt or comes before the
 * first one. Retry loops inside the activity make one attempt, as in `Retry.withoutNested`. Throws `InvalidOption` for
 * an option out of range.
 *
 * @example
 * ```ts
 * import { Activity, Workflow, WorkflowEngine } from "@effect/workflow"
 * import * as DurableRetry from "@reprise/durable/DurableRetry"
 * import { Effect, Layer, Schema } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const Send = Workflow.make({
 *   name: "Send",
 *   payload: { id: Schema.String },
 *   idempotencyKey: ({ id }) => id,
 *   success: Schema.Number,
 *   error: Schema.String
 * })
 *
 * const policy = Backoff.exponential("10 millis").pipe(Backoff.fullJitter, Backoff.attempts(5))
 *
 * const SendLive = Send.toLayer(() =>
 *   Activity.make({
 *     name: "email",
 *     success: Schema.Number,
 *     error: Schema.String,
 *     execute: Effect.flatMap(Activity.CurrentAttempt, (n) => n < 3 ? Effect.fail("busy") : Effect.succeed(n))
 *   }).pipe(DurableRetry.retry(policy))
 * )
 *
 * const program = Send.execute({ id: "1" }).pipe(
 *   Effect.provide(SendLive.pipe(Layer.provideMerge(WorkflowEngine.layerMemory)))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => 3
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const retry: {
  <E, R1, const O extends Options<NoInfer<E>> = {}>(
    schedule: Schedule.Schedule<unknown, E, R1>,
    options?: O
  ): <S extends Schema.Schema.Any, F extends Schema.Schema.All, R>(
    activity: Activity.Activity<S, F, R> & ([F["Type"]] extends [E] ? unknown : never)
  ) => Retried<S, F, R | R1, O>
  <S extends Schema.Schema.Any, F extends Schema.Schema.All, R, R1, const O extends Options<NoInfer<F["Type"]>> = {}>(
    activity: Activity.Activity<S, F, R>,
    schedule: Schedule.Schedule<unknown, NoInfer<F["Type"]>, R1>,
    options?: O
  ): Retried<S, F, R | R1, O>
} = dual((args) => Predicate.hasProperty(args[0], "executeEncoded"), <A, E, R, R1>(
  activity: Activity.Activity<Schema.Schema<A>, Schema.Schema<E>, R>,
  schedule: Schedule.Schedule<unknown, E, R1>,
  options: Options<E> = {}
) => {
  loop.check(options)
  const { name } = activity
  const finished = loop.run({
    ...options,
    name,
    attempt: (number) => Retry.withoutNested(Effect.provideService(activity.execute, Activity.CurrentAttempt, number)),
    success: activity.successSchema,
    error: activity.errorSchema,
    schedule: options.while === undefined ? schedule : Retry.whileError(options.while)(schedule),
    describe
  })
  return Effect.flatMap(finished, ({ answer, deadlineMillis, errors, lines }): Effect.Effect<A, E | DeadlinePassed> => {
    if (Option.isSome(answer)) return Effect.succeed(answer.value)
    // The end of the deadline has no failure of its own.
    return lines.at(-1)?.failure !== undefined
      ? Effect.fail(errors.at(-1)!)
      : Effect.fail(new DeadlinePassed({ name, deadlineMillis, attempts: records.ledger(lines) }))
  })
})

/**
 * The effect of a retried activity. `DeadlinePassed` is among its errors if the options have a `deadline`.
 *
 * @since 3.1.0
 * @category models
 */
export type Retried<S extends Schema.Schema.Any, F extends Schema.Schema.All, R, O> = Effect.Effect<
  S["Type"],
  F["Type"] | ("deadline" extends keyof O ? DeadlinePassed : never),
  Schema.Schema.Context<S> | Schema.Schema.Context<F> | R | WorkflowEngine | WorkflowInstance
>

/** No message: only the schema of the error says what may be persisted. */
const describe = (error: unknown) => ({ tag: Predicate.hasProperty(error, "_tag") ? String(error._tag) : "Error" })
