import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import type * as RuntimeFlags from "effect/RuntimeFlags"

// The only place that reads private fields of Effect. Each of them may be missing one day, and each has a fallback.
// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

interface FiberFields {
  readonly _fiberRefs?: FiberRefs.FiberRefs
  readonly _children?: ReadonlySet<unknown> | null
  readonly currentRuntimeFlags?: RuntimeFlags.RuntimeFlags
}

interface RefFields {
  readonly join?: (parentValue: unknown, childValue: unknown) => unknown
}

/**
 * The values of all references. `getFiberRefs` copies them to add the runtime flags, which is a fifth of a hedged call.
 */
export const fiberRefs = (fiber: AnyFiber): FiberRefs.FiberRefs =>
  (fiber as FiberFields)._fiberRefs ?? fiber.getFiberRefs()

export const runtimeFlags = (fiber: AnyFiber): RuntimeFlags.RuntimeFlags =>
  (fiber as FiberFields).currentRuntimeFlags ??
    FiberRefs.getOrDefault(fiber.getFiberRefs(), FiberRef.currentRuntimeFlags)

/** The number of running children of the fiber; `undefined` if it is unknown within a step. */
export const childCount = (fiber: AnyFiber): number | undefined => {
  const { _children: children } = fiber as FiberFields
  return children === null ? 0 : children?.size
}

/**
 * Whether a parent surely keeps its own value when it inherits from a child that has changed the reference.
 */
export const isKept = (ref: object, parentValue: unknown, childValue: unknown): boolean => {
  const fields = ref as RefFields
  return fields.join !== undefined && fields.join(parentValue, childValue) === parentValue
}
