/** What the process of a test is started with. */
export interface Options {
  readonly url: string
  /** A file of SQLite, or the URL of PostgreSQL. */
  readonly database: string
  /** The port of this runner; none for the only one. */
  readonly port: number | undefined
  /** The calls that this process waits for. */
  readonly ids: ReadonlyArray<string>
  /** Waits above this suspend the workflow. */
  readonly inMemoryMillis: number
}

export interface Line {
  readonly number: number
  readonly startMillis: number
  readonly durationMillis: number
  readonly delayMillis?: number | undefined
  readonly reason: string
  readonly failure?: { readonly tag: string } | undefined
}

/** What the process tells, one a message. */
export type Message =
  | { readonly _tag: "Ready" }
  | {
    readonly _tag: "Done"
    readonly id: string
    readonly body: string
    readonly key: string | undefined
    readonly lines: ReadonlyArray<Line>
  }
  | { readonly _tag: "Failed"; readonly id: string; readonly why: string }
