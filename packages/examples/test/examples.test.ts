import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Download from "../src/download.js"
import * as DropIn from "../src/drop-in.js"
import * as Fallback from "../src/fallback.js"
import * as HttpApi from "../src/http-api.js"
import * as LanguageModel from "../src/language-model.js"
import * as Operations from "../src/operations.js"
import * as Pagination from "../src/pagination.js"
import * as Payments from "../src/payments.js"
import * as Service from "../src/service.js"

describe("the example", () => {
  it.live("drop-in makes an unchanged program survive a busy server and a lost connection", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* DropIn.program, { before: "503 busy", after: "200 two books" })
    }))

  it.live("payments repeats a charge under the same key, and never a declined one", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Payments.program, {
        outcomes: ["paid", "declined", "not charged, try later", "unknown, ask before you try again"],
        keys: ["order-a", "order-a", "order-b", "order-c", "order-d", "order-d"]
      })
    }))

  it.live("download gets the whole file after two halves", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Download.program, { bytes: 100_000, attempts: 3 })
    }))

  it.live("service finds the order with the policy of its environment", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Service.program, "two books")
    }))

  it.live("language-model asks again after 429 and 529, and streams its answer", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* LanguageModel.program, { text: "two books", requests: 3 })
    }))

  it.live("pagination asks only for the page again that was cut", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Pagination.program, {
        all: ["a", "b", "c"],
        paths: ["/items", "/items?page=2", "/items?page=2"]
      })
    }))

  it.live("http-api retries a body that was cut, and a POST under the same key", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* HttpApi.program, { titles: ["two books", "two books"], sameKey: true })
    }))

  it.live("operations is not ready while an operator isolates what it needs", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Operations.program, {
        before: 200,
        isolatedByGuest: 403,
        isolatedByOperator: 200,
        during: 503,
        closed: 200,
        after: 200
      })
    }))

  it.effect("fallback answers from memory while the circuit is open, and from another region", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Fallback.program, {
        answers: ["1.0912", "ServerError", "ServerError", "1.0912, the last known"],
        elsewhere: "1.0908",
        // Neither of the last two has asked the near one.
        asked: [3, 1]
      })
    }))
})
