import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as Random from "effect/Random"
import { maxDelayMillis } from "reprise/InvalidOption"
import type { Outcome, Scenario, WorstCase } from "../../HttpExplain.js"
import type { Options } from "../../ResilientHttpClient.js"
import * as calls from "./calls.js"
import * as script from "./script.js"

/**
 * Every draw is as long as it can be.
 *
 * @internal
 */
export const maximum: Random.Random = {
  [Random.RandomTypeId]: Random.RandomTypeId,
  next: Effect.succeed(1),
  nextBoolean: Effect.succeed(true),
  nextInt: Effect.succeed(Number.MAX_SAFE_INTEGER),
  nextRange: (_min, max) => Effect.succeed(max),
  nextIntBetween: (_min, max) => Effect.succeed(max - 1),
  shuffle: (elements) => Effect.succeed(Chunk.fromIterable(elements))
}

/** @internal */
export interface Settings {
  readonly make: LazyArg<Options>
  readonly request: HttpClientRequest.HttpClientRequest
  readonly calls: number
  readonly everyMillis: number
}

/** The most of one call, and where. */
interface Most {
  readonly value: number
  readonly scenario: Scenario
}

interface One {
  readonly scenario: Scenario
  readonly requests: number
  readonly millis: number
}

/** @internal */
export const find = (settings: Settings): Effect.Effect<WorstCase> =>
  Effect.gen(function*() {
    const ones = yield* oneCall(settings)
    const attempts = most(ones, ({ requests }) => requests)
    const longest = most(ones, ({ millis }) => millis)
    const { adaptiveLimiter, breaker, budget, bulkhead, gate, rateLimiter } = settings.make()
    const isGuarded = [gate, breaker, bulkhead, adaptiveLimiter, rateLimiter].some((guard) => guard !== undefined)
    const isEndless = attempts.value === Infinity
    const amplification = budget === undefined ? attempts.value : yield* load(settings, withoutGuards, isEndless)
    return {
      attempts: attempts.value,
      attemptsIn: attempts.scenario,
      longestMillis: longest.value,
      longestIn: longest.scenario,
      amplification,
      guardedAmplification: isGuarded ? yield* load(settings, (options) => options, isEndless) : amplification,
      calls: settings.calls,
      everyMillis: settings.everyMillis
    }
  })

const most = (ones: ReadonlyArray<One>, of: (one: One) => number): Most =>
  ones.map((one) => ({ value: of(one), scenario: one.scenario })).reduce((a, b) => b.value > a.value ? b : a)

/** A budget that is full does not stop one call, and a breaker that other calls keep closed does not either. */
const withoutBudget = (options: Options): Options => ({ ...options, budget: undefined })
const withoutBreaker = (options: Options): Options => ({ ...withoutBudget(options), breaker: undefined })

const withoutGuards = (options: Options): Options => ({
  ...options,
  gate: undefined,
  breaker: undefined,
  bulkhead: undefined,
  adaptiveLimiter: undefined,
  rateLimiter: undefined
})

const single = (
  { make, request }: Settings,
  change: (options: Options) => Options,
  outcomes: ReadonlyArray<Outcome>
): Effect.Effect<calls.Call> =>
  Effect.map(
    calls.run({
      options: change(make()),
      request,
      take: taking(outcomes),
      random: maximum,
      calls: 1,
      everyMillis: undefined
    }),
    ([call]) => call!
  )

const taking = (outcomes: ReadonlyArray<Outcome>): script.Take => {
  const steps = outcomes.map((outcome) => script.step(outcome, "script"))
  return script.taking(steps, steps.at(-1)!)
}

const oneCall = (settings: Settings): Effect.Effect<ReadonlyArray<One>> =>
  Effect.gen(function*() {
    const { attemptTimeout, breaker, deadline } = settings.make()
    const slowMillis = attemptTimeout === undefined ? 0 : Math.max(Duration.toMillis(attemptTimeout) - 1, 0)
    const ones: Array<One> = []
    for (const change of breaker === undefined ? [withoutBreaker] : [withoutBreaker, withoutBudget]) {
      for (const scenario of scenarios) {
        const outcome = scenario === "asking" ? yield* asking(settings, change, slowMillis) : outcomes[scenario]
        const call = yield* single(settings, change, [outcome])
        const requests = call.caller.exchanges.length
        const isEndless = call.neverEnds && requests >= calls.maxRequests
        const millis = isEndless && deadline !== undefined ? Duration.toMillis(deadline) : call.endMillis
        ones.push({ scenario, requests: isEndless ? Infinity : requests, millis })
        // Nothing is worse, and it takes long to find out.
        if (isEndless) return ones
      }
    }
    return ones
  })

const scenarios: ReadonlyArray<Scenario> = ["failing", "refused", "hanging", "asking"]

/** Something always passes until an attempt fails; without it, a deadline would never come. */
const outcomes: Readonly<Record<Exclude<Scenario, "asking">, Outcome>> = {
  failing: { status: 503, after: 1 },
  refused: { failure: "refused", after: 1 },
  hanging: "hang"
}

/** The longest `Retry-After` after which there is another attempt, found by bisection. */
const asking = (
  settings: Settings,
  change: (options: Options) => Options,
  slowMillis: number
): Effect.Effect<Outcome> => {
  const ask = (seconds: number): Outcome => ({
    status: 429,
    headers: { "retry-after": String(seconds) },
    after: slowMillis
  })
  const isGranted = (seconds: number) =>
    Effect.map(
      single(settings, change, [ask(seconds), 200]),
      ({ caller }) => caller.exchanges.some(({ attempt }) => attempt > 1)
    )
  const between = (granted: number, refused: number): Effect.Effect<number> => {
    const middle = Math.floor((granted + refused) / 2)
    return middle === granted
      ? Effect.succeed(granted)
      : Effect.flatMap(isGranted(middle), (is) => is ? between(middle, refused) : between(granted, middle))
  }
  return Effect.map(between(0, Math.ceil(maxDelayMillis / 1000)), ask)
}

/** Requests per call. Calls without an end are cut off after the last one began. */
const load = (
  { calls: count, everyMillis, make, request }: Settings,
  change: (options: Options) => Options,
  isEndless: boolean
): Effect.Effect<number> =>
  Effect.suspend(() => {
    const failing = taking([outcomes.failing])
    const hanging = taking(["hang"])
    // Far more than anything bounds: the rest need not be seen.
    const limit = isEndless ? count * 10 : Infinity
    let requests = 0
    const run = calls.run({
      options: change(make()),
      request,
      take: () => ++requests > limit ? hanging() : failing(),
      random: Random.make(0),
      calls: count,
      everyMillis,
      untilMillis: isEndless ? count * everyMillis : undefined
    })
    return Effect.map(run, () => requests > limit ? Infinity : requests / count)
  })
