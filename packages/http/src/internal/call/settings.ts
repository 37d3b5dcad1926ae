import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as InvalidOption from "reprise/InvalidOption"
import type * as attempts from "../attempt/attempts.js"
import * as drain from "../attempt/drain.js"
import type { Budget, RetryOptions } from "../model.js"
import * as order from "../order.js"
import * as headerName from "../request/headerName.js"
import * as budgets from "../stages/budgets.js"
import * as timeLimits from "./timeLimits.js"

/** @internal */
export interface Settings {
  readonly facts: attempts.Facts
  readonly retryUnsent: boolean
  readonly idempotencyHeader: string | undefined
  readonly drain: drain.Limits
  readonly attemptHeader: string | undefined
  readonly deadlineHeader: string | undefined
  readonly limits: timeLimits.Limits
  readonly order: order.Order
  readonly budget: Budget | undefined
  readonly nested: "suppress" | "allow" | undefined
  readonly listener: RetryOptions["listener"]
  /** Prepares the request once for all of its attempts. */
  readonly prepare:
    | ((request: HttpClientRequest.HttpClientRequest) => Effect.Effect<HttpClientRequest.HttpClientRequest>)
    | undefined
}

/** @internal */
export const retry = (
  options: RetryOptions | undefined,
  limits = timeLimits.none,
  stages = order.make([]),
  prepare?: Settings["prepare"]
): Settings => ({
  prepare,
  limits,
  order: stages,
  facts: {
    redirect: InvalidOption.oneOf("redirect", options?.redirect ?? "follow", ["follow", "manual"]),
    classify: options?.classify
  },
  retryUnsent: options?.retryUnsent ?? false,
  budget: options?.budget && budgets.of(budgets.ownOf(options.budget)),
  nested: InvalidOption.oneOf("nested", options?.nested ?? "suppress", ["suppress", "allow"]),
  listener: options?.listener,
  idempotencyHeader: header("idempotencyHeader", options?.idempotencyHeader),
  drain: {
    maxBytes: InvalidOption.integer("drain.maxBytes", options?.drain?.maxBytes ?? drain.defaults.maxBytes, { min: 0 }),
    maxMillis: InvalidOption.millis("drain.maxDuration", options?.drain?.maxDuration ?? drain.defaults.maxMillis, {
      min: 0
    })
  },
  attemptHeader: header("attemptHeader", options?.attemptHeader),
  deadlineHeader: header("deadlineHeader", options?.deadlineHeader)
})

const header = (option: string, name: string | undefined): string | undefined =>
  name === undefined ? undefined : headerName.checked(name, option)

/** @internal */
export const positiveMillis = (option: string, duration: Duration.DurationInput): number =>
  InvalidOption.millis(option, duration, { moreThan: 0 })

/** @internal */
export const limit = (option: string, duration: Duration.DurationInput | undefined): number =>
  duration === undefined ? Infinity : positiveMillis(option, duration)
