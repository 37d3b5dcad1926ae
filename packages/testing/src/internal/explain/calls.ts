import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { constVoid, type LazyArg } from "effect/Function"
import type * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as RetryBudget from "reprise/RetryBudget"
import { Timeline } from "../virtual/timeline.js"
import * as answers from "./answers.js"
import { drive, runTasks } from "./drive.js"

/** @internal */
export interface Settings {
  readonly options: ResilientHttpClient.Options<unknown>
  readonly request: HttpClientRequest.HttpClientRequest
  readonly take: LazyArg<answers.Step>
  readonly random: Random.Random
  readonly calls: number
  /** The time between two starts. Defaults to one call after the other. */
  readonly everyMillis: number | undefined
  /** The time at which the run ends, with all its calls. Defaults to never. */
  readonly untilMillis?: number | undefined
}

/**
 * A request on the wire.
 *
 * @internal
 */
export interface Exchange {
  /** The number of its attempt. */
  readonly attempt: number
  readonly startMillis: number
  /** `Infinity` until the request ends on its own. */
  endMillis: number
  readonly step: answers.Step
  /** `noAnswer` until the server answers. A timeout or the winner of a race may cut the request short. */
  outcome: string
}

/**
 * One call and its result.
 *
 * @internal
 */
export class Call {
  readonly exchanges: Array<Exchange> = []
  endMillis = Infinity
  /** The call has tried to send more than `maxRequests`. */
  isCut = false
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown> | undefined

  constructor(readonly number: number, readonly startMillis: number) {}

  /** Whether the run ended the call, which would not have ended on its own. */
  get neverEnds(): boolean {
    return this.endMillis === Infinity
  }
}

/** A call that needs more requests has no end. */
const maxRequests = 1_000

/** A budget keeps earlier calls in the options. After this time it has dropped them: a window is at most 24.8 days. */
const laterMillis = 2 ** 32

/**
 * Makes the calls through the client of the options, and ends the calls that do not end on their own. No call starts
 * after such a call.
 *
 * @internal
 */
export const run = (settings: Settings): Effect.Effect<ReadonlyArray<Call>> =>
  Effect.suspend(() => {
    const calls = new Calls(settings)
    calls.start()
    return drive(calls, settings.untilMillis).pipe(
      Effect.onExit((exit) => Exit.isSuccess(exit) ? calls.close : calls.interrupt),
      Effect.as(calls.all)
    )
  })

class Calls {
  readonly all: Array<Call> = []
  readonly timeline: Timeline<Call>
  idle = 0
  isClosed = false
  private readonly closed = Deferred.unsafeMake<void>(FiberId.none)
  private readonly client: ReturnType<ReturnType<typeof ResilientHttpClient.makeTyped>>

  constructor(readonly settings: Settings) {
    this.timeline = new Timeline(settings.random)
    const server = HttpClient.make((request, _url, _signal, fiber) => this.send(request, fiber))
    this.client = ResilientHttpClient.makeTyped(settings.options)(server)
  }

  get isOver(): boolean {
    return this.timeline.fibers.size === 0 && (this.isClosed || this.all.length === this.settings.calls)
  }

  /** Whole milliseconds, as in ledgers. */
  private get nowMillis(): number {
    return Math.round(this.timeline.agenda.nowMillis)
  }

  /** Waits until the budget has dropped earlier calls, then makes the first call. */
  start(): void {
    const { options: { budget }, request } = this.settings
    const { agenda } = this.timeline
    if (budget !== undefined) {
      agenda.nowMillis = laterMillis
      this.timeline.fork(
        Effect.flatMap(
          typeof budget === "function" ? budget(request) : Effect.succeed(budget),
          RetryBudget.snapshot
        ),
        undefined,
        constVoid
      )
      runTasks(this)
      agenda.nowMillis = 0
    }
    this.begin()
  }

  private begin(): void {
    const { calls, everyMillis, request } = this.settings
    if (this.isClosed || this.all.length === calls) return
    const call = new Call(this.all.length + 1, this.nowMillis)
    this.idle = 0
    this.all.push(call)
    // A body that breaks off is a failed attempt only if it is read within the attempt.
    const read = (response: HttpClientResponse.HttpClientResponse) => Effect.as(response.text, response)
    this.timeline.fork(HttpResilience.executeAndRead(this.client, request, read), call, (exit) => {
      call.exit = exit
      if (!this.isClosed && !call.isCut) call.endMillis = this.nowMillis
      if (everyMillis === undefined && !call.neverEnds) this.begin()
    })
    if (everyMillis === undefined) return
    const { agenda } = this.timeline
    agenda.after(call.number * everyMillis - agenda.nowMillis, () => this.begin())
  }

  private send(
    request: HttpClientRequest.HttpClientRequest,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): answers.Answered {
    const call = this.timeline.callOf(fiber)!
    if (call.exchanges.length >= maxRequests) call.isCut = true
    if (this.isClosed || call.isCut) return answers.aborted(request)
    const step = this.settings.take()
    const exchange: Exchange = {
      // The retry loop gives each attempt after the first its number.
      attempt: Context.get(fiber.currentContext, Schedule.CurrentIterationMetadata).recurrence + 1,
      startMillis: this.nowMillis,
      endMillis: Infinity,
      step,
      outcome: answers.noAnswer
    }
    this.idle = 0
    call.exchanges.push(exchange)
    const answered = Effect.suspend(() => {
      exchange.outcome = step.label
      return answers.answer(request, step, Deferred.await(this.closed))
    })
    return answers.readBody(request).pipe(
      Effect.zipRight(step.afterMillis === 0 ? answered : Effect.delay(answered, Duration.millis(step.afterMillis))),
      Effect.onExit(() =>
        Effect.sync(() => {
          if (!this.isClosed) exchange.endMillis = this.nowMillis
        })
      )
    )
  }

  /** Aborts the requests that hang, because an interrupted call loses its ledger. Then interrupts the calls that are left. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    this.idle = 0
    Deferred.unsafeDone(this.closed, Exit.void)
    return Effect.flatMap(drive(this), (isOver) => isOver ? Effect.void : this.interrupt)
  })

  readonly interrupt: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    this.idle = 0
    this.timeline.interruptAll()
    return Effect.asVoid(drive(this))
  })
}
