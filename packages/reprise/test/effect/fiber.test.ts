import { assert, describe, it } from "@effect/vitest"
import { Effect, type Fiber } from "effect"
import * as fields from "../../src/internal/effect/fiber.js"
import { behaves, cases } from "./behaves.js"

describe("a timeout, a deadline and a hedge", () => behaves(cases))

describe("a fiber of this version of Effect", () => {
  const canBeCut = Effect.withFiberRuntime((fiber) => Effect.succeed(fields.canBeCut(fiber)))

  it("needs no other fiber for a timeout", () => {
    assert.isTrue(Effect.runSync(canBeCut))
  })

  it("needs another one for a timeout while it has children", () => {
    assert.isFalse(Effect.runSync(Effect.zipRight(Effect.fork(Effect.never), canBeCut)))
  })

  it("needs another one for a timeout if its private fields have other names", () => {
    assert.isFalse(fields.canBeCut({ getFiberRef: () => undefined } as unknown as Fiber.RuntimeFiber<unknown>))
  })
})
