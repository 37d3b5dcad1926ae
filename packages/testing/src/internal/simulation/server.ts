import type { Agenda, Timer } from "../virtual/agenda.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** A request at the server. */
export class Exchange {
  isOver = false

  /** An abandoned request has no `answer`, so that it does not retain its client during a long wait. */
  constructor(public answer: (() => void) | undefined) {}
}

export interface Options {
  /** In requests per second. */
  readonly capacity: number
  readonly queue: number
  readonly abandoned: "serve" | "skip" | "remove"
}

/** One server that serves one request after the other, each in the same time. */
export class Server {
  /** The number of requests in the queue. */
  length = 0
  peak = 0
  services = 0
  wasted = 0
  isRefusing = false
  private isStalled = false
  private current: { readonly exchange: Exchange; readonly timer: Timer } | undefined
  private waiting: Array<Exchange> = []
  private taken = 0
  private readonly serviceMillis: number

  constructor(readonly agenda: Agenda, readonly options: Options) {
    this.serviceMillis = 1_000 / options.capacity
  }

  /** Returns `false` if the queue is full. */
  accept(exchange: Exchange): boolean {
    if (this.length >= this.options.queue && !this.isFree()) return false
    this.waiting.push(exchange)
    this.peak = Math.max(this.peak, ++this.length)
    this.serve()
    return true
  }

  abandon(exchange: Exchange): void {
    if (exchange.isOver) return
    exchange.answer = undefined
    if (this.options.abandoned !== "remove") return
    exchange.isOver = true
    if (this.current?.exchange === exchange) {
      this.agenda.cancel(this.current.timer)
      this.current = undefined
      this.serve()
    } else this.length--
  }

  stall(isStalled: boolean): void {
    this.isStalled = isStalled
    this.serve()
  }

  private isFree(): boolean {
    return this.current === undefined && !this.isStalled
  }

  private serve(): void {
    while (this.isFree() && this.taken < this.waiting.length) {
      const exchange = this.take()
      if (exchange.isOver) continue
      this.length--
      if (exchange.answer === undefined && this.options.abandoned === "skip") exchange.isOver = true
      else this.current = { exchange, timer: this.agenda.after(this.serviceMillis, () => this.end(exchange)) }
    }
  }

  private end(exchange: Exchange): void {
    this.current = undefined
    this.services++
    exchange.isOver = true
    if (exchange.answer === undefined) this.wasted++
    else exchange.answer()
    this.serve()
  }

  /** Takes the next request of the queue. It releases the memory of taken ones in large pieces. */
  private take(): Exchange {
    const exchange = this.waiting[this.taken++]!
    if (this.taken > 1_000 && this.taken * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.taken)
      this.taken = 0
    }
    return exchange
  }
}
