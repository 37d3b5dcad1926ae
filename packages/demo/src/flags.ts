/** The command line. */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import { parseArgs } from "node:util"

export type Flags =
  | { readonly _tag: "Help" }
  | { readonly _tag: "Demo"; readonly seed: string }
  | { readonly _tag: "Dashboard"; readonly seed: string }
  | { readonly _tag: "Durable"; readonly seed: string }
  | { readonly _tag: "Probe"; readonly url: string; readonly method: Method; readonly attempts: number }

export const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const
export type Method = typeof methods[number]

export class BadFlags extends Data.TaggedError("BadFlags")<{ readonly message: string }> {}

export const usage = `Usage:
  demo [--seed TEXT]                                  2,000 calls through three ways to retry, and a report
  demo --dashboard [--seed TEXT]                      the same, with a live page in a browser
  demo --durable [--seed TEXT]                        40 payments whose process is killed three times (Effect 3)
  demo --url URL [--method GET] [--attempts 5]        one resilient request against any server, and its ledger

  --effect 4       runs on Effect 4, against its own retryTransient and circuit breaker
  --seed TEXT      what goes wrong depends on it (default: reprise)
  --dashboard      serves the live page on 127.0.0.1 and prints its address; after the report
                   it goes on with the same calls, until Ctrl-C ends it with 0
  --durable        calls that survive a crash: over SQLite, with SIGKILL at the worst moment
  --url URL        http:// or https://
  --method NAME    ${methods.join(", ")}
  --attempts N     at most so many, the first included: 1 to 20
  --help           this text

Exit codes: 0 all is well; 1 Reprise charged somebody twice, or sent more than one request at a time while its
circuit was not closed, or a durable call was not charged once under one key, or the one request failed; 2 wrong flags.`

const options = {
  help: { type: "boolean" },
  seed: { type: "string" },
  dashboard: { type: "boolean" },
  durable: { type: "boolean" },
  url: { type: "string" },
  method: { type: "string" },
  attempts: { type: "string" }
} as const

export const parse = (args: ReadonlyArray<string>): Either.Either<Flags, BadFlags> =>
  Either.try({
    // pnpm hands on the "--" that separates its own flags.
    try: () => interpret(parseArgs({ args: args.filter((arg) => arg !== "--"), options, strict: true }).values),
    catch: (error) => error instanceof BadFlags ? error : new BadFlags({ message: (error as Error).message })
  })

const interpret = (
  values:
    & {
      readonly [name in Exclude<keyof typeof options, "help" | "dashboard" | "durable">]?: string
    }
    & { readonly help?: boolean; readonly dashboard?: boolean; readonly durable?: boolean }
): Flags => {
  if (values.help) return { _tag: "Help" }
  if (values.url === undefined) {
    const stray = (["method", "attempts"] as const).find((name) => values[name] !== undefined)
    if (stray !== undefined) throw new BadFlags({ message: `--${stray} goes with --url` })
    if (values.dashboard && values.durable) throw new BadFlags({ message: "--dashboard does not go with --durable" })
    const seed = values.seed ?? "reprise"
    return { _tag: values.dashboard ? "Dashboard" : values.durable ? "Durable" : "Demo", seed }
  }
  if (values.durable) throw new BadFlags({ message: "--durable does not go with --url" })
  if (values.dashboard) throw new BadFlags({ message: "--dashboard does not go with --url" })
  if (values.seed !== undefined) throw new BadFlags({ message: "--seed does not go with --url" })
  return {
    _tag: "Probe",
    url: webUrl(values.url),
    method: methodOf(values.method ?? "GET"),
    attempts: attemptsOf(values.attempts ?? "5")
  }
}

const webUrl = (text: string): string => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new BadFlags({ message: `--url must be an http or https URL` })
  }
  return text
}

const methodOf = (text: string): Method => {
  const method = methods.find((method) => method === text.toUpperCase())
  if (method === undefined) throw new BadFlags({ message: `--method must be one of ${methods.join(", ")}` })
  return method
}

const attemptsOf = (text: string): number => {
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > 20) {
    throw new BadFlags({ message: `--attempts must be a whole number from 1 to 20, not ${JSON.stringify(text)}` })
  }
  return Number(text)
}
