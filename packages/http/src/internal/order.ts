import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Policy from "reprise/Policy"
import type { Reason } from "reprise/Retry"
import { FailedAttempt } from "./attempt/failedAttempt.js"
import type { Attempt } from "./attempt/reader.js"
import * as rejections from "./call/rejections.js"
import type { Guard, HttpPolicy, Placed } from "./stages/guard.js"

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
 * The stages of a client in their places.
 *
 * @internal
 */
export interface Order {
  /** Goes around the policies of each attempt. */
  readonly hedge: Guard | undefined
  /** What each attempt of the request asks. */
  readonly policies: (request: Request) => ReadonlyArray<HttpPolicy>
  readonly call: (request: Request) => Policy.CallOptions
  /** What a failure or a rejection means to the loop. */
  readonly review: (request: Request, error: unknown) => Effect.Effect<FailedAttempt>
}

type Request = HttpClientRequest.HttpClientRequest

/** @internal */
export const make = (stages: ReadonlyArray<Placed | undefined>): Order => {
  const placed = stages.filter((stage) => stage?._tag === "Policy")
  const priority = placed.find((stage) => stage.priority !== undefined)?.priority
  const partition = placed.find((stage) => stage.partition !== undefined)?.partition
  const isShut = placed.find((stage) => stage.isShut !== undefined)?.isShut
  const order: Omit<Order, "hedge"> = {
    policies: (request) => placed.map(({ policyOf }) => policyOf(request)),
    call: (request) => ({ priority: priority?.(request), partition: partition?.(request) }),
    review: (request, error) => {
      if (!(error instanceof FailedAttempt)) return Exit.succeed(rejected(request, error))
      if (isShut === undefined || error.refusal !== undefined) return Exit.succeed(error)
      return Effect.map(isShut(request), (shut) => shut ? error.refusing("circuitOpen") : error)
    }
  }
  return { ...order, hedge: stages.find((stage) => stage?._tag === "Hedge")?.over(asked(order)) }
}

/**
 * Each attempt by itself asks the policies: it is hedged, or the only stage.
 *
 * @internal
 */
export const asked = ({ call, policies, review }: Omit<Order, "hedge">): Guard => (request, attempt) =>
  Effect.catchAll(
    Policy.protect(attempt, policies(request), call(request)),
    (error): Attempt<FailedAttempt, never> => Effect.flatMap(review(request, error), Effect.fail)
  )

/** An attempt that was not made: the loop ends, because to try again at once is what the limit is there to prevent. */
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
