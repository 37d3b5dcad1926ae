import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Keyed from "reprise/Keyed"
import type * as Pipeline from "reprise/Pipeline"
import type * as Policy from "reprise/Policy"
import type { RetryBudget } from "reprise/RetryBudget"
import type * as attempts from "../attempt/attempts.js"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import type { Attempt } from "../attempt/reader.js"
import * as failureMessage from "../classify/failureMessage.js"
import type { Budget, KeyOptions } from "../model.js"

/**
 * What every attempt passes before it is sent. The retry loop itself does not hold the code of any.
 *
 * @internal
 */
export interface Guard {
  <R>(
    request: HttpClientRequest.HttpClientRequest,
    attempt: Attempt<FailedAttempt, R>,
    running: Pipeline.Running
  ): Attempt<FailedAttempt, R>
}

/** @internal */
export type HttpPolicy = Policy.Policy<unknown, HttpClientResponse.HttpClientResponse, FailedAttempt>

/**
 * A stage in its place: a policy, one for each key; or a hedge, which goes around the policies.
 *
 * @internal
 */
export type Placed =
  | {
    readonly _tag: "Policy"
    readonly policyOf: (request: HttpClientRequest.HttpClientRequest) => HttpPolicy
    readonly priority?: ((request: HttpClientRequest.HttpClientRequest) => number) | undefined
    readonly partition?: ((request: HttpClientRequest.HttpClientRequest) => string | undefined) | undefined
    /** Why another attempt after a failed one is not worth its wait: it would be rejected. */
    readonly isShut?: ((request: HttpClientRequest.HttpClientRequest) => Effect.Effect<boolean>) | undefined
  }
  | { readonly _tag: "Hedge"; readonly over: (asking: Asking) => Hedge }

/**
 * How attempts ask the policies of a client.
 *
 * @internal
 */
export interface Asking {
  /** What each attempt of the request asks. */
  readonly policies: (request: HttpClientRequest.HttpClientRequest) => ReadonlyArray<HttpPolicy>
  readonly call: ((request: HttpClientRequest.HttpClientRequest) => Policy.CallOptions) | undefined
  /** What a failure or a rejection means to the loop. */
  readonly review: (request: HttpClientRequest.HttpClientRequest, error: unknown) => Effect.Effect<FailedAttempt>
}

/**
 * Attempts beside each other. The code that runs one by itself comes with it: a client without a hedge does not hold that.
 *
 * @internal
 */
export interface Hedge {
  readonly guard: Guard
  readonly run: typeof attempts.run
}

/**
 * What a stage must know of the pipeline that it is in.
 *
 * @internal
 */
export interface Facts {
  readonly idempotencyHeader?: string | undefined
  readonly budget?: Budget | RetryBudget | undefined
  readonly nested?: "suppress" | "allow" | undefined
}

let latest = { url: "", origin: "" }

/**
 * The guards of one client ask one after the other for the same request: its URL is parsed once for all of them.
 *
 * @internal
 */
export const origin = (request: HttpClientRequest.HttpClientRequest): string => {
  if (request.url !== latest.url) latest = { url: request.url, origin: failureMessage.origin(request) }
  return latest.origin
}

/**
 * A registry for the keys of requests. Nothing of it requires anything, and all of it is made in one step.
 *
 * @internal
 */
export const registry = <A>(
  bounds: Omit<KeyOptions, "key">,
  make: (key: string) => Effect.Effect<A>,
  name: string
): Keyed.Keyed<string, A> => {
  // An option out of range fails here, and not with the first request.
  make("")
  return Effect.runSync(Keyed.make({ make, name, ...bounds }))
}
