import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Retry from "reprise/Retry"
import * as clientError from "../classify/clientError.js"
import { type HttpFailure, isHttpFailure } from "../classify/failure.js"

type Ledger = Retry.Ledger<HttpFailure>

const key: unique symbol = Symbol.for("@reprise/http/ledger")

interface Carrier {
  [key]?: Ledger
}

/** For errors, which may come from other code, and for frozen objects. */
const others = new WeakMap<object, Ledger>()

/** @internal */
export const setOfError = (error: object, ledger: Ledger): void => {
  others.set(error, ledger)
}

/**
 * Sets the ledger on the response itself: a `WeakMap` entry costs more to collect than to make.
 *
 * @internal
 */
export const set = (response: HttpClientResponse.HttpClientResponse & Carrier, ledger: Ledger): void => {
  if (Object.isExtensible(response)) response[key] = ledger
  else others.set(response, ledger)
}

/**
 * A reader receives a checked response, whose prototype is the response of the call.
 *
 * @internal
 */
export const get = (result: object & Carrier): Ledger =>
  result[key] ?? others.get(result) ?? others.get(Object.getPrototypeOf(result)) ?? []

/**
 * The ledger of a response, of a failure or rejection, or of the platform's error around one of them.
 *
 * @internal
 */
export const ofResult = (result: object): Ledger => {
  const told: object = HttpClientError.isHttpClientError(result)
    ? Object(result.cause ?? clientError.responseOf(result))
    : result
  return isHttpFailure(told) ? told.attempts : get(told)
}
