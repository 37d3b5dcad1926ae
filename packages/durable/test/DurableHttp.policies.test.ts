import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import { Data, Effect, Layer } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Policy from "reprise/Policy"
import * as Tripping from "reprise/Tripping"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Engine from "./support/engine.js"
import * as Server from "./support/server.js"
import { itIsVirtual, runAll } from "./support/time.js"

const run = (
  client: HttpClient.HttpClient,
  ids: ReadonlyArray<string>,
  options: Partial<DurableHttp.Options<string>>
) => {
  const live = Engine.Call.toLayer(({ id }) =>
    DurableHttp.execute({ name: "charge", request: HttpClientRequest.post(`http://api.example.com/${id}`), ...options })
  )
  const all = Effect.forEach(ids, (id) => Effect.exit(Engine.Call.execute({ id })), { concurrency: "unbounded" })
  return runAll(all).pipe(
    Effect.provide(live.pipe(Layer.provideMerge(Engine.layer(Engine.makeStore())))),
    Effect.provideService(HttpClient.HttpClient, client)
  )
}

const reasons = ({ attempts }: { readonly attempts: ReadonlyArray<DurableHttp.Attempt> }) =>
  attempts.map(({ failure, number, reason }) => `${number} ${reason} ${failure?.tag ?? ""}`.trim())

describe("a policy of the client", () => {
  itIsVirtual("that is an open circuit makes the call wait, and costs no attempt", () =>
    Effect.gen(function*() {
      const server = Server.make((_, { atMillis }) => atMillis < 60_000 ? 503 : 200)
      const client = ResilientHttpClient.make({
        retry: false,
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2), openFor: "20 seconds" })
      })(server.client)
      const [exit] = yield* run(client, ["1"], { retry: Backoff.linear("1 second").pipe(Backoff.attempts(6)) })
      const answer = yield* exit!
      assert.deepStrictEqual(reasons(answer).slice(0, 4), [
        "1 backoff ServerError",
        "2 backoff ServerError",
        "2 held CircuitOpen",
        "3 backoff ServerError"
      ])
      assert.strictEqual(answer.attempts.at(-1)?.number, server.seen.length)
      assert.isAtMost(server.seen.length, 6)
    }))

  itIsVirtual("that is a closed gate makes the call wait, and costs no attempt", () =>
    Effect.gen(function*() {
      const busy = () => new Response("", { status: 429, headers: { "retry-after": "30" } })
      const server = Server.make((n) => n === 1 ? busy() : 200)
      const client = ResilientHttpClient.make({
        retry: false,
        gate: HttpResilience.retryAfterGate({ onClosed: "reject" })
      })(server.client)
      const exits = yield* run(client, ["1", "2"], { retry: HttpRetry.exponential({ attempts: 2 }) })
      const ledgers = yield* Effect.forEach(exits, (exit) => Effect.map(exit, reasons))
      // Either of them may be the first.
      assert.deepStrictEqual([...ledgers].sort(), [
        ["0 held GateClosed", "1 success"],
        ["1 retryAfter RateLimited", "2 success"]
      ])
      assert.isAtLeast(server.seen[1]!.atMillis, 30_000)
    }))

  itIsVirtual("of the program itself makes the call wait up to its deadline", () =>
    Effect.gen(function*() {
      class Maintenance extends Data.TaggedError("Maintenance")<{}> {}
      const server = Server.make(() => 200)
      const client = ResilientHttpClient.make({
        retry: false,
        policies: [HttpResilience.policy(Policy.make({ admit: () => new Maintenance() }))]
      })(server.client)
      const [exit] = yield* run(client, ["1"], { deadline: "10 minutes" })
      const error = yield* Effect.flip(exit!)
      assert.strictEqual(error.reason, "deadline")
      assert.strictEqual(error.sent, "no")
      assert.strictEqual(error.attempts.at(-1)?.failure?.tag, "Maintenance")
      // Each wait is twice as long as the one before, up to a minute.
      assert.isAtMost(error.attempts.length, 18)
      assert.strictEqual(server.seen.length, 0)
    }))

  itIsVirtual("that retries makes one attempt for each attempt of the call", () =>
    Effect.gen(function*() {
      const server = Server.make(() => 503)
      const client = ResilientHttpClient.make({ retry: HttpRetry.exponential({ attempts: 5 }) })(server.client)
      const [exit] = yield* run(client, ["1"], { retry: Backoff.linear("1 second").pipe(Backoff.attempts(3)) })
      const error = yield* Effect.flip(exit!)
      assert.strictEqual(error.attempts.length, 3)
      assert.strictEqual(server.seen.length, 3)
    }))

  itIsVirtual("that has a deadline limits one attempt, and not the call", () =>
    Effect.gen(function*() {
      const server = Server.make((n) => n === 1 ? Effect.never : 200)
      const client = ResilientHttpClient.make({ deadline: "5 seconds" })(server.client)
      const [exit] = yield* run(client, ["1"], { retry: Backoff.linear("1 second").pipe(Backoff.attempts(3)) })
      assert.deepStrictEqual(reasons(yield* exit!), ["1 backoff AttemptTimeout", "2 success"])
    }))
})
