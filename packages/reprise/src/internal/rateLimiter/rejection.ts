import type * as Types from "effect/Types"
import type { RateLimitExceeded } from "../../RateLimiter.js"
import type { Settings } from "./limiter.js"

type Fields = Parameters<Settings["reject"]>

/**
 * Makes rejections without running the constructor of an error: that captures a stack, which costs a hundred times the
 * rest of a rejection.
 *
 * @internal
 */
export const withoutStack = (type: typeof RateLimitExceeded): Settings["reject"] => {
  function Bare(this: Types.Mutable<RateLimitExceeded>, ...fields: Fields) {
    this._tag = "RateLimitExceeded"
    ;[this.key, this.limit, this.retryAfter, this.remaining] = fields
  }
  Bare.prototype = type.prototype
  // What a `RateLimitExceeded` has of its own are these fields; a class cannot be given the prototype of another.
  const Constructor = Bare as unknown as new(...fields: Fields) => RateLimitExceeded
  return (...fields) => new Constructor(...fields)
}
