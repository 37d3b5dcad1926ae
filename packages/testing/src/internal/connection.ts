import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Net from "node:net"
import * as Reply from "../Reply.js"
import type { Exchange } from "./exchange.js"
import { deliver, type Outcome, type Wire } from "./replyWriter.js"
import { type Head, RequestParser } from "./requestParser.js"
import { turn } from "./turns.js"

/**
 * The reply to a request. It is known when the head arrives, or computed when the whole request has arrived.
 *
 * @internal
 */
export type Decision = Reply.Reply | Effect.Effect<Reply.Reply>

/** @internal */
export interface Host {
  readonly onHead: (head: Head, connection: number) => readonly [Exchange, Decision]
  readonly onClose: () => void
  /** Runs after each change of the records. */
  readonly onChange: () => void
  readonly fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
}

/**
 * One accepted connection. It parses requests one after the other, and the script answers them.
 *
 * @internal
 */
export class Connection implements Wire {
  private socket: Net.Socket
  private readonly parser: RequestParser
  private exchange: Exchange | undefined
  private pending: Effect.Effect<Outcome> | undefined
  private fiber: Fiber.RuntimeFiber<void> | undefined
  /** The server itself broke or closed the connection, so its end is not a client's abort. */
  private ended = false
  /** `false` when the connection ignores the rest of its input. */
  private reading = true

  constructor(private readonly id: number, private readonly raw: Net.Socket, private readonly host: Host) {
    this.socket = raw
    this.parser = new RequestParser({
      onHead: (head) => this.onHead(head),
      onBody: (bytes) => {
        if (!this.reading) return
        this.exchange?.push(bytes)
        this.host.onChange()
      },
      onEnd: () => {
        if (this.reading) this.onEnd()
      },
      onInvalid: (reason) => this.reject(reason)
    })
    // A reset by the peer is also an "error" event; "close" follows it and is what counts.
    raw.on("error", () => {})
    raw.once("close", () => this.onClose())
  }

  /** Breaks the connection before it reads a byte. */
  breakNow(reply: Reply.Break): void {
    this.socket.resume()
    this.fiber = this.host.fork(Effect.asVoid(deliver(this, reply, noHead)))
  }

  /** Serves on the accepted socket, or on a TLS socket over it. */
  serve(socket: Net.Socket): void {
    this.socket = socket
    if (socket !== this.raw) {
      socket.on("error", () => {})
      socket.once("close", () => this.raw.destroy())
    }
    socket.on("data", (bytes: Buffer) => {
      if (this.reading) this.parser.write(bytes)
    })
  }

  destroy(): void {
    this.ended = true
    this.reading = false
    // A TLS socket has no RST of its own; the TCP socket below it has.
    this.raw.resetAndDestroy()
    this.socket.destroy()
  }

  write(bytes: Uint8Array): Effect.Effect<void> {
    return Effect.async((resume) => {
      this.socket.write(bytes, (error) => {
        if (!error) resume(Effect.void)
      })
    })
  }

  end(by: Reply.Ending): Effect.Effect<void> {
    if (by === "hang") return Effect.void
    if (by === "reset") {
      const reset = Effect.sync(() => this.destroy())
      // An RST right behind bytes reaches libuv together with them, as an end of stream and not as ECONNRESET. Turns of the
      // event loop let a client in this process read the bytes first.
      return Effect.suspend(() =>
        this.socket.bytesWritten === 0 ? reset : Effect.zipRight(Effect.zipRight(turn, turn), reset)
      )
    }
    return Effect.sync(() => {
      this.ended = true
      this.reading = false
      // Reading continues, because closing with unread bytes would send an RST after the FIN.
      this.socket.resume()
      this.socket.end()
    })
  }

  private onHead(head: Head): void {
    const [exchange, decision] = this.host.onHead(head, this.id)
    this.exchange = exchange
    if (!Reply.isReply(decision)) {
      this.pending = Effect.flatMap(decision, (reply) => deliver(this, reply, head))
    } else if (decision._tag === "Break" && decision.at !== "request") {
      this.reading = false
      exchange.settled = true
      this.socket.pause()
      this.start(deliver(this, decision, head))
    } else {
      this.pending = deliver(this, decision, head)
      if (decision._tag === "Respond" && decision.early) this.startPending()
    }
    if (head.expectsContinue && this.pending !== undefined) this.socket.write("HTTP/1.1 100 Continue\r\n\r\n")
    this.host.onChange()
  }

  private onEnd(): void {
    const exchange = this.exchange
    if (exchange === undefined) return
    exchange.complete = true
    exchange.settled = true
    if (this.pending !== undefined) this.startPending()
    else if (exchange.answered) this.nextRequest()
    this.host.onChange()
  }

  private startPending(): void {
    const answer = this.pending
    this.pending = undefined
    if (answer !== undefined) this.start(answer)
  }

  private start(answer: Effect.Effect<Outcome>): void {
    this.fiber = this.host.fork(Effect.map(answer, (outcome) => {
      const exchange = this.exchange
      if (exchange === undefined) return
      exchange.answered = outcome !== "broken"
      if (outcome === "kept" && exchange.complete) this.nextRequest()
      this.host.onChange()
    }))
  }

  private nextRequest(): void {
    this.exchange = undefined
    this.parser.next()
  }

  private reject(reason: string): void {
    if (!this.reading) return
    this.ended = true
    this.reading = false
    const body = `The request is not HTTP/1.1: ${reason}\n`
    this.socket.end(`HTTP/1.1 400 Bad Request\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
  }

  private onClose(): void {
    this.fiber?.unsafeInterruptAsFork(FiberId.none)
    const exchange = this.exchange
    if (exchange !== undefined) {
      exchange.settled = true
      exchange.aborted = !this.ended && !exchange.answered
    }
    this.exchange = undefined
    this.socket.destroy()
    this.host.onClose()
    this.host.onChange()
  }
}

const noHead: Head = { method: "GET", path: "/", headers: {}, keepAlive: false, expectsContinue: false }
