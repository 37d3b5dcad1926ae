import * as Effect from "effect/Effect"
import type { RecordedRequest, Step } from "../FaultServer.js"
import * as Reply from "../Reply.js"
import type { Decision } from "./connection.js"

/** @internal */
export interface Script {
  readonly set: (steps: ReadonlyArray<Step>) => void
  readonly always: (step: Step) => void
  readonly route: (path: string, steps: ReadonlyArray<Step>) => void
  readonly reset: () => void
  /** The step for a request. */
  readonly take: (request: RecordedRequest) => Decision
  /** The next step, if it acts when a connection is accepted. */
  readonly takeConnectBreak: () => Reply.Break | undefined
}

interface Queue {
  readonly steps: ReadonlyArray<Step>
  taken: number
}

/** @internal */
export const makeScript = (fallback: Step): Script => {
  const routes = new Map<string, Queue>()
  let script: Queue = { steps: [], taken: 0 }
  let rest: Queue = { steps: [fallback], taken: 0 }

  const queueFor = (request: RecordedRequest): Queue => {
    if (routes.size > 0) {
      const path = request.path.split("?", 1)[0]!
      const route = routes.get(`${request.method} ${path}`) ?? routes.get(path)
      if (route !== undefined) return route
    }
    return script.taken < script.steps.length ? script : rest
  }

  return {
    set: (steps) => {
      script = { steps, taken: 0 }
    },
    always: (step) => {
      rest = { steps: [step], taken: 0 }
    },
    route: (path, steps) => {
      routes.set(path, { steps, taken: 0 })
    },
    reset: () => {
      routes.clear()
      script = { steps: [], taken: 0 }
      rest = { steps: [fallback], taken: 0 }
    },
    take: (request) => {
      const queue = queueFor(request)
      const index = queue.taken++
      const step = queue.steps[Math.min(index, queue.steps.length - 1)]!
      return typeof step === "function" ? compute(() => step(request, index)) : step
    },
    takeConnectBreak: () => {
      const step = script.steps[script.taken]
      if (typeof step !== "object" || step._tag !== "Break" || step.at !== "connect") return undefined
      script.taken++
      return step
    }
  }
}

const compute = (step: () => Reply.Reply | Effect.Effect<Reply.Reply>): Effect.Effect<Reply.Reply> =>
  Effect.suspend(() => {
    const reply = step()
    return Reply.isReply(reply) ? Effect.succeed(reply) : reply
  }).pipe(
    Effect.catchAllDefect((defect) =>
      Effect.as(
        Effect.logError("A step of the FaultServer's script died", defect),
        Reply.respond({ status: 500, body: `The step of the script died: ${defect}` })
      )
    )
  )
