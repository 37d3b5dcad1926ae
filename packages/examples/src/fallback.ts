/** What to do while a circuit is open: answer with what was last known, or ask another region. Neither waits. */
import { HttpResilience, ResilientHttpClient } from "@reprise/http"
import { HttpFault } from "@reprise/testing"
import { Context, Effect, ExecutionPlan, Layer, Ref } from "effect"
import { Tripping } from "reprise"

const rate = ResilientHttpClient.ResilientHttpClient.pipe(
  Effect.flatMap((client) => client.get("http://rates.test/eur/usd")),
  Effect.flatMap((response) => response.text)
)

/** Only an open circuit is answered from memory: any other failure is news. */
const rateOrLastKnown = (known: Ref.Ref<string>) =>
  rate.pipe(
    Effect.tap((fresh) => Ref.set(known, fresh)),
    Effect.catchTag("CircuitOpen", () => Effect.map(Ref.get(known), (value) => `${value}, the last known`))
  )

/** The client of a region, whose server is in memory here and answers by these steps. */
const region = (...steps: ReadonlyArray<HttpFault.Scripted>) =>
  ResilientHttpClient.layerTyped({
    retry: false,
    attemptTimeout: "1 second",
    deadline: "3 seconds",
    breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2) })
  }).pipe(Layer.provideMerge(HttpFault.layer(...steps)))

const is = (value: string) => HttpFault.respond({ body: value })
const down = HttpFault.respond({ status: 503 })

export const program = Effect.gen(function*() {
  // Built once: a plan builds the layers that it is given anew each time, and their circuits would always be closed.
  const near = yield* Layer.build(region(is("1.0912"), down, down))
  const far = yield* Layer.build(region(is("1.0908")))
  const known = yield* Ref.make("unknown")

  const ask = rateOrLastKnown(known).pipe(Effect.catchAll(({ _tag }) => Effect.succeed(_tag)), Effect.provide(near))
  const answers = yield* Effect.replicateEffect(ask, 4)

  const plan = ExecutionPlan.make({ provide: near }, { provide: far })
  const elsewhere = yield* Effect.withExecutionPlan(rate, plan)

  const asked = yield* Effect.forEach([near, far], (region) => Context.get(region, HttpFault.HttpFault).requests)
  return { answers, elsewhere, asked: asked.map((requests) => requests.length) }
}).pipe(Effect.scoped)
