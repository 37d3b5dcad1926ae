import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { Options as AnyOptions } from "@reprise/http/ResilientHttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as Random from "effect/Random"
import { maxDelayMillis } from "reprise/InvalidOption"
import type { Outcome, Scenario, WorstCase } from "../../Explain.js"
import { maximum } from "../virtual/fibers.js"
import * as answers from "./answers.js"
import * as calls from "./calls.js"

type Options = AnyOptions<unknown>

/** @internal */
export interface Settings {
  readonly make: LazyArg<Options>
  readonly request: HttpClientRequest.HttpClientRequest
  readonly calls: number
  readonly everyMillis: number
}

interface Change {
  (options: Options): Options
}

/** The result of one call in a scenario. */
interface One {
  readonly scenario: Scenario
  readonly requests: number
  readonly millis: number
}

/** @internal */
export const find = (settings: Settings): Effect.Effect<WorstCase> =>
  Effect.gen(function*() {
    const ones = yield* oneCall(settings)
    const most = ones.reduce((a, b) => b.requests > a.requests ? b : a)
    const longest = ones.reduce((a, b) => b.millis > a.millis ? b : a)
    const options = settings.make()
    const load = (change: Change) => outage(settings, change, most.requests === Infinity)
    const amplification = options.budget === undefined ? most.requests : yield* load(withoutPolicies)
    const isGuarded = policies.some((name) => options[name] !== undefined)
    return {
      attempts: most.requests,
      attemptsIn: most.scenario,
      longestMillis: longest.millis,
      longestIn: longest.scenario,
      amplification,
      guardedAmplification: isGuarded ? yield* load((options) => options) : amplification,
      calls: settings.calls,
      everyMillis: settings.everyMillis
    }
  })

/** Without a budget or a breaker that other calls influence, a call makes the most attempts. */
const withoutBudget: Change = (options) => ({ ...options, budget: undefined })
const withoutBreaker: Change = (options) => ({ ...withoutBudget(options), breaker: undefined })

const policies = ["gate", "breaker", "bulkhead", "adaptiveLimiter", "rateLimiter"] as const
const withoutPolicies: Change = (options) => ({
  ...options,
  ...Object.fromEntries(policies.map((name) => [name, undefined]))
})

const single = ({ make, request }: Settings, change: Change, outcomes: ReadonlyArray<Outcome>) =>
  Effect.map(
    calls.run({
      options: change(make()),
      request,
      take: answers.script(outcomes)(),
      random: maximum,
      calls: 1,
      everyMillis: undefined
    }),
    ([call]) => call!
  )

const oneCall = (settings: Settings): Effect.Effect<ReadonlyArray<One>> =>
  Effect.gen(function*() {
    const { breaker, deadline } = settings.make()
    const ones: Array<One> = []
    for (const change of breaker === undefined ? [withoutBreaker] : [withoutBreaker, withoutBudget]) {
      for (const scenario of scenarios) {
        const outcome = scenario === "asking" ? yield* asking(settings, change) : outcomes[scenario]
        const { endMillis, exchanges, isCut } = yield* single(settings, change, [outcome])
        if (isCut) {
          const millis = deadline === undefined ? endMillis : Duration.toMillis(deadline)
          // No result is worse, and the other scenarios take long.
          return [...ones, { scenario, requests: Infinity, millis }]
        }
        ones.push({ scenario, requests: exchanges.length, millis: endMillis })
      }
    }
    return ones
  })

const scenarios: ReadonlyArray<Scenario> = ["failing", "refused", "hanging", "asking"]

/** An attempt takes 1 ms: if it took no time, a deadline would never come. */
const outcomes: Readonly<Record<Exclude<Scenario, "asking">, Outcome>> = {
  failing: { status: 503, after: 1 },
  refused: { failure: "refused", after: 1 },
  hanging: "hang"
}

/** The longest `Retry-After` after which there is another attempt, found by bisection. */
const asking = (settings: Settings, change: Change): Effect.Effect<Outcome> => {
  const { attemptTimeout } = settings.make()
  const after = attemptTimeout === undefined ? 0 : Math.max(Duration.toMillis(attemptTimeout) - 1, 0)
  const ask = (seconds: number): Outcome => ({ status: 429, headers: { "retry-after": String(seconds) }, after })
  const isGranted = (seconds: number) =>
    Effect.map(
      single(settings, change, [ask(seconds), 200]),
      ({ exchanges }) => exchanges.some(({ attempt }) => attempt > 1)
    )
  return Effect.gen(function*() {
    let granted = 0
    let refused = Math.ceil(maxDelayMillis / 1000)
    while (refused - granted > 1) {
      const middle = Math.floor((granted + refused) / 2)
      if (yield* isGranted(middle)) granted = middle
      else refused = middle
    }
    return ask(granted)
  })
}

/** Requests per call while all requests fail. Calls without an end are cut off after the last one began. */
const outage = ({ calls: count, everyMillis, make, request }: Settings, change: Change, isEndless: boolean) =>
  Effect.suspend(() => {
    const failing = answers.script([outcomes.failing])()
    const hanging = answers.script(["hang"])()
    // No budget allows this many.
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
