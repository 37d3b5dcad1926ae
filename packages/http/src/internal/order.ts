import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constant } from "effect/Function"
import * as Option from "effect/Option"
import type { Reason } from "reprise/Retry"
import { FailedAttempt } from "./attempt/failedAttempt.js"
import * as rejections from "./call/rejections.js"
import type { Asking, Hedge, Placed } from "./stages/guard.js"

/**
 * The order in which an attempt passes the policies: free ones first, scarce ones last, and a hedge around all.
 *
 * After a wait, the judges decide again.
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
 * The stages of a client in their places.
 *
 * @internal
 */
export interface Order extends Asking {
  /** Goes around the policies of each attempt. */
  readonly hedge: Hedge | undefined
}

type Request = HttpClientRequest.HttpClientRequest

/** @internal */
export const make = (stages: ReadonlyArray<Placed | undefined>): Order => {
  const placed = stages.filter((stage) => stage?._tag === "Policy")
  const priority = placed.find((stage) => stage.priority !== undefined)?.priority
  const partition = placed.find((stage) => stage.partition !== undefined)?.partition
  const isShut = placed.find((stage) => stage.isShut !== undefined)?.isShut
  const order: Asking = {
    policies: placed.length === 0 ? constant([]) : (request) => placed.map(({ policyOf }) => policyOf(request)),
    call: priority === undefined && partition === undefined
      ? undefined
      : (request) => ({ priority: priority?.(request), partition: partition?.(request) }),
    review: (request, error) => {
      if (!(error instanceof FailedAttempt)) return Exit.succeed(rejected(request, error))
      if (isShut === undefined || error.refusal !== undefined) return Exit.succeed(error)
      return Effect.map(isShut(request), (shut) => shut ? error.refusing("circuitOpen") : error)
    }
  }
  return { ...order, hedge: stages.find((stage) => stage?._tag === "Hedge")?.over(order) }
}

/** The attempt was not made, and the loop ends, because another attempt at once is what the limit prevents. */
const rejected = (request: Request, error: unknown) => {
  rejections.add(error)
  const origin = { _tag: "Cause", cause: Cause.fail(error) } as const
  return new FailedAttempt(request, Option.none(), origin, reasonOf(error))
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
