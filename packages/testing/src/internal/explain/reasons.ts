import type { Reason } from "reprise/Retry"

const words: Readonly<Record<string, string>> = {
  success: "done",
  backoff: "the delay of the policy",
  retryAfter: "the server asks for it",
  attempts: "the policy allows no more attempts",
  within: "the policy has no time left for another attempt",
  schedule: "the policy ends here",
  notRetryable: "another attempt cannot succeed",
  notIdempotent: "the request is not idempotent",
  bodyNotReplayable: "the body of the request cannot be read again",
  retryAfterTooLong: "the server asks for a longer wait than the policy grants",
  deadline: "the wait would pass the deadline",
  budget: "the retry budget is spent",
  nested: "an outer retry loop retries",
  circuitOpen: "the circuit is open",
  gateClosed: "the server asked all callers to wait",
  bulkheadFull: "too many attempts run or wait",
  limitExceeded: "the adaptive limit is reached",
  rateLimited: "the rate limiter rejects it",
  defect: "it failed with a defect",
  interrupted: "it was interrupted from within",
  neverEnds: "nothing ends it",
  unknown: "unknown, because the call has no ledger"
}

/**
 * A reason in words. A reason that the user added stands for itself.
 *
 * @internal
 */
export const inWords = (reason: Reason): string => words[reason] ?? reason
