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
 * All stages that an attempt passes before it is sent. The retry loop itself does not include their code.
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
    /** The reason not to wait for another attempt: the stage would reject it. */
    readonly isShut?: ((request: HttpClientRequest.HttpClientRequest) => Effect.Effect<boolean>) | undefined
  }
  | { readonly _tag: "Hedge"; readonly over: (asking: Asking) => Hedge }

/**
 * Connects attempts with the policies of a client.
 *
 * @internal
 */
export interface Asking {
  /** The policies of each attempt of the request. */
  readonly policies: (request: HttpClientRequest.HttpClientRequest) => ReadonlyArray<HttpPolicy>
  readonly call: ((request: HttpClientRequest.HttpClientRequest) => Policy.CallOptions) | undefined
  /** Tells the loop the meaning of a failure or a rejection. */
  readonly review: (request: HttpClientRequest.HttpClientRequest, error: unknown) => Effect.Effect<FailedAttempt>
}

/**
 * Runs attempts beside each other. It brings the code for a single attempt too, so a client without a hedge does not
 * include that.
 *
 * @internal
 */
export interface Hedge {
  readonly guard: Guard
  readonly run: typeof attempts.run
}

/**
 * The facts of the pipeline that a stage needs.
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
 * The guards of a client use the origin of the same request one after the other, so its URL is parsed once.
 *
 * @internal
 */
export const origin = (request: HttpClientRequest.HttpClientRequest): string => {
  if (request.url !== latest.url) latest = { url: request.url, origin: failureMessage.origin(request) }
  return latest.origin
}

/**
 * A registry for the keys of requests. It has no requirements, and is made in one step.
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
