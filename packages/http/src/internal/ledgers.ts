import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { Retry } from "reprise/Retry"
import type { HttpFailure } from "../HttpFailure.js"

type Ledger = Retry.Ledger<HttpFailure>

const ledgers = new WeakMap<HttpClientResponse.HttpClientResponse, Ledger>()

/** @internal */
export const set = (response: HttpClientResponse.HttpClientResponse, ledger: Ledger): void => {
  ledgers.set(response, ledger)
}

/**
 * A reader was given a checked response, whose prototype is the response of the call.
 *
 * @internal
 */
export const get = (response: HttpClientResponse.HttpClientResponse): Ledger =>
  ledgers.get(response) ?? ledgers.get(Object.getPrototypeOf(response)) ?? []
