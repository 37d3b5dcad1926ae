import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { Retry } from "reprise/Retry"
import type { HttpFailure } from "../HttpFailure.js"
import type { Rejection } from "../ResilientHttpClient.js"

type Ledger = Retry.Ledger<HttpFailure>

const ledgers = new WeakMap<object, Ledger>()

/** @internal */
export const set = (result: HttpClientResponse.HttpClientResponse | Rejection, ledger: Ledger): void => {
  ledgers.set(result, ledger)
}

/**
 * A reader was given a checked response, whose prototype is the response of the call.
 *
 * @internal
 */
export const get = (result: HttpClientResponse.HttpClientResponse | Rejection): Ledger =>
  ledgers.get(result) ?? ledgers.get(Object.getPrototypeOf(result)) ?? []
