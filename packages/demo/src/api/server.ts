/** The process of the API. It does what its parent tells it, and ends with it, however that ends. */
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Calls from "../calls.js"
import type { Books } from "./PaymentApi.js"
import * as PaymentApi from "./PaymentApi.js"

/**
 * `fresh` forgets everything; `crash`, `restart` and `recover` are the outage; `report` asks for the books and the
 * connections now open.
 */
export type Command = "fresh" | "crash" | "restart" | "recover" | "report"

/** The first message of the child. */
export interface Ready {
  readonly url: string
  /** The same API behind a certificate that has expired. */
  readonly expiredUrl: string
  readonly ca: string
}

/** In epoch milliseconds; 0 for what has not happened. */
export interface Outage {
  /** From now on nobody listens. */
  readonly crashMillis: number
  /** From now on the gateway listens, and answers 502: there is no service behind it. */
  readonly restartMillis: number
  readonly recoverMillis: number
}

export interface Report extends Books {
  readonly openConnections: number
  readonly outage: Outage
}

const noOutage: Outage = { crashMillis: 0, restartMillis: 0, recoverMillis: 0 }

const [seed = "", total = ""] = process.argv.slice(2)

// Ctrl-C reaches the whole terminal group: the parent decides when this process ends.
process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit())

const calls = Calls.make(Number(total))

const tell = (message: Ready | Report | Command) => Effect.sync(() => void process.send?.(message))

const program = Effect.gen(function*() {
  const commands = yield* Queue.unbounded<Command>()
  process.on("message", (command) => void Queue.unsafeOffer(commands, command as Command))

  const server = yield* FaultServer.make({ keep: 1 })
  const expired = yield* FaultServer.make({ keep: 1, tls: "expired" })
  let api = PaymentApi.make(seed, calls)
  let outage = noOutage
  const mark = (moment: keyof Outage) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      outage = { ...outage, [moment]: now }
    })

  const does = {
    fresh: Effect.suspend(() => {
      api = PaymentApi.make(seed, calls)
      outage = noOutage
      return Effect.zipRight(server.always(api.answer), expired.always(api.answer))
    }),
    crash: Effect.zipRight(mark("crashMillis"), server.stop),
    restart: Effect.suspend(() => api.setServing(false)).pipe(
      Effect.zipRight(server.start),
      Effect.zipRight(mark("restartMillis"))
    ),
    recover: Effect.zipRight(Effect.suspend(() => api.setServing(true)), mark("recoverMillis")),
    report: Effect.gen(function*() {
      const [plain, secure] = yield* Effect.all([server.connections, expired.connections])
      return { ...(yield* api.books), openConnections: plain.open + secure.open, outage }
    })
  }

  yield* tell({ url: server.url, expiredUrl: expired.url, ca: expired.ca ?? "" })
  return yield* Effect.forever(
    Effect.flatMap(
      Queue.take(commands),
      (command) =>
        Effect.flatMap(Effect.orDie<Report | void, unknown, never>(does[command]), (answer) => tell(answer ?? command))
    )
  )
})

Effect.runPromise(Effect.scoped(program)).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
