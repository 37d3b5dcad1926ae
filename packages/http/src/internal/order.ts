import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Policy from "reprise/Policy"
import type { Reason } from "reprise/Retry"
import { FailedAttempt } from "./attempt/failedAttempt.js"
import type { Attempt } from "./attempt/reader.js"
import * as rejections from "./call/rejections.js"
import type { Guard, Placed } from "./stages/guard.js"

/**
 * The order in which an attempt asks: what costs the server nothing first, and what is scarce last. A hedge goes around all.
 * After a wait, those that judge decide anew.
 *
 * @internal
 */
export const inOrder = <A>(
  { adaptiveLimiter, breaker, bulkhead, gate, hedge, policies = [], rateLimiter }:
    & { readonly [Name in Exclude<StageName, "policies">]: A }
    & { readonly policies?: ReadonlyArray<A> | undefined }
): ReadonlyArray<A> => [hedge, ...policies, gate, breaker, bulkhead, adaptiveLimiter, rateLimiter]

/** The options that are stages. */
type StageName = "hedge" | "policies" | "gate" | "breaker" | "bulkhead" | "adaptiveLimiter" | "rateLimiter"

/**
 * All stages as one; `undefined` if there is none.
 *
 * @internal
 */
export const make = (stages: ReadonlyArray<Placed | undefined>): Guard | undefined => {
  const policies = stages.filter((stage) => stage?._tag === "Policy")
  const hedge = stages.find((stage) => stage?._tag === "Hedge")
  const guarded: Guard = policies.length === 0 ? (_, attempt) => attempt : asked(policies)
  if (hedge !== undefined) return hedge.over(guarded)
  return policies.length === 0 ? undefined : guarded
}

type PolicyStage = Extract<Placed, { readonly _tag: "Policy" }>

const asked = (stages: ReadonlyArray<PolicyStage>): Guard => {
  const priority = stages.find((stage) => stage.priority !== undefined)?.priority
  const partition = stages.find((stage) => stage.partition !== undefined)?.partition
  const isShut = stages.find((stage) => stage.isShut !== undefined)?.isShut
  return (request, attempt) => {
    const call = { priority: priority?.(request), partition: partition?.(request) }
    const protected_ = Policy.protect(attempt, stages.map(({ policyOf }) => policyOf(request)), call)
    return Effect.catchAll(protected_, (error): Attempt<FailedAttempt, never> => {
      if (!(error instanceof FailedAttempt)) return rejected(request, error)
      return isShut === undefined
        ? Effect.fail(error)
        : Effect.flatMap(isShut(request), (shut) => Effect.fail(shut ? error.refusing("circuitOpen") : error))
    })
  }
}

/** An attempt that was not made: the loop ends, because to try again at once is what the limit is there to prevent. */
const rejected = (request: HttpClientRequest.HttpClientRequest, error: unknown) => {
  rejections.add(error)
  const origin = { _tag: "Cause", cause: Cause.fail(error) } as const
  return Effect.fail(new FailedAttempt(request, Option.none(), origin, reasonOf(error)))
}

const reasons = new Map<unknown, Reason>([
  ["GateClosed", "gateClosed"],
  ["CircuitOpen", "circuitOpen"],
  ["BulkheadFull", "bulkheadFull"],
  ["LimitExceeded", "limitExceeded"]
])

/** A limiter of the program's own may fail with any error. */
const reasonOf = (error: unknown): Reason =>
  reasons.get((error as { readonly _tag?: unknown } | null | undefined)?._tag) ?? "rateLimited"
