/**
 * Hides private fields of Effect's fibers from this library, as if a new version of Effect had renamed them. Effect itself
 * still sees them.
 */
import { Effect, type Fiber } from "effect"
import { afterAll, beforeAll } from "vitest"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Fields that this version of Effect has. */
export const fieldOf = (fiber: object, name: string): unknown => (fiber as Record<string, unknown>)[name]

const withoutFields = (fiber: AnyFiber, names: ReadonlySet<PropertyKey>): AnyFiber =>
  new Proxy(fiber, {
    get: (target, name) => {
      if (names.has(name)) return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value, target)
  })

/** The operation by which an effect gets its fiber, as Effect's interpreter calls it. */
const operation = "WithRuntime"

interface Operation {
  readonly effect_instruction_i0: (fiber: AnyFiber, status: unknown) => unknown
}

/** For all tests of the `describe` that calls it. Returns how often an effect got its fiber meanwhile. */
export const hide = (...names: ReadonlyArray<string>): () => number => {
  const hidden = new Set<PropertyKey>(names)
  const prototype: Record<string, unknown> = Effect.runSync(
    Effect.withFiberRuntime((fiber) => Effect.succeed(Object.getPrototypeOf(fiber)))
  )
  const original = prototype[operation] as (this: AnyFiber, operation: Operation) => unknown
  let count = 0
  beforeAll(() => {
    prototype[operation] = function(this: AnyFiber, { effect_instruction_i0: run }: Operation) {
      return original.call(this, {
        effect_instruction_i0: (fiber, status) => {
          count++
          return run(withoutFields(fiber, hidden), status)
        }
      })
    }
  })
  afterAll(() => {
    prototype[operation] = original
  })
  return () => count
}
