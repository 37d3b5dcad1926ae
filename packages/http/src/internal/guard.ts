import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Keyed from "reprise/Keyed"
import type * as Policy from "reprise/Policy"
import type { HttpGuard } from "../HttpGuard.js"
import type { HttpRetry } from "../HttpRetry.js"
import type * as attempts from "./attempts.js"
import * as failureMessage from "./failureMessage.js"
import type { Attempt } from "./reader.js"

// Not marked internal: the declarations of HttpGuard refer to it.
export const TypeId: unique symbol = Symbol.for("@reprise/http/HttpGuard")

/**
 * What every attempt passes before it is sent. The retry loop itself does not hold the code of any.
 *
 * @internal
 */
export interface Guard {
  <R>(
    request: HttpClientRequest.HttpClientRequest,
    attempt: Attempt<attempts.FailedAttempt, R>,
    deadlineMillis: number
  ): Attempt<attempts.FailedAttempt, R>
}

/** @internal */
export type HttpPolicy = Policy.Policy<unknown, HttpClientResponse.HttpClientResponse, attempts.FailedAttempt>

/**
 * A guard that is a policy, one for each key; or a hedge, which goes around the others.
 *
 * @internal
 */
export type Stage =
  | {
    readonly _tag: "Policy"
    readonly policyOf: (request: HttpClientRequest.HttpClientRequest) => HttpPolicy
    readonly priority?: ((request: HttpClientRequest.HttpClientRequest) => number) | undefined
    readonly partition?: ((request: HttpClientRequest.HttpClientRequest) => string | undefined) | undefined
    /** Why another attempt after a failed one is not worth its wait: it would be rejected. */
    readonly isShut?: ((request: HttpClientRequest.HttpClientRequest) => Effect.Effect<boolean>) | undefined
  }
  | { readonly _tag: "Hedge"; readonly over: (inner: Guard) => Guard }

/**
 * What a guard has to know of the pipeline that it is in.
 *
 * @internal
 */
export interface Facts {
  readonly idempotencyHeader?: string | undefined
  readonly budget?: HttpRetry.Budget | undefined
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
  bounds: Omit<HttpGuard.Keys, "key">,
  make: (key: string) => Effect.Effect<A>,
  name: string
): Keyed.Keyed<string, A> => {
  // An option out of range fails here, and not with the first request.
  make("")
  return Effect.runSync(Keyed.make({ make, name, ...bounds }))
}

/**
 * States for one client, in one pipeline after the other.
 *
 * @internal
 */
export interface Build {
  (): (facts: Facts) => Stage
}

/** Every guard is made by `makeFor`. */
interface Made<E> extends HttpGuard<E> {
  readonly build: Build
  readonly options: object
}

/**
 * Builds it once, for the sake of its errors: an option out of range fails here, not where the client is made.
 *
 * @internal
 */
export const makeFor = <E>(options: object, build: Build): HttpGuard<E> => {
  build()
  const made: Made<E> = { [TypeId]: { _E: (_: never) => _ }, build, options }
  return made
}

/**
 * The same, for one that need not know anything of its pipeline.
 *
 * @internal
 */
export const make = <E>(options: object, build: () => Stage): HttpGuard<E> =>
  makeFor(options, () => {
    const stage = build()
    return () => stage
  })

/** @internal */
export const build = (guard: HttpGuard<unknown>): (facts: Facts) => Stage => (guard as Made<unknown>).build()

/**
 * What it was made of.
 *
 * @internal
 */
export const optionsOf = (guard: HttpGuard<unknown>): object => (guard as Made<unknown>).options
