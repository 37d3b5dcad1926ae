/** One resilient request against any server, and what became of each attempt. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpFailure from "@reprise/http/HttpFailure"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Retry from "reprise/Retry"
import type { Method } from "./flags.js"
import * as table from "./table.js"

type Ledger = Retry.Ledger<HttpFailure.HttpFailure>

export interface Probe {
  readonly succeeded: boolean
  /** How it ended, in a line. */
  readonly ending: string
  readonly ledger: Ledger
}

export const probe = (
  url: string,
  method: Method,
  attempts: number
): Effect.Effect<Probe, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const resilient = ResilientHttpClient.makeTyped({
      retry: HttpRetry.exponential({ attempts, base: "500 millis", cap: "10 seconds" }),
      attemptTimeout: "10 seconds",
      deadline: "1 minute"
    })
    let ledger: Ledger = []
    const client = resilient(yield* HttpClient.HttpClient).pipe(
      HttpClient.transformResponse(Effect.map((response) => {
        ledger = HttpResilience.attempts(response)
        return response
      }))
    )
    const request = HttpClientRequest.make(method)(url)
    return yield* HttpResilience.executeAndRead(client, request, (response) =>
      Effect.map(response.text, () =>
        response.status)).pipe(
        Effect.match({
          onSuccess: (status): Probe => ({ succeeded: true, ending: `answered ${status}`, ledger }),
          onFailure: (failure): Probe => ({
            succeeded: false,
            ending: failure.message,
            ledger: failure._tag === "DeadlineExceeded"
              ? Option.match(failure.last, {
                onNone: () => [],
                onSome: (last) =>
                  last.attempts
              })
              : "attempts" in failure
              ? failure.attempts
              : ledger
          })
        })
      )
  })

const millis = (duration: Duration.Duration): string => `${Math.round(Duration.toMillis(duration))} ms`

const outcome = (failure: HttpFailure.HttpFailure): string =>
  "status" in failure && failure.status !== undefined
    ? `${failure._tag} ${failure.status}`
    : "code" in failure && failure.code !== undefined
    ? `${failure._tag} ${failure.code}`
    : failure._tag

export const print = ({ ledger }: Pick<Probe, "ledger">): string => {
  const start = ledger[0]?.startMillis ?? 0
  return table.render(
    ["attempt", "start", "duration", "outcome", "delay", "why"],
    ledger.map((attempt) => [
      String(attempt.number),
      `${Math.round(attempt.startMillis - start)} ms`,
      millis(attempt.duration),
      Option.match(attempt.failure, { onNone: () => "success", onSome: outcome }),
      Option.match(attempt.delay, { onNone: () => "-", onSome: millis }),
      attempt.reason
    ])
  )
}
