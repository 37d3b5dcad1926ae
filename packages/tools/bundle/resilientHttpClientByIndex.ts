import { FetchHttpClient, HttpClient } from "@effect/platform"
import { HttpRetry, ResilientHttpClient } from "@reprise/http"
import { Effect, Layer } from "effect"
import { Backoff } from "reprise"

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
