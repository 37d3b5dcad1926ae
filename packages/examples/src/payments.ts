/** A charge that is safe to repeat, and a decision for every way in which it can fail. */
import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
import { type HttpFailure, HttpResilience, HttpRetry, Idempotency, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Effect, Layer, Option } from "effect"
import { Retry, RetryBudget } from "reprise"

type Outcome = "paid" | "declined" | "not charged, try later" | "unknown, ask before you try again"

/** Nobody was charged if no attempt, the last one or an earlier one, may have reached the bank's books. */
const outcomeOf = (failures: ReadonlyArray<HttpFailure.HttpFailure>): Effect.Effect<Outcome> => {
  const unknown = failures.some(({ sent }) => sent === "maybe")
  return Effect.succeed(unknown ? "unknown, ask before you try again" : "not charged, try later")
}

const undecided = (failure: HttpFailure.HttpFailure): Effect.Effect<Outcome> =>
  outcomeOf([failure, ...failure.attempts.flatMap((attempt) => Option.toArray(attempt.failure))])

/** What was not sent, because a guard of the client turned it away; but it may have been the second attempt. */
const rejected = (rejection: ResilientHttpClient.Rejection): Effect.Effect<Outcome> =>
  Retry.omitted(HttpResilience.attempts(rejection)) > 0
    ? Effect.succeed("unknown, ask before you try again")
    : outcomeOf(HttpResilience.attempts(rejection).flatMap((attempt) => Option.toArray(attempt.failure)))

/** The `never` is the proof that no failure was forgotten. */
const charge = (bank: string, order: string): Effect.Effect<Outcome, never, ResilientHttpClient.ResilientHttpClient> =>
  Effect.gen(function*() {
    const client = yield* ResilientHttpClient.ResilientHttpClient
    const request = HttpClientRequest.post(`${bank}/charges`).pipe(
      HttpClientRequest.bodyUnsafeJson({ order, cents: 4200 }),
      Idempotency.withKey(order)
    )
    yield* client.execute(request)
    return "paid" as const
  }).pipe(Effect.catchTags({
    ClientError: (failure) => failure.status === 402 ? Effect.succeed("declined" as const) : undecided(failure),
    BulkheadFull: rejected,
    CircuitOpen: rejected,
    GateClosed: rejected,
    LimitExceeded: rejected,
    RateLimitExceeded: rejected,
    DeadlineExceeded: () => Effect.succeed("unknown, ask before you try again" as const),
    AttemptTimeout: undecided,
    BodyFailure: undecided,
    ConnectFailure: undecided,
    ConnectionLost: undecided,
    DecodeFailure: undecided,
    HostNotFound: undecided,
    InvalidRequest: undecided,
    ProtocolFailure: undecided,
    RateLimited: undecided,
    ServerError: undecided,
    TlsFailure: undecided,
    UnexpectedResponse: undecided,
    UnknownNetwork: undecided
  }))

const BankLive = ResilientHttpClient.layerTyped({
  retry: HttpRetry.exponential({ base: "20 millis" }),
  attemptTimeout: "10 seconds",
  deadline: "30 seconds",
  budget: HttpRetry.budget(RetryBudget.share())
}).pipe(
  Layer.provide(FetchHttpClient.layer)
)

const paid = Reply.json({ charged: true })
const tomorrow = Reply.respond({ status: 429, headers: { "retry-after": "86400" } })

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make()
  // A reset after the request: the bank may have charged the card. The key makes the repeat harmless.
  yield* server.script(Reply.reset(), paid, Reply.respond({ status: 402 }), tomorrow, Reply.reset(), tomorrow)
  const outcomes = yield* Effect.forEach(["a", "b", "c", "d"], (order) => charge(server.url, `order-${order}`))
  const keys = (yield* server.requests).map((request) => request.headers["idempotency-key"])
  return { outcomes, keys }
}).pipe(Effect.scoped, Effect.provide(BankLive))
