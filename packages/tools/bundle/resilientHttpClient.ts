import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Backoff from "reprise/Backoff"

const HttpLive = ResilientHttpClient.layer({
  retry: Backoff.exponential("1 second").pipe(
    Backoff.capped("60 seconds"),
    Backoff.fullJitter,
    Backoff.attempts(5),
    HttpRetry.whileRetryable,
    HttpRetry.honorRetryAfter({ max: "2 minutes" })
  ),
  attemptTimeout: "10 seconds",
  deadline: "30 seconds",
  idempotencyKeys: true
}).pipe(Layer.provide(FetchHttpClient.layer))

const program = HttpClient.get("https://example.com").pipe(Effect.flatMap((response) => response.text))

Effect.runFork(program.pipe(Effect.provide(HttpLive)))
