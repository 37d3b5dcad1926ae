import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as InvalidOption from "reprise/InvalidOption"

const message = (construct: () => unknown): string => {
  try {
    construct()
  } catch (error) {
    assert.instanceOf(error, InvalidOption.InvalidOption)
    return error.message
  }
  return "valid"
}

// The types rule out some mistakes; those who write JavaScript, or read a number from a configuration, make them.
const untyped = (value: unknown) => value as never

describe("InvalidOption.number", () => {
  const share = (value: number) => () => InvalidOption.number("jitter", value, { min: 0, max: 1 })
  const factor = (value: number) => () => InvalidOption.number("factor", value, { min: 1 })

  it("gives back a number in the range, its ends included", () => {
    assert.deepStrictEqual([share(0)(), share(0.5)(), share(1)(), factor(1)(), factor(1e308)()], [0, 0.5, 1, 1, 1e308])
  })

  it("names option, range and value of any other", () => {
    assert.strictEqual(message(share(1.01)), "Invalid option \"jitter\": expected a number from 0 to 1, got 1.01")
    assert.strictEqual(message(share(-0.01)), "Invalid option \"jitter\": expected a number from 0 to 1, got -0.01")
    assert.strictEqual(message(share(NaN)), "Invalid option \"jitter\": expected a number from 0 to 1, got NaN")
    assert.strictEqual(message(factor(0)), "Invalid option \"factor\": expected a finite number >= 1, got 0")
    assert.include(message(factor(Infinity)), "got Infinity")
    assert.strictEqual(
      message(share(untyped("1"))),
      "Invalid option \"jitter\": expected a number from 0 to 1, got \"1\""
    )
  })
})

describe("InvalidOption.integer", () => {
  const attempts = (value: number) => () => InvalidOption.integer("attempts", value, { min: 1 })
  const bounded = (value: number) => () => InvalidOption.integer("probes", value, { min: 1, max: 10 })

  it("gives back a whole number in the range, its ends included", () => {
    assert.deepStrictEqual([attempts(1)(), attempts(Number.MAX_SAFE_INTEGER)(), bounded(10)()], [
      1,
      Number.MAX_SAFE_INTEGER,
      10
    ])
  })

  it("names option, range and value of any other", () => {
    assert.strictEqual(message(attempts(0)), "Invalid option \"attempts\": expected a whole number >= 1, got 0")
    assert.strictEqual(message(attempts(1.5)), "Invalid option \"attempts\": expected a whole number >= 1, got 1.5")
    assert.strictEqual(
      message(attempts(Infinity)),
      "Invalid option \"attempts\": expected a whole number >= 1, got Infinity"
    )
    assert.strictEqual(message(bounded(11)), "Invalid option \"probes\": expected a whole number from 1 to 10, got 11")
    assert.strictEqual(
      message(bounded(NaN)),
      "Invalid option \"probes\": expected a whole number from 1 to 10, got NaN"
    )
    assert.strictEqual(
      message(bounded(2 ** 53)),
      "Invalid option \"probes\": expected a whole number from 1 to 10, got 9007199254740992"
    )
    assert.strictEqual(
      message(attempts(untyped([1, "2", {}, null]))),
      "Invalid option \"attempts\": expected a whole number >= 1, got [1, \"2\", an object, null]"
    )
  })
})

describe("InvalidOption.millis", () => {
  const max = (value: Duration.DurationInput) => () => InvalidOption.millis("max", value, { min: 0 })
  const base = (value: Duration.DurationInput) => () => InvalidOption.millis("base", value, { moreThan: 0 })
  const limit = "up to 2147483647 ms (24.8 days)"

  it("gives back a duration in the range as milliseconds, both ends and every notation included", () => {
    assert.deepStrictEqual(
      [max(0)(), base(0.5)(), max("2 seconds")(), base(Duration.minutes(1))(), base([1, 500_000])(), max(5n)()],
      [0, 0.5, 2_000, 60_000, 1_000.5, 0.000005]
    )
    assert.strictEqual(base(2_147_483_647)(), InvalidOption.maxDelayMillis)
  })

  it("names option, range and value of any other", () => {
    assert.strictEqual(message(base(0)), `Invalid option "base": expected a duration longer than 0 ms ${limit}, got 0`)
    assert.strictEqual(message(max(-1)), `Invalid option "max": expected a duration from 0 ms ${limit}, got -1`)
    assert.strictEqual(message(max(-1n)), `Invalid option "max": expected a duration from 0 ms ${limit}, got -1`)
    assert.strictEqual(
      message(max("25 days")),
      `Invalid option "max": expected a duration from 0 ms ${limit}, got "25 days"`
    )
    assert.strictEqual(
      message(max(Duration.days(25))),
      `Invalid option "max": expected a duration from 0 ms ${limit}, got 25d`
    )
    assert.include(message(max(2_147_483_648)), "got 2147483648")
    assert.include(message(max(Duration.infinity)), "got Infinity")
    assert.include(message(base(NaN)), "got NaN")
    assert.include(message(max(NaN)), "got NaN")
    assert.include(message(max(untyped("soon"))), "got \"soon\"")
    assert.include(message(max(untyped(undefined))), "got undefined")
    assert.include(message(max(untyped({ weight: 1 }))), "got an object")
  })

  it("counts from a lower bound other than zero", () => {
    assert.strictEqual(InvalidOption.millis("cap", 10, { min: 10 }), 10)
    assert.strictEqual(
      message(() => InvalidOption.millis("cap", 9, { min: 10 })),
      `Invalid option "cap": expected a duration from 10 ms ${limit}, got 9`
    )
  })
})

describe("InvalidOption", () => {
  it("is a tagged error with the facts as fields", () => {
    const error = new InvalidOption.InvalidOption({
      option: "drain.maxBytes",
      value: -1,
      expected: "a whole number >= 0"
    })
    assert.deepInclude({ ...error }, { option: "drain.maxBytes", value: -1, expected: "a whole number >= 0" })
    assert.strictEqual(error._tag, "InvalidOption")
    assert.strictEqual(error.message, "Invalid option \"drain.maxBytes\": expected a whole number >= 0, got -1")
  })
})
