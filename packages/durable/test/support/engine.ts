/**
 * An engine whose store is outside of it, so that a test can end a "process" at any moment and start another one over
 * the same store. Records go through JSON, as in a database.
 */
import { Workflow, WorkflowEngine } from "@effect/workflow"
import { Clock, type Context, Data, Duration, Effect, Exit, Layer, Schema } from "effect"
import * as DurableHttp from "../../src/DurableHttp.js"

/** A workflow that is one call. */
export const Call = Workflow.make({
  name: "Call",
  payload: { id: Schema.String },
  idempotencyKey: ({ id }) => id,
  success: DurableHttp.answer(Schema.String),
  error: DurableHttp.CallFailed
})

export interface Store {
  readonly activities: Map<string, string>
  readonly deferreds: Map<string, Exit.Exit<unknown, unknown>>
  readonly clocks: Map<string, { readonly executionId: string; readonly wakeMillis: number }>
  /** Whether the next write or read fails. Asked before and after each one: a write may be there, and its answer lost. */
  isLost?: () => boolean
}

class PersistenceError extends Data.TaggedError("PersistenceError") {}

/** As an engine of `@effect/cluster` does when its database cannot be reached. */
const stored = <A, E, R>(store: Store, operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const answered = Effect.suspend(() => store.isLost?.() ? Effect.die(new PersistenceError()) : Effect.void)
  return answered.pipe(Effect.zipRight(operation), Effect.zipLeft(answered))
}

export const makeStore = (): Store => ({ activities: new Map(), deferreds: new Map(), clocks: new Map() })

/** The context of the body of a workflow. */
export type Needs = WorkflowEngine.WorkflowInstance | WorkflowEngine.WorkflowEngine

type Body = (
  payload: object,
  executionId: string
) => Effect.Effect<unknown, unknown, Needs>

const json = (value: unknown): string => JSON.stringify(value === undefined ? null : value)

/** Runs a workflow to its end or, if no clock would wake it, to its suspension. */
const make = (store: Store): Context.Tag.Service<typeof WorkflowEngine.WorkflowEngine> => {
  const bodies = new Map<Workflow.Any, Body>()

  const wake = Effect.fnUntraced(function*(executionId: string) {
    const own = [...store.clocks].filter(([id, clock]) => clock.executionId === executionId && !store.deferreds.has(id))
    const [first] = own.sort(([, a], [, b]) => a.wakeMillis - b.wakeMillis)
    if (first === undefined) return false
    const nowMillis = yield* Clock.currentTimeMillis
    yield* Effect.sleep(Duration.millis(Math.max(0, first[1].wakeMillis - nowMillis)))
    store.deferreds.set(first[0], Exit.void)
    return true
  })

  const run = Effect.fnUntraced(function*(workflow: Workflow.Any, executionId: string, payload: object) {
    while (true) {
      const instance = WorkflowEngine.WorkflowInstance.initial(workflow, executionId)
      const result = yield* bodies.get(workflow)!(payload, executionId).pipe(
        Workflow.intoResult,
        Effect.provideService(WorkflowEngine.WorkflowInstance, instance),
        Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
      )
      if (result._tag === "Complete" || !(yield* wake(executionId))) return result
    }
  })

  const engine = WorkflowEngine.makeUnsafe({
    register: (workflow, execute) => Effect.sync(() => void bodies.set(workflow, execute)),
    execute: (workflow, { executionId, payload }) =>
      stored(store, run(workflow, executionId, payload)) as Effect.Effect<never>,
    poll: () => Effect.succeed(undefined),
    interrupt: () => Effect.void,
    resume: () => Effect.void,
    activityExecute: Effect.fnUntraced(function*(activity, attempt) {
      const instance = yield* WorkflowEngine.WorkflowInstance
      const id = `${instance.executionId}/${activity.name}/${attempt}`
      const record = store.activities.get(id)
      if (record !== undefined) return new Workflow.Complete({ exit: Exit.succeed(JSON.parse(record)) })
      const result = yield* Workflow.intoResult(activity.executeEncoded).pipe(
        Effect.provideService(
          WorkflowEngine.WorkflowInstance,
          WorkflowEngine.WorkflowInstance.initial(instance.workflow, instance.executionId)
        )
      )
      if (result._tag === "Complete" && Exit.isSuccess(result.exit)) store.activities.set(id, json(result.exit.value))
      return result
    }, (step) => stored(store, step)) as WorkflowEngine.Encoded["activityExecute"],
    deferredResult: (deferred) =>
      stored(
        store,
        Effect.map(
          WorkflowEngine.WorkflowInstance,
          ({ executionId }) => store.deferreds.get(`${executionId}/${deferred.name}`)
        )
      ),
    deferredDone: ({ deferredName, executionId, exit }) =>
      Effect.sync(() => void store.deferreds.set(`${executionId}/${deferredName}`, exit)),
    scheduleClock: (_workflow, { clock, executionId }) =>
      stored(
        store,
        Effect.map(Clock.currentTimeMillis, (nowMillis) => {
          const id = `${executionId}/${clock.deferred.name}`
          if (store.clocks.has(id)) return
          store.clocks.set(id, { executionId, wakeMillis: nowMillis + Duration.toMillis(clock.duration) })
        })
      )
  })
  return engine
}

/** One process: an engine of its own over the store. */
export const layer = (store: Store): Layer.Layer<WorkflowEngine.WorkflowEngine> =>
  Layer.sync(WorkflowEngine.WorkflowEngine, () => make(store))
