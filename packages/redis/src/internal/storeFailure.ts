import { StoreError } from "reprise/StoreError"
import type { RedisError } from "../Redis.js"
import * as failure from "./failure.js"

/**
 * The server is away, or it is there and did not do it: for this key, as far as one can tell.
 *
 * @internal
 */
export const failed = (error: RedisError): StoreError =>
  new StoreError({
    reason: error.reason === "node" || !failure.isOfServer(error) ? "refused" : "unavailable",
    description: error.message
  })
