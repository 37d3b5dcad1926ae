/** The services of tests that have another form in each edition of Effect: `services.ts` has them all. */

import {
  Cause,
  Clock,
  ConfigError,
  ConfigProvider,
  ConfigProviderPathPatch,
  Duration,
  Effect,
  type Fiber,
  FiberRef,
  HashSet,
  Layer,
  List,
  Logger,
  Metric,
  Option,
  Random,
  type Scheduler,
  Supervisor
} from "effect"
import type * as Services from "./services.js"

/** A clock of which a test says the time, the nanoseconds by a clock that nobody sets. */
export abstract class OwnClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  abstract unsafeCurrentTimeMillis(): number
  abstract unsafeCurrentTimeNanos(): bigint
  abstract sleep(duration: Duration.Duration): Effect.Effect<void>
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())
}

/** `Random.next` takes its numbers from a function. */
export const drawing = (next: () => number): Random.Random => ({
  ...Random.make(0),
  [Random.RandomTypeId]: Random.RandomTypeId,
  next: Effect.sync(next),
  nextRange: (min, max) => Effect.sync(() => min + next() * (max - min))
})

/** A configuration with these names. */
export const settings = (
  entries: Readonly<Record<string, string>>,
  pathDelim = "."
): ConfigProvider.ConfigProvider => ConfigProvider.fromMap(new Map(Object.entries(entries)), { pathDelim })

/** A configuration without values, and with these names at each place below the first. */
export const endless = (names: () => Effect.Effect<ReadonlyArray<string>>): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromFlat(ConfigProvider.makeFlat({
    load: (path) => Effect.fail(ConfigError.MissingData([...path], "none")),
    enumerateChildren: () => Effect.map(names(), HashSet.fromIterable),
    patch: ConfigProviderPathPatch.empty
  }))

/** A configuration without values that cannot list its names. */
export const unlisted: ConfigProvider.ConfigProvider = ConfigProvider.fromFlat(ConfigProvider.makeFlat({
  load: (path) => Effect.fail(ConfigError.MissingData([...path], "none")),
  enumerateChildren: () => Effect.fail(ConfigError.SourceUnavailable([], "down", {} as never)),
  patch: ConfigProviderPathPatch.empty
}))

/** Finds `attemptTimeout` as `attempt-timeout`. */
export const kebabCase: (self: ConfigProvider.ConfigProvider) => ConfigProvider.ConfigProvider =
  ConfigProvider.kebabCase

/** Each mistake in a `ConfigError`: its kind, the variable and the message. */
export const mistakes = (error: unknown): ReadonlyArray<string> => {
  if (!ConfigError.isConfigError(error)) return []
  if (ConfigError.isAnd(error)) return [...mistakes(error.left), ...mistakes(error.right)]
  const kind = ConfigError.isInvalidData(error) ? "invalid" : ConfigError.isMissingData(error) ? "missing" : error._op
  return "path" in error ? [`${kind} ${error.path.join(".")}: ${error.message}`] : [kind]
}

/** A metric of durations. */
export const latency = Metric.summaryTimestamp({
  name: "latency",
  maxAge: "1 minute",
  maxSize: 100,
  error: 0.01,
  quantiles: [0.5, 0.99]
}).pipe(Metric.withNow, Metric.mapInput(Duration.toMillis))

/** Gives each line of the log to a function, and to no other logger. */
export const logging = (write: (line: Services.Line) => void): Layer.Layer<never> =>
  Layer.scopedDiscard(
    Effect.locallyScoped(
      FiberRef.currentLoggers,
      HashSet.make(Logger.make(({ annotations, cause, logLevel, message, spans }) =>
        write({
          level: logLevel.label,
          message: message as ReadonlyArray<unknown>,
          cause: Option.liftPredicate(cause, (cause) => !Cause.isEmpty(cause)),
          annotations: Object.fromEntries(annotations),
          spans: List.toArray(spans).map(({ label }) => label)
        })
      ))
    )
  )

/** A scheduler whose tasks go to `add`. */
export const scheduling = (
  add: (task: () => void) => void,
  yields: (operations: number) => boolean
): Scheduler.Scheduler => ({
  shouldYield: ({ currentOpCount }) => yields(currentOpCount) ? 0 : false,
  scheduleTask: add
})

/** Starts a program with the first task. */
export const forkLater = <A, E>(
  program: Effect.Effect<A, E>,
  scheduler: Scheduler.Scheduler
): Fiber.RuntimeFiber<A, E> => Effect.runFork(program, { scheduler, immediate: false })

/** Lets the scheduler run after each operation: a yield takes nine of them, and one has to be left for the program. */
export const yieldAlways = (operations: number): boolean => operations > 10

/** Counts the fibers that run, of those which a program starts. */
export class FiberCount extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  private readonly fibers = new Set<unknown>()

  override onStart(_context: unknown, _effect: unknown, _parent: unknown, fiber: unknown) {
    this.fibers.add(fiber)
  }
  override onEnd(_exit: unknown, fiber: unknown) {
    this.fibers.delete(fiber)
  }
  get running(): number {
    return this.fibers.size
  }
  readonly of = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.supervised(program, this)
}

/** The cause as plain data, without the ids of fibers. */
export const plainCause = (cause: Cause.Cause<unknown>): unknown =>
  Cause.match(cause, {
    onEmpty: "empty" as unknown,
    onFail: (fail) => ({ fail }),
    onDie: (die) => ({ die }),
    onInterrupt: () => "interrupt",
    onSequential: (left, right) => ({ sequential: [left, right] }),
    onParallel: (left, right) => ({ parallel: [left, right] })
  })

/** A value that an effect sets for its fiber, and that the fibers it forks begin with. */
export const reference = <A>(initial: A, options?: { readonly fork?: (value: A) => A }) => {
  const ref = FiberRef.unsafeMake(initial, options)
  return {
    get: FiberRef.get(ref),
    set: (value: A) => FiberRef.set(ref, value),
    locally: <B, E, R>(self: Effect.Effect<B, E, R>, value: A): Effect.Effect<B, E, R> =>
      Effect.locally(self, ref, value)
  }
}

/** A number that a part of a program has: the least of those around it. A fiber that lives longer than that part keeps it. */
export const least = () => {
  const ref = FiberRef.unsafeMake(Infinity, { join: (own) => own })
  const current = FiberRef.get(ref)
  return {
    current,
    locally: <A, E, R>(self: Effect.Effect<A, E, R>, value: number): Effect.Effect<A, E, R> =>
      Effect.flatMap(current, (outer) => Effect.locally(self, ref, Math.min(outer, value)))
  }
}

/** The metrics of the program. */
export const metrics = Effect.map(Metric.snapshot, (all) =>
  all.map(({ metricKey, metricState }) => ({
    name: metricKey.name,
    tags: Object.fromEntries(Array.from(metricKey.tags, ({ key, value }) => [key, value])),
    state: metricState as unknown as { readonly count?: number; readonly value?: number }
  })))
