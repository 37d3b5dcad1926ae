import { describe, it } from "@effect/vitest"
import type { Effect } from "effect"
import * as Deadline from "reprise/Deadline"
import * as Timeout from "reprise/Timeout"
import { expectTypeOf } from "vitest"

declare const effect: Effect.Effect<number, "broken", "service">

// Type-checked, never called: the effect is only declared.
const types = (checks: () => void) => void checks

describe("the types of Timeout and Deadline", () => {
  it("add the error of the timeout", () => {
    const options = { duration: "1 second", onTimeout: () => "late" as const } as const
    types(() => {
      expectTypeOf(Timeout.timeoutFail(effect, options)).toEqualTypeOf<
        Effect.Effect<number, "broken" | "late", "service">
      >()
      expectTypeOf(effect.pipe(Timeout.timeoutFail(options))).toEqualTypeOf<
        Effect.Effect<number, "broken" | "late", "service">
      >()
    })
  })

  it("add DeadlineExceeded, which knows the errors that may have come before", () => {
    type Within = Effect.Effect<number, "broken" | Deadline.DeadlineExceeded<"broken">, "service">
    types(() => {
      expectTypeOf(Deadline.within(effect, "1 second")).toEqualTypeOf<Within>()
      expectTypeOf(effect.pipe(Deadline.within("1 second"))).toEqualTypeOf<Within>()
    })
  })

  it("add nothing where a deadline is only set", () => {
    types(() => {
      expectTypeOf(Deadline.locally(effect, 0)).toEqualTypeOf<typeof effect>()
      expectTypeOf(effect.pipe(Deadline.locally(0))).toEqualTypeOf<typeof effect>()
    })
  })
})
