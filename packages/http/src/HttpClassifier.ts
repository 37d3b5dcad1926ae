/**
 * Finds out which `HttpFailure` an error, a response or a whole `Cause` is.
 *
 * What a transport surfaces says little by itself: an expired certificate, a reset and a bug of the caller are all
 * `RequestError` with reason `Transport`. The chain of causes tells them apart.
 *
 * @since 0.1.0
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Cause from "effect/Cause"
import type * as Option from "effect/Option"
import type { HttpFailure } from "./HttpFailure.js"
import * as internal from "./internal/classify/classifier.js"
import type { ClassifyOptions } from "./internal/classify/classifier.js"

export type { ClassifyOptions } from "./internal/classify/classifier.js"

/**
 * The failure that a response other than 2xx is; none for 2xx.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromResponse: (
  response: HttpClientResponse.HttpClientResponse,
  options: Omit<ClassifyOptions, "request">
) => Option.Option<HttpFailure> = internal.fromResponse

/**
 * The failure that an error of an `HttpClient` is, found from the codes and classes in its chain of causes, from message text
 * only where there is nothing else; none for an error that has nothing to do with HTTP, and for a `RequestError` whose cause is
 * a tagged error of a stage below, such as `DeadlineExceeded`: that says itself what it is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const classify: (error: unknown, options: ClassifyOptions) => Option.Option<HttpFailure> = internal.classify

/**
 * Like `classify`, for a whole `Cause`: also sees the defects with which a transport answers bad arguments. None for
 * interruptions and all other defects.
 *
 * @since 0.1.0
 * @category constructors
 */
export const classifyCause: (
  cause: Cause.Cause<unknown>,
  options: ClassifyOptions
) => Option.Option<HttpFailure> = internal.classifyCause
