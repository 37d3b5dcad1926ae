import * as Activity from "@effect/workflow/Activity"
import * as DurableClock from "@effect/workflow/DurableClock"
import * as Workflow from "@effect/workflow/Workflow"
import { type WorkflowEngine, WorkflowInstance } from "@effect/workflow/WorkflowEngine"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Backoff from "reprise/Backoff"
import { InvalidOption } from "reprise/InvalidOption"
import * as clock from "./clock.js"

// With DurableHttp.workflow and DurableRetry, all that touches @effect/workflow.

/**
 * The engine and the running workflow. A workflow provides both.
 *
 * @internal
 */
export type Engine = WorkflowEngine | WorkflowInstance

type Instance = Context.Tag.Service<typeof WorkflowInstance>

/** The errors of `@effect/cluster` that pass. It makes them defects. Other engines do not have them. */
const passing = [
  "PersistenceError",
  "EntityNotAssignedToRunner",
  "RunnerNotRegistered",
  "RunnerUnavailable",
  "MailboxFull",
  "AlreadyProcessingMessage"
]

const isPassing = (cause: Cause.Cause<unknown>): boolean => {
  const defect = Cause.squash(cause)
  return Predicate.hasProperty(defect, "_tag") && passing.includes(String(defect._tag))
}

const pauses = Backoff.exponential("200 millis").pipe(Backoff.capped("10 seconds"), Backoff.equalJitter)

/**
 * Asks the engine again while it cannot reach its storage. A defect would end the workflow for good, because its database
 * has dropped a connection. An engine that has the record of a step returns it.
 *
 * @internal
 */
export const outlasting = <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  step.pipe(
    Effect.sandbox,
    Effect.tapError((cause) =>
      isPassing(cause)
        ? Effect.logWarning("The workflow engine could not do a step of a call. The call asks it again", cause)
        : Effect.void
    ),
    Effect.retry({ while: isPassing, schedule: pauses }),
    Effect.catchAll(Effect.failCause)
  )

/**
 * Runs the effect once and records its result, which must be JSON. A later run of the workflow returns the record.
 *
 * The name has the number of an attempt, and not `Activity.CurrentAttempt`: the engine of `@effect/cluster` finds the code
 * of an activity by its name alone. After a crash in attempt 2 it would run the code of attempt 1 for it.
 *
 * @internal
 */
export const recorded = <R>(
  name: string,
  execute: Effect.Effect<unknown, never, R>
): Effect.Effect<unknown, never, Exclude<R, Engine> | Engine> =>
  outlasting(
    Activity.make({ name, success: Schema.Unknown, execute }) as Effect.Effect<
      unknown,
      never,
      Exclude<R, Engine> | Engine
    >
  )

/**
 * The same in every attempt and every process: a hash of the id of the execution and the name.
 *
 * @internal
 */
export const key = (name: string): Effect.Effect<string, never, WorkflowInstance> => Activity.idempotencyKey(name)

const names = new WeakMap<Instance, Set<string>>()

/**
 * Takes the name for one call of the running workflow. A second call with the same name would get the records of the
 * first.
 *
 * @internal
 */
export const claim = (name: string): Effect.Effect<Instance, never, WorkflowInstance> =>
  Effect.map(WorkflowInstance, (instance) => {
    const taken = names.get(instance) ?? new Set()
    names.set(instance, taken)
    if (name === "" || taken.has(name)) {
      throw new InvalidOption({
        option: "name",
        value: name,
        expected: "a name that no other call of the workflow has"
      })
    }
    taken.add(name)
    return instance
  })

/** A clock that differs by more was set. */
const toleranceMillis = 1_000

/**
 * Suspends the workflow until a recorded date, if it lies ahead. The engine wakes it.
 *
 * A clock that was set back would make the wait longer than its recorded length. Then the attempt itself waits.
 *
 * @internal
 */
export const suspendUntil = (
  name: string,
  wait: { readonly atMillis: number; readonly delayMillis: number }
): Effect.Effect<void, never, Engine> =>
  outlasting(Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const restMillis = wait.atMillis - nowMillis
    return restMillis <= 0 || restMillis > wait.delayMillis + toleranceMillis
      ? Effect.void
      : DurableClock.sleep({ name, duration: Duration.millis(restMillis), inMemoryThreshold: Duration.zero })
  }))

/**
 * Lets the engine end an interrupted workflow.
 *
 * @internal
 */
export const suspend: (instance: Instance) => Effect.Effect<never> = Workflow.suspend

/**
 * Suspends the workflow until a person or a program resumes it. The cause is in its state, and nothing is lost.
 *
 * @internal
 */
export const suspendWith = (error: Error): Effect.Effect<never, never, WorkflowInstance> =>
  Effect.flatMap(WorkflowInstance, (instance) => {
    instance.cause = Cause.die(error)
    return Effect.zipRight(
      Effect.annotateLogs(Effect.logError(error.message), { executionId: instance.executionId }),
      Workflow.suspend(instance)
    )
  })
