import type { RateLimitExceeded } from "../../RateLimiter.js"
import * as rejection from "../rejection.js"
import type { Settings } from "./limiter.js"

/** @internal */
export const withoutStack = (type: typeof RateLimitExceeded): Settings["reject"] =>
  rejection.withoutStack(type, function(...fields: Parameters<Settings["reject"]>) {
    this._tag = "RateLimitExceeded"
    ;[this.key, this.limit, this.retryAfter, this.remaining] = fields
  })
