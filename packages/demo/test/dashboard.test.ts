import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Http from "node:http"
import { vi } from "vitest"
import * as dashboard from "../src/dashboard.js"

const statusOf = (url: string, options: Http.RequestOptions = {}, body = "") =>
  Effect.async<number>((resume) => {
    Http.request(url, options, (response) => {
      response.resume()
      response.on("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
    }).end(body)
  })

describe("the live page of the demo", () => {
  it.scopedLive("is at the address that the demo prints, and only under a name of this machine", () =>
    Effect.gen(function*() {
      const printed: Array<string> = []
      const log = vi.spyOn(console, "log").mockImplementation((line) => void printed.push(String(line)))
      yield* Effect.addFinalizer(() => Effect.sync(() => log.mockRestore()))
      const began = yield* Deferred.make<void>()
      const demo = Effect.zipRight(Deferred.succeed(began, undefined), Effect.never)
      const running = yield* Effect.fork(dashboard.during(demo, "seed"))
      yield* Deferred.await(began)
      const url = /http:\S+/.exec(printed.join("\n"))?.[0] ?? ""
      assert.strictEqual(yield* statusOf(url), 200)
      assert.strictEqual(yield* statusOf(`${url}/health`), 200)
      assert.strictEqual(yield* statusOf(url, { headers: { host: "evil.example:80" } }), 403)
      yield* Fiber.interrupt(running)
    }))
})
