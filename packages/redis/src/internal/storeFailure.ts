import { StoreError } from "reprise/StoreError"
import type { RedisError } from "../Redis.js"

/** @internal */
export const unavailable = ({ message }: RedisError): StoreError =>
  new StoreError({ reason: "unavailable", description: message })
