import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Option from "effect/Option"
import type { Retry } from "reprise/Retry"
import type { HttpFailure } from "../HttpFailure.js"
import type { Rejection } from "../ResilientHttpClient.js"
import type { FailedAttempt } from "./attempts.js"

type Result = HttpClientResponse.HttpClientResponse | Rejection

/** As the retry loop writes it down. */
type Raw = Retry.Ledger<FailedAttempt>

const key: unique symbol = Symbol.for("@reprise/http/ledger")

interface Carrier {
  [key]?: Raw
}

/** For errors, which may be anybody's, and for what nothing can be written on. */
const others = new WeakMap<object, Raw>()

/** @internal */
export const setOfError = (error: Rejection, ledger: Raw): void => {
  others.set(error, ledger)
}

/**
 * It is written on the response itself: in a `WeakMap` it costs more to collect than to make.
 *
 * @internal
 */
export const set = (response: HttpClientResponse.HttpClientResponse & Carrier, ledger: Raw): void => {
  if (Object.isExtensible(response)) response[key] = ledger
  else others.set(response, ledger)
}

/** @internal */
export const lines = (ledger: Raw): Retry.Ledger<HttpFailure> =>
  ledger.map((line) => ({ ...line, failure: Option.flatMap(line.failure, ({ failure }) => failure) }))

/**
 * A reader was given a checked response, whose prototype is the response of the call.
 *
 * @internal
 */
export const get = (result: Result & Carrier): Retry.Ledger<HttpFailure> =>
  lines(result[key] ?? others.get(result) ?? others.get(Object.getPrototypeOf(result)) ?? [])
