import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { constVoid } from "effect/Function"
import type * as Random from "effect/Random"
import * as RetryBudget from "reprise/RetryBudget"
import { inTurns } from "../turns.js"
import { Timeline } from "../virtual/timeline.js"
import type { Step, Take } from "./script.js"
import * as transport from "./transport.js"

/** @internal */
export interface Settings {
  readonly options: ResilientHttpClient.Options
  readonly request: HttpClientRequest.HttpClientRequest
  readonly take: Take
  readonly random: Random.Random
  readonly calls: number
  /** One after the other where there is none. */
  readonly everyMillis: number | undefined
  /** When all that still runs is cut off. Defaults to never. */
  readonly untilMillis?: number | undefined
}

/**
 * What became of one call.
 *
 * @internal
 */
export class Call {
  readonly exchanges: Array<transport.Exchange> = []
  /** Infinite if the call was ended, and would not have ended by itself. */
  endMillis = Infinity
  /** It was not allowed to send any more. */
  isCut = false
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown> | undefined

  constructor(readonly number: number, readonly startMillis: number) {}

  get neverEnds(): boolean {
    return this.endMillis === Infinity
  }
  get isHanging(): boolean {
    return this.exchanges.some(({ endMillis, step: { cause, status } }) =>
      endMillis === Infinity && cause === undefined && status === undefined
    )
  }
}

/** A call that sends so many requests has no end. */
const maxRequests = 1_000

/** How many tasks run before the event loop has its turn. */
const batch = 1_000

/** What goes on for so long without a request or a new call has no end: it spins, or sleeps again and again. */
const maxIdle = 20_000

/** Real time for what goes by no clock, a promise say, once nothing else is left. */
const patience = Effect.withClock(Effect.sleep("20 millis"), Clock.make())

/** What a budget remembers of earlier calls lies in the options: by now all of it is over. A window is at most 24.8 days. */
const laterMillis = 2 ** 32

/**
 * Makes the calls through the client of the options, and ends those that do not end by themselves. Those that would begin
 * after one of these are not made.
 *
 * @internal
 */
export const run = (settings: Settings): Effect.Effect<ReadonlyArray<Call>> =>
  Effect.suspend(() => {
    const calls = new Calls(settings)
    const { untilMillis } = settings
    return calls.start.pipe(
      Effect.zipRight(calls.drive(() => !calls.areHanging, untilMillis)),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? calls.close : calls.interrupt),
      Effect.as(calls.all)
    )
  })

/**
 * The calls of a run, and the time in which they happen.
 *
 * @internal
 */
export class Calls {
  readonly all: Array<Call> = []
  readonly timeline: Timeline<Call>
  private readonly client: ReturnType<ReturnType<typeof ResilientHttpClient.makeTyped>>
  private readonly closing = Deferred.unsafeMake<void>(FiberId.none)
  private isClosed = false
  private idle = 0

  constructor(readonly settings: Settings) {
    this.timeline = new Timeline(settings.random)
    this.client = ResilientHttpClient.makeTyped(settings.options)(transport.make(this))
  }

  /** Whole milliseconds: what lasts less is not seen. */
  get nowMillis(): number {
    return Math.round(this.timeline.agenda.nowMillis)
  }

  /** All wait for the server, and nothing else can happen. */
  get areHanging(): boolean {
    return this.all.every((call) => call.exit !== undefined || call.isHanging)
  }

  private get areOver(): boolean {
    return this.timeline.fibers.size === 0 && (this.isClosed || this.all.length === this.settings.calls)
  }

  /** Lets the budget forget, then makes the first call. */
  readonly start: Effect.Effect<void> = Effect.sync(() => {
    const { options: { budget }, request } = this.settings
    const { agenda } = this.timeline
    if (budget !== undefined) {
      agenda.nowMillis = laterMillis
      this.timeline.fork(Effect.flatMap(budget(request), RetryBudget.snapshot), undefined, constVoid)
      this.runTasks()
      agenda.nowMillis = 0
    }
    this.begin()
  })

  private begin(): void {
    const { calls, everyMillis, request } = this.settings
    if (this.isClosed || this.all.length === calls) return
    const call = new Call(this.all.length + 1, this.nowMillis)
    this.idle = 0
    this.all.push(call)
    // The body is read within the attempt, as it should be.
    const response = HttpResilience.executeAndRead(
      this.client,
      request,
      (response) => Effect.as(response.text, response)
    )
    this.timeline.fork(response, call, (exit) => {
      call.exit = exit
      if (!this.isClosed && !call.isCut) call.endMillis = this.nowMillis
      if (everyMillis === undefined && !call.neverEnds) this.begin()
    })
    if (everyMillis === undefined) return
    const { agenda } = this.timeline
    agenda.after(call.number * everyMillis - agenda.nowMillis, () => this.begin())
  }

  maySend(call: Call): boolean {
    if (call.exchanges.length >= maxRequests) call.isCut = true
    return !this.isClosed && !call.isCut
  }

  take(): Step {
    this.idle = 0
    return this.settings.take()
  }

  end(exchange: transport.Exchange): void {
    if (!this.isClosed) exchange.endMillis = this.nowMillis
  }

  readonly closed: Effect.Effect<void> = Deferred.await(this.closing)

  /** Aborts the requests that hang, so that the ledgers of their calls are not lost, and interrupts what is left. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    this.idle = 0
    Deferred.unsafeDone(this.closing, Exit.void)
    return Effect.flatMap(this.drive(() => false), (areOver) => areOver ? Effect.void : this.interrupt)
  })

  readonly interrupt: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    this.idle = 0
    this.timeline.interruptAll()
    return Effect.asVoid(this.drive(() => false))
  })

  /**
   * Runs what there is to run, then moves the clock, until all calls have ended: `false` if some never do.
   *
   * The event loop has a turn between any two moments, so what does not wait on the clock goes on in no virtual time.
   */
  drive(mayHope: () => boolean, untilMillis = Infinity): Effect.Effect<boolean> {
    const step = () => this.step(untilMillis)
    return Effect.flatMap(inTurns(step), () => {
      if (this.areOver || !mayHope()) return Effect.succeed(this.areOver)
      return Effect.flatMap(patience, () => step() ? this.drive(mayHope, untilMillis) : Effect.succeed(this.areOver))
    })
  }

  /** Runs the tasks of this moment or, if there are none, of the next one. Returns `false` if nothing more happens. */
  private step(untilMillis: number): boolean {
    if (!this.runTasks()) {
      if (this.areOver || !this.timeline.agenda.advance(untilMillis)) return false
      this.runTasks()
    }
    return ++this.idle < maxIdle
  }

  private runTasks(): boolean {
    let ran = 0
    while (ran < batch && this.timeline.runNext()) ran++
    this.idle += ran
    return ran > 0
  }
}
