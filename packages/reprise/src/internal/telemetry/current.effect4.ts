import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { AnyFiber } from "../effect/fiber.js"
import * as local from "../effect/local.js"
import type * as effect from "../effect/model.js"
import type { Told } from "./event.js"
import type { Observer } from "./observers.js"
import type { Base, CallScope, Scope } from "./scope.js"

// Layers that are built beside each other are merged by their keys. So each observer has its own key, and the base only says
// that there are some.

/**
 * Adds an observer to a scope. A parameter, so that a program without layers does not include the code of observers.
 *
 * @internal
 */
export type AddTo = (own: Scope | undefined, observer: Observer) => Scope

interface Added {
  readonly observer: Observer
  readonly addTo: AddTo
}

const prefix = "reprise/Telemetry/observer/"

/** All copies of this module in a program count together, so that no key comes twice. */
const keys = ((globalThis as { [key: symbol]: { made: number } })[Symbol.for("reprise/Telemetry/keys")] ??= { made: 0 })

const newKey = (): Context.Key<never, Added> => Context.Service<never, Added>(`${prefix}${keys.made++}`)

const current = local.make<Base | undefined>("Telemetry/current", undefined)

/** The call of a part of the program. */
interface Region extends effect.Region {
  readonly call: CallScope
}

const currentCall = local.make<Region | undefined>("Telemetry/call", undefined)

const scopes = new WeakMap<Context.Context<never>, Scope>()

/** The observers of a context that has some. */
const scopeOf = (context: Context.Context<never>): Scope | undefined => {
  let scope = scopes.get(context)
  if (scope !== undefined) return scope
  for (const [key, added] of context.mapUnsafe) {
    if (key.startsWith(prefix)) scope = (added as Added).addTo(scope, (added as Added).observer)
  }
  if (scope !== undefined) scopes.set(context, scope)
  return scope
}

/** @internal */
export const baseOf = (fiber: AnyFiber): Base | undefined => fiber.getRef(current)

/**
 * `undefined` without observers, at the cost of one lookup.
 *
 * @internal
 */
export const of = (fiber: AnyFiber): Scope | undefined => {
  const base = fiber.getRef(current)
  if (base === undefined) return undefined
  const region = fiber.getRef(currentCall)
  // Within the call, a part of the program may have other observers.
  return region !== undefined && !region.isOver && region.call.base === base ? region.call : scopeOf(fiber.context)
}

/**
 * Emits an event in the step of the running fiber.
 *
 * @internal
 */
export const emit = (told: Told): void => {
  const fiber = Fiber.getCurrent()
  if (fiber !== undefined) of(fiber)?.emit(told, fiber)
}

/** @internal */
export const enter = (_fiber: AnyFiber, _own: CallScope): CallScope | undefined => undefined

/** @internal */
export const leave = (_fiber: AnyFiber, _own: CallScope, _outer: CallScope | undefined): void => {}

/**
 * Runs the effect of the call.
 *
 * @internal
 */
export const within = <A, E, R>(call: CallScope, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  local.within(currentCall, { call, isOver: false }, self)

const adding = (key: Context.Key<never, Added>, added: Added) => <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.add(Context.add(context, key, added), current, {})

/**
 * Adds an observer to the context. A fiber may live longer than the layer, so the layer marks the observer as released.
 *
 * @internal
 */
export const layer = (observer: Observer, addTo: AddTo): Layer.Layer<never> => {
  const key = newKey()
  return Layer.effectContext(Effect.map(
    Effect.acquireRelease(Effect.sync((): Observer => ({ ...observer })), (own) =>
      Effect.sync(() => {
        own.isOver = true
      })),
    (own) => adding(key, { observer: own, addTo })(Context.empty())
  ))
}

/** @internal */
export const locally = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  observer: Observer,
  addTo: AddTo
): Effect.Effect<A, E, R> => Effect.updateContext<A, E, R, R>(self, adding(newKey(), { observer, addTo }))

/**
 * Runs the effect without observers.
 *
 * @internal
 */
export const silent = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateContext(self, (context: Context.Context<R>) =>
    Context.makeUnsafe<R>(
      new Map([...context.mapUnsafe].filter(([key]) => key !== current.key && !key.startsWith(prefix)))
    ))
