import { StoreError } from "reprise/StoreError"
import type { RedisError } from "../Redis.js"

/** What the server says of itself: whoever asks for another key hears the same. */
const ofServer = new Set([
  "BUSY",
  "CLUSTERDOWN",
  "LOADING",
  "MASTERDOWN",
  "MISCONF",
  "NOAUTH",
  "NOREPLICAS",
  "READONLY"
])

/**
 * The server is away, or it is there and did not do it: for this key, as far as one can tell.
 *
 * @internal
 */
export const failed = ({ code, message, reason }: RedisError): StoreError =>
  new StoreError({
    reason: reason === "node" || (reason === "reply" && !ofServer.has(code ?? "")) ? "refused" : "unavailable",
    description: message
  })
