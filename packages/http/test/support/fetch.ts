/** `ResilientFetch` in each of its forms, over real sockets. */
import { FetchHttpClient, HttpClient } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe } from "@effect/vitest"
import type { Scope } from "effect"
import { Context, Effect, Layer } from "effect"
import { getEventListeners } from "node:events"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import type { Transport } from "./wire.js"
import { quick } from "./wire.js"

type Fetch = typeof globalThis.fetch
type Options = Omit<ResilientFetch.Options, "fetch">
type Make = (options?: Options) => Effect.Effect<Fetch, never, Scope.Scope>

const defaults = { retry: quick(3) }

const plain: Make = (options) => Effect.sync(() => ResilientFetch.make({ ...defaults, ...options }))

const over = (transport: Transport): Make => (options) =>
  Layer.build(transport).pipe(
    Effect.map((context) => Context.get(context, HttpClient.HttpClient)),
    Effect.map(ResilientHttpClient.make({ ...defaults, ...options })),
    Effect.flatMap(ResilientFetch.fromClient)
  )

export type Kind = "make" | "fromClient with fetch" | "fromClient with undici" | "fromClient with node"

const kinds: ReadonlyArray<readonly [kind: Kind, make: Make]> = [
  ["make", plain],
  ["fromClient with fetch", over(FetchHttpClient.layer)],
  ["fromClient with undici", over(NodeHttpClient.layerUndici)],
  ["fromClient with node", over(NodeHttpClient.layer)]
]

/** The same tests with `make`, and with `fromClient` over each transport. */
export const onEachKind = (name: string, tests: (make: Make, kind: Kind) => void): void => {
  for (const [kind, make] of kinds) describe(`${name}, ${kind}`, () => tests(make, kind))
}

/** The same, only where fetch itself sends. */
export const onEachFetch = (name: string, tests: (make: Make, kind: Kind) => void): void => {
  for (const [kind, make] of kinds.slice(0, 2)) describe(`${name}, ${kind}`, () => tests(make, kind))
}

/** What a promise rejects with. */
export const rejection = (promise: () => Promise<unknown>): Effect.Effect<unknown> =>
  Effect.promise(() =>
    promise().then(() => {
      throw new Error("the promise must reject")
    }, (error: unknown) => error)
  )

export const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length

/** The `TypeError` that a promise rejects with, and its cause. */
export const failureOf = (promise: () => Promise<unknown>) =>
  Effect.map(rejection(promise), (error) => {
    assert.instanceOf(error, TypeError)
    return [error.message, error.cause as { readonly _tag: string }] as const
  })
