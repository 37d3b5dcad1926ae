/**
 * Classifies an error, a response or a whole `Cause` as an `HttpFailure`.
 *
 * The errors of a transport say little: an expired certificate, a reset and a bug of the caller are all `RequestError`
 * with reason `Transport`. The classifier reads the chain of causes to find the difference.
 *
 * @since 3.1.0
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Cause from "effect/Cause"
import type * as Option from "effect/Option"
import type { HttpFailure } from "./HttpFailure.js"
import * as internal from "./internal/classify/classifier.js"
import type { ClassifyOptions } from "./internal/classify/classifier.js"

export type { ClassifyOptions } from "./internal/classify/classifier.js"

/**
 * The failure of a response that is not 2xx; none for 2xx.
 *
 * @since 3.1.0
 * @category constructors
 */
export const fromResponse: (
  response: HttpClientResponse.HttpClientResponse,
  options: Omit<ClassifyOptions, "request">
) => Option.Option<HttpFailure> = internal.fromResponse

/**
 * Classifies an error of an `HttpClient` by the codes and classes in its chain of causes, and by message text if it has
 * nothing else.
 *
 * The result is none for an error that does not concern HTTP. It is also none for a `RequestError` whose cause is a
 * tagged error of a stage below, such as `DeadlineExceeded`.
 *
 * @since 3.1.0
 * @category constructors
 */
export const classify: (error: unknown, options: ClassifyOptions) => Option.Option<HttpFailure> = internal.classify

/**
 * Like `classify`, for a whole `Cause`: it also classifies the defects of a transport that rejects bad arguments. None
 * for interruptions and all other defects.
 *
 * @since 3.1.0
 * @category constructors
 */
export const classifyCause: (
  cause: Cause.Cause<unknown>,
  options: ClassifyOptions
) => Option.Option<HttpFailure> = internal.classifyCause
