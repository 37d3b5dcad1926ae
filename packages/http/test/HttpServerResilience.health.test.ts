import { HttpApp } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as Telemetry from "reprise/Telemetry"
import * as HttpServerResilience from "../src/HttpServerResilience.js"
import { circuit } from "./support/livePage.js"

const answer = (...options: Parameters<typeof HttpServerResilience.health>) =>
  Effect.flatMap(Effect.runtime<Telemetry.Monitor>(), (runtime) => {
    const handler = HttpApp.toWebHandlerRuntime<Telemetry.Monitor>(runtime)(HttpServerResilience.health(...options))
    return Effect.promise(async () => {
      const response = await handler(new Request("http://h.test/health"))
      return { status: response.status, headers: response.headers, body: await response.json() }
    })
  })

describe("the health endpoint", () => {
  it.effect("answers 200 while a dependency is down, in the media type of the draft", () =>
    Effect.gen(function*() {
      const { fail } = yield* circuit("https://search.example")
      yield* fail
      const { body, headers, status } = yield* answer()
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("content-type"), "application/health+json")
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.strictEqual(body.status, "warn")
      assert.deepInclude(body.checks["circuitBreaker:https://search.example"][0], {
        status: "warn",
        state: "Open",
        failed: 1
      })
    }).pipe(Effect.provide(Telemetry.layerMonitor)))

  it.effect("answers 503 while a dependency is down that the service needs", () =>
    Effect.gen(function*() {
      const { fail, succeed } = yield* circuit("payments")
      const failWhenOpen = ["payments"]
      yield* succeed
      assert.strictEqual((yield* answer({ failWhenOpen })).status, 200)
      yield* fail
      const { body, status } = yield* answer({ failWhenOpen })
      assert.deepStrictEqual([status, body.status], [503, "fail"])
    }).pipe(Effect.provide(Telemetry.layerMonitor)))

  it("refuses an option out of range when it is made", () => {
    assert.throws(() => HttpServerResilience.health({ maxChecks: 0.5 }), InvalidOption)
  })
})
