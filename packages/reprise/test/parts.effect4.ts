/** The services of tests that have another form in each edition of Effect: `services.ts` has them all. */
import type { Cause, Fiber, Layer, Scheduler } from "effect"
import {
  Clock,
  Config,
  ConfigProvider,
  Context,
  Duration,
  Effect,
  Logger,
  Metric,
  Option,
  Random,
  References,
  SchemaIssue,
  String as String_
} from "effect"
import type * as Services from "./services.js"

/** A clock of which a test says the time, the monotonic time apart from that of the day. */
export abstract class OwnClock implements Clock.Clock {
  abstract currentTimeMillisUnsafe(): number
  abstract monotonicTimeNanosUnsafe(): bigint
  abstract sleep(duration: Duration.Duration): Effect.Effect<void>
  currentTimeNanosUnsafe() {
    return BigInt(Math.round(this.currentTimeMillisUnsafe())) * 1_000_000n
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())
}

/** `Random.next` takes its numbers from a function. */
export const drawing = (next: () => number): Random.Random => ({
  nextDoubleUnsafe: next,
  nextIntUnsafe: () => Math.floor(next() * Number.MAX_SAFE_INTEGER)
})

/** A configuration with these names. */
export const settings = (
  entries: Readonly<Record<string, string>>,
  pathDelim = "."
): ConfigProvider.ConfigProvider =>
  ConfigProvider.make((path) => {
    const key = path.join(pathDelim)
    const start = key === "" ? "" : `${key}${pathDelim}`
    const within = Object.keys(entries).filter((name) => name.startsWith(start) && name !== start)
    const names = within.map((name) => name.slice(start.length).split(pathDelim)[0]!)
    const value = entries[key]
    if (names.length > 0) return Effect.succeed(ConfigProvider.makeRecord(new Set(names), value))
    return Effect.succeed(value === undefined ? undefined : ConfigProvider.makeValue(value))
  })

/** A configuration without values, and with these names at each place below the first. */
export const endless = (names: () => Effect.Effect<ReadonlyArray<string>>): ConfigProvider.ConfigProvider =>
  ConfigProvider.make(([, ...within]) =>
    Effect.map(within.length === 0 ? names() : Effect.succeed(["X", "Y"]), (all) => ConfigProvider.makeRecord(new Set(all)))
  )

/** A configuration without values that cannot list its names. */
export const unlisted: ConfigProvider.ConfigProvider = ConfigProvider.make(([, variable]) =>
  variable === undefined ? Effect.fail(new ConfigProvider.SourceError({ message: "down" })) : Effect.undefined
)

/** Finds `attemptTimeout` as `attempt-timeout`. */
export const kebabCase = ConfigProvider.mapInput((path) =>
  path.map((name) => typeof name === "string" ? String_.kebabCase(name.toLowerCase().replaceAll("_", "-")) : name)
)

/** Each mistake in a `ConfigError`: its kind, the variable and the message. */
export const mistakes = (error: unknown): ReadonlyArray<string> => {
  if (!(error instanceof Config.ConfigError)) return []
  if (error.cause._tag === "SourceError") return ["SourceUnavailable"]
  const { issue } = error.cause
  const { issues } = SchemaIssue.makeFormatterStandardSchemaV1()(issue)
  const kind = JSON.stringify(issue).includes("\"InvalidType\"") ? "missing" : "invalid"
  return issues.map(({ message, path = [] }) => `${kind} ${path.join(".")}: ${message}`)
}

const millis = Metric.summary("latency", { maxAge: "1 minute", maxSize: 100, quantiles: [0.5, 0.99] })

/** A metric of durations: the types of Effect 4 do not let `mapInput` take another type. */
export const latency = Metric.mapInput(
  millis as Metric.Metric<Duration.Duration | number, Metric.SummaryState>,
  (duration: Duration.Duration) => Duration.toMillis(duration)
)

/** Gives each line of the log to a function, and to no other logger. */
export const logging = (write: (line: Services.Line) => void): Layer.Layer<never> =>
  Logger.layer([
    Logger.make(({ cause, fiber, logLevel, message }) =>
      write({
        level: logLevel.toUpperCase(),
        message: message as ReadonlyArray<unknown>,
        cause: cause.reasons.length === 0 ? Option.none() : Option.some(cause),
        annotations: fiber.getRef(References.CurrentLogAnnotations),
        spans: fiber.getRef(References.CurrentLogSpans).map(([label]) => label)
      })
    )
  ])

/** A scheduler whose tasks go to `add`. */
export const scheduling = (
  add: (task: () => void) => void,
  yields: (operations: number) => boolean
): Scheduler.Scheduler => ({
  executionMode: "async",
  shouldYield: ({ currentOpCount }) => yields(currentOpCount),
  makeDispatcher: () => ({ scheduleTask: add, flush: () => {} })
})

/** Starts a program with the first task. */
export const forkLater = <A, E>(program: Effect.Effect<A, E>, scheduler: Scheduler.Scheduler): Fiber.Fiber<A, E> =>
  Effect.runFork(Effect.andThen(Effect.yieldNow, program), { scheduler })

/** Lets the scheduler run after each operation: a yield takes one of them, and one has to be left for the program. */
export const yieldAlways = (operations: number): boolean => operations > 2

/** Counts the fibers that run, of those which a program starts. */
export class FiberCount {
  running = 0

  readonly of = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(program, Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => this.running++,
      recordFiberEnd: () => this.running--
    })
}

/** The cause as plain data, without the ids of fibers. */
export const plainCause = (cause: Cause.Cause<unknown>): unknown => {
  const [first = "empty", ...more] = cause.reasons.map((reason) =>
    reason._tag === "Fail" ? { fail: reason.error } : reason._tag === "Die" ? { die: reason.defect } : "interrupt"
  )
  return more.length === 0 ? first : { sequential: [first, ...more] }
}

/** A value that a part of a program has. No effect sets it for its fiber. */
export const reference = <A>(initial: A, _options?: { readonly fork?: (value: A) => A }) => {
  const ref = Context.Reference<A>(`test/reference/${Math.random()}`, { defaultValue: () => initial })
  return {
    get: Effect.service(ref),
    set: (_value: A): Effect.Effect<void> => Effect.void,
    locally: <B, E, R>(self: Effect.Effect<B, E, R>, value: A): Effect.Effect<B, E, R> =>
      Effect.provideService(self, ref, value)
  }
}

interface Part {
  readonly value: number
  readonly outer?: Part
  isOver?: boolean
}

/** A number that a part of a program has: the least of those around it. A fiber that lives longer than that part loses it. */
export const least = () => {
  const ref = reference<Part>({ value: Infinity })
  const open = (part: Part): Part => part.isOver && part.outer ? open(part.outer) : part
  const part = Effect.map(ref.get, open)
  return {
    current: Effect.map(part, ({ value }) => value),
    locally: <A, E, R>(self: Effect.Effect<A, E, R>, value: number): Effect.Effect<A, E, R> =>
      Effect.flatMap(part, (outer) => {
        const own: Part = { value: Math.min(outer.value, value), outer }
        return Effect.ensuring(ref.locally(self, own), Effect.sync(() => own.isOver = true))
      })
  }
}

/** The metrics of the program. */
export const metrics = Effect.map(Metric.snapshot, (all) =>
  all.map(({ attributes, id, state }) => ({
    name: id,
    tags: { ...attributes },
    state: state as unknown as { readonly count?: number; readonly value?: number }
  })))
