import { ServeError } from "@effect/platform/HttpServerError"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as Tls from "node:tls"
import type { Break } from "../Reply.js"
import type { KeyPair } from "./certificates.js"
import type { Connection } from "./connection.js"

interface Options {
  readonly certificate: KeyPair | undefined
  readonly maxConnections: number
  readonly onExceeded: "reset" | "wait"
  readonly breakOnConnect: () => Break | undefined
  readonly connect: (raw: Net.Socket, id: number, onClose: () => void) => Connection
}

/** @internal */
export interface Listener {
  readonly count: () => { readonly open: number; readonly accepted: number; readonly refused: number }
  readonly drop: () => void
  readonly start: (port: number) => Effect.Effect<number, ServeError>
  readonly stop: Effect.Effect<void>
}

/** @internal */
export const listen = (server: Net.Server, port: number): Effect.Effect<number, ServeError> =>
  Effect.async((resume) => {
    server.once("error", (cause) => resume(Effect.fail(new ServeError({ cause }))))
    server.listen(port, "127.0.0.1", 4096, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

/** @internal */
export const close = (server: Net.Server): Effect.Effect<void> =>
  Effect.async((resume) => {
    server.close(() => resume(Effect.void))
  })

/**
 * Accepts connections up to the limit, and tracks them, so that all can be reset.
 *
 * @internal
 */
export const makeListener = (options: Options): Listener => {
  const open = new Set<Connection>()
  const waiting = new Set<Net.Socket>()
  const secureContext = options.certificate && Tls.createSecureContext(options.certificate)
  let server: Net.Server | undefined
  let accepted = 0
  let refused = 0

  const admit = (raw: Net.Socket) => {
    const connection = options.connect(raw, accepted++, () => {
      open.delete(connection)
      const next = first(waiting)
      if (next !== undefined && waiting.delete(next)) admit(next)
    })
    open.add(connection)
    const broken = options.breakOnConnect()
    if (broken !== undefined) return connection.breakNow(broken)
    connection.serve(secureContext ? new Tls.TLSSocket(raw, { isServer: true, secureContext }) : raw)
  }

  const onConnection = (raw: Net.Socket) => {
    if (open.size < options.maxConnections) return admit(raw)
    raw.on("error", () => {})
    if (options.onExceeded === "reset") {
      refused++
      raw.resetAndDestroy()
    } else {
      waiting.add(raw)
      raw.once("close", () => waiting.delete(raw))
    }
  }

  const drop = () => {
    for (const raw of waiting) raw.resetAndDestroy()
    waiting.clear()
    for (const connection of open) connection.destroy()
  }

  return {
    count: () => ({ open: open.size, accepted, refused }),
    drop,
    start: (port) =>
      Effect.suspend(() => {
        if (server !== undefined) return Effect.succeed(port)
        const starting = Net.createServer({ noDelay: true }, onConnection)
        server = starting
        return Effect.onError(listen(starting, port), () => Effect.sync(() => server = undefined))
      }),
    stop: Effect.suspend(() => {
      if (server === undefined) return Effect.void
      const closed = close(server)
      server = undefined
      return Effect.zipRight(Effect.sync(drop), closed)
    })
  }
}

const first = <A>(set: ReadonlySet<A>): A | undefined => set.values().next().value
