import type * as Duration from "effect/Duration"
import * as InvalidOption from "reprise/InvalidOption"
import type { HttpResilience } from "../HttpResilience.js"
import { checkedHeader } from "./idempotencyKey.js"
import type { Settings } from "./retryClient.js"

/** @internal */
export const retry = (options: HttpResilience.RetryOptions | undefined): Settings => ({
  facts: {
    redirect: options?.redirect ?? "follow",
    retryStatuses: (options?.retryStatuses ?? []).map((status) =>
      InvalidOption.integer("retryStatuses", status, { min: 400, max: 499 })
    )
  },
  retryUnsent: options?.retryUnsent ?? false,
  idempotencyHeader: options?.idempotencyHeader === undefined
    ? undefined
    : checkedHeader(options.idempotencyHeader, "idempotencyHeader"),
  drain: {
    maxBytes: InvalidOption.integer("drain.maxBytes", options?.drain?.maxBytes ?? 65_536, { min: 0 }),
    maxMillis: InvalidOption.millis("drain.maxDuration", options?.drain?.maxDuration ?? "200 millis", { min: 0 })
  },
  attemptHeader: options?.attemptHeader === undefined
    ? undefined
    : checkedHeader(options.attemptHeader, "attemptHeader")
})

/** @internal */
export const positiveMillis = (option: string, duration: Duration.DurationInput): number =>
  InvalidOption.millis(option, duration, { moreThan: 0 })

/** @internal */
export const limit = (option: string, duration: Duration.DurationInput | undefined): number =>
  duration === undefined ? Infinity : positiveMillis(option, duration)
