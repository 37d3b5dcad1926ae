import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import { PCGRandom } from "effect/Utils"
import type { Simulation } from "../../Simulation.js"
import { Agenda } from "./agenda.js"
import { type Options as ServerOptions, Server } from "./server.js"
import { type Call, Tally } from "./tally.js"
import * as time from "./time.js"
import * as transport from "./transport.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export interface Settings {
  readonly clients: number
  readonly callsPerMilli: number
  readonly durationMillis: number
  readonly server: ServerOptions
  readonly outage: { readonly kind: Simulation.OutageKind; readonly startMillis: number; readonly endMillis: number }
  readonly policy: Simulation.Options["policy"]
  readonly seed: number
}

/** How long calls may go on after the last one has begun, and again after they were interrupted for that. */
const patienceMillis = 60_000

/** Which call an attempt belongs to: the fibers of an attempt have it from the fiber of the call. */
const currentCall: FiberRef.FiberRef<Call | undefined> = FiberRef.unsafeMake<Call | undefined>(undefined)

const request = HttpClientRequest.get("http://server.simulation/")

/** The clients, the server and the time they live in. Nothing happens but in `advance`. */
export class World {
  /** The first defect of a policy. */
  defect: Cause.Cause<never> | undefined
  readonly agenda = new Agenda()
  readonly calls = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  private readonly tasks = new time.Tasks()
  private readonly tally: Tally
  private readonly server: Server
  private readonly clients: ReadonlyArray<HttpClient.HttpClient.With<unknown>>
  private readonly runtime: Runtime.Runtime<never>
  /** A source of its own: what the policies draw does not change who calls when. */
  private readonly arrivals: PCGRandom
  private isCalling = true
  private isGivenUp = false

  constructor(readonly settings: Settings) {
    const { clients, durationMillis, outage, policy, seed, server } = settings
    this.runtime = time.runtime(this.agenda, this.tasks, seed)
    this.arrivals = new PCGRandom(1, seed)
    this.server = new Server(this.agenda, server)
    this.tally = new Tally({ durationMillis, ...outage })
    const client = transport.make(
      this.server,
      (fiber) => this.tally.attempt(this.agenda.nowMillis, fiber.getFiberRef(currentCall))
    )
    this.clients = Array.from({ length: clients }, () => policy(client))
    this.plan()
  }

  /** So many steps at most; `false` once all is over. */
  advance(steps: number): boolean {
    for (let step = 0; step < steps; step++) {
      if (this.tasks.runNext()) continue
      if (this.isOver() || !this.agenda.advance()) return false
    }
    return true
  }

  /** Interrupts all calls, and waits in virtual time for what they still have to do. */
  stop(): void {
    this.isCalling = false
    this.giveUp()
    this.advance(Infinity)
  }

  result(): Simulation.Result {
    const { peak, services, wasted } = this.server
    return {
      seconds: this.tally.seconds,
      summary: { ...this.tally.summary(this.settings.server.capacity), services, wasted, peakQueue: peak }
    }
  }

  private isOver(): boolean {
    return this.isGivenUp || this.defect !== undefined || (!this.isCalling && this.calls.size === 0)
  }

  private plan(): void {
    const { durationMillis, outage } = this.settings
    const { agenda, server } = this
    const set = (isDown: boolean) => () => {
      if (outage.kind === "stall") server.stall(isDown)
      else server.isRefusing = isDown
    }
    if (outage.endMillis > outage.startMillis) {
      agenda.after(outage.startMillis, set(true))
      agenda.after(outage.endMillis, set(false))
    }
    this.tally.seconds.forEach((second, index) =>
      agenda.after(Math.min((index + 1) * 1_000, durationMillis), () => {
        second.queue = server.length
      })
    )
    agenda.after(durationMillis, () => {
      this.isCalling = false
      agenda.after(patienceMillis, () => this.giveUp())
    })
    this.arrive()
  }

  private arrive(): void {
    const millis = -Math.log(1 - this.arrivals.number()) / this.settings.callsPerMilli
    this.agenda.after(millis, () => {
      if (!this.isCalling) return
      this.call(this.clients[this.arrivals.integer(this.clients.length)]!)
      this.arrive()
    })
  }

  private call(client: HttpClient.HttpClient.With<unknown>): void {
    const call = this.tally.begin(this.agenda.nowMillis)
    const fiber = Runtime.runFork(this.runtime, client.execute(request), {
      updateRefs: (refs, fiberId) => FiberRefs.updateAs(refs, { fiberId, fiberRef: currentCall, value: call })
    })
    this.calls.add(fiber)
    fiber.addObserver((exit) => {
      this.calls.delete(fiber)
      this.end(call, exit)
    })
  }

  private end(call: Call, exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown>): void {
    if (Exit.isFailure(exit) && Cause.isDie(exit.cause)) {
      this.defect ??= Option.getOrUndefined(Cause.keepDefects(exit.cause))
    }
    this.tally.end(call, Exit.isSuccess(exit) && exit.value.status < 400)
  }

  private giveUp(): void {
    this.agenda.after(patienceMillis, () => {
      this.isGivenUp = true
    })
    this.calls.forEach((fiber) => fiber.unsafeInterruptAsFork(FiberId.none))
  }
}
