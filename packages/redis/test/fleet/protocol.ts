export interface Options {
  /** The client library. */
  readonly library: "redis" | "ioredis"
  readonly redis: string
  /** What is called. */
  readonly dependency: string
  readonly key: string
  readonly failures: number
  readonly openMillis: number
  readonly probes: number
  readonly leaseMillis: number
  /** How long it waits for the store. */
  readonly timeoutMillis: number
  /** How far its clock is from that of the others. */
  readonly skewMillis: number
}

export type Command =
  & { readonly id: number }
  & (
    | { readonly do: "call" | "report" | "stop" | "reset" }
    | { readonly do: "start"; readonly callers: number; readonly pauseMillis: number }
  )

export interface Report {
  readonly ok: number
  readonly failed: number
  readonly rejected: number
  /** Calls that ended otherwise: there should be none. */
  readonly other: number
  readonly longestMillis: number
  readonly state: string
  readonly trips: number
  readonly retryAfterMillis: number
  readonly lines: ReadonlyArray<string>
}
