/**
 * Random effects, and the comparison of two timeouts by what they do with the same ones.
 */
import { Cause, Context, Effect, Exit, FastCheck as fc, Fiber, Option } from "effect"
import { isDeepStrictEqual } from "node:util"
import * as Timeout from "reprise/Timeout"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

export class Service extends Context.Tag("test/Service")<Service, number>() {}

export const mark = Services.reference("")

export type Law = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  options: Timeout.Options<string>
) => Effect.Effect<A, E | string, R>

export const ours: Law = (self, options) => Timeout.timeoutFail(self, options)
export const effects: Law = (self, options) => Effect.timeoutFail(self, options)

/** A random effect: what it does in turn, and what is around it. */
export type Node =
  | { readonly _tag: "Sleep"; readonly millis: number }
  | { readonly _tag: "Yield" | "Never" | "Interrupt" | "Read" | "Service" | "Async" | "AsyncLater" }
  | { readonly _tag: "Mark" | "Fail" | "Die"; readonly name: string }
  | { readonly _tag: "Then" | "Ensuring" | "Parallel" | "Catch"; readonly left: Node; readonly right: Node }
  | { readonly _tag: "Uninterruptible" | "Interruptible" | "Locally" | "Restored" | "Forked"; readonly inner: Node }
  | { readonly _tag: "Timeout"; readonly inner: Node; readonly millis: number }

const millis = fc.constantFrom(1, 10, 20, 50, 100)
/** No sleep ends at the moment of a timeout: which of two is first is not a law. */
const limit = fc.constantFrom(1.37, 10.37, 20.37, 50.37, 100.37)
const tags = <T extends string>(...tags: ReadonlyArray<T>) => fc.record({ _tag: fc.constantFrom(...tags) })

export const node = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, depthSize: "small", withCrossShrink: true },
    fc.record({ _tag: fc.constant("Sleep"), millis }),
    tags("Yield", "Never", "Interrupt", "Read", "Service", "Async", "AsyncLater"),
    fc.record({ _tag: fc.constantFrom("Mark", "Mark", "Fail", "Die"), name: fc.constantFrom("a", "b", "c") }),
    fc.record({
      _tag: fc.constantFrom("Then", "Then", "Then", "Ensuring", "Parallel", "Catch"),
      left: tie("node"),
      right: tie("node")
    }),
    fc.record({
      _tag: fc.constantFrom("Uninterruptible", "Interruptible", "Locally", "Restored", "Forked"),
      inner: tie("node")
    }),
    fc.record({ _tag: fc.constant("Timeout"), inner: tie("node"), millis: limit })
  ) as fc.Arbitrary<Node>
})).node

/** In which places of a random effect a timeout is what it is elsewhere. */
interface Where {
  readonly inParallel: boolean
  readonly inUninterruptible: boolean
}

const program = (root: Node, law: Law, where: Where, log: Array<string>) => {
  const say = (what: string) =>
    Effect.clockWith((clock) => Effect.map(clock.currentTimeMillis, (at) => log.push(`${at} ${what}`)))
  const go = (node: Node, plain = false): Effect.Effect<unknown, string, Service> => {
    switch (node._tag) {
      case "Sleep":
        return Effect.sleep(node.millis)
      case "Yield":
        return Effect.yieldNow()
      case "Never":
        return Effect.never
      case "Interrupt":
        return Effect.interrupt
      case "Read":
        return Effect.flatMap(mark.get, (value) => say(`reads ${value}`))
      case "Service":
        return Service
      case "Async":
        return Effect.async((resume) => resume(Effect.succeed("async")))
      case "AsyncLater":
        return Effect.zipRight(Effect.sleep(1), Effect.async((resume) => resume(say("async"))))
      case "Mark":
        return Effect.zipRight(mark.set(node.name), say(node.name))
      case "Fail":
        return Effect.fail(node.name)
      case "Die":
        return Effect.die(node.name)
      case "Then":
        return Effect.zipRight(go(node.left, plain), go(node.right, plain))
      case "Ensuring":
        return Effect.ensuring(
          go(node.left, plain),
          Effect.ignore(go(node.right, plain || !where.inUninterruptible)).pipe(Effect.ensuring(say("ensured")))
        )
      case "Parallel":
        return Effect.all([go(node.left, !where.inParallel), go(node.right, !where.inParallel)], {
          concurrency: "unbounded"
        })
      case "Catch":
        return Effect.catchAllCause(go(node.left, plain), () => go(node.right, plain))
      case "Uninterruptible":
        return Effect.uninterruptible(go(node.inner, plain || !where.inUninterruptible))
      case "Interruptible":
        return Effect.interruptible(go(node.inner, plain))
      case "Restored":
        return Effect.uninterruptibleMask((restore) =>
          Effect.onExit(restore(go(node.inner, plain)), () => say("restored"))
        )
      case "Locally":
        return mark.locally(go(node.inner, plain), "local")
      case "Forked":
        return Effect.flatMap(Effect.fork(go(node.inner, plain)), Fiber.join)
      case "Timeout":
        if (plain) return go(node.inner, plain)
        return law(go(node.inner), { duration: node.millis, onTimeout: () => `timeout ${node.millis}` })
    }
  }
  return go(root)
}

/** The exit, without how often an interruption was noted, and what failed when it came. */
export const summary = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.match(exit, {
    onSuccess: (success) => ({ success }),
    onFailure: (cause) => ({
      failures: Cause.isInterrupted(cause) ? "interrupted" : Array.from(Cause.failures(cause)),
      defects: Array.from(Cause.defects(cause))
    })
  })

const observe = (root: Node, law: Law, where: Where, interruptAtMillis: number | undefined) => {
  const log: Array<string> = []
  const effect = program(root, law, where, log).pipe(
    Effect.timeoutFail({ duration: 110, onTimeout: () => "end" }),
    Effect.onExit(() => Effect.map(mark.get, (value) => log.push(`mark ${value}`))),
    Effect.provideService(Service, 7)
  )
  const result = Virtual.run(effect, interruptAtMillis === undefined ? {} : { interruptAtMillis })
  return {
    log,
    exit: Option.getOrElse(Option.map(result.exit, summary), () => "never ends"),
    endMillis: Option.isSome(result.exit) && result.endMillis,
    fibersLeft: Option.isSome(result.exit) && result.fibersLeft,
    sleepsLeft: Option.isSome(result.exit) && result.sleepsLeft
  }
}

export const agree = (law: Law, reference: Law, where: Where, nodes: fc.Arbitrary<Node>) =>
  fc.assert(
    fc.property(
      nodes,
      fc.option(fc.constantFrom(0.5, 5.5, 15.5, 37.5, 60.5), { nil: undefined }),
      (root, interruptAtMillis) => {
        const expected = observe(root, reference, where, interruptAtMillis)
        const actual = observe(root, law, where, interruptAtMillis)
        if (!isDeepStrictEqual(actual, expected)) {
          throw new Error(
            `expected ${JSON.stringify(expected, undefined, 1)}\nactual ${JSON.stringify(actual, undefined, 1)}`
          )
        }
      }
    ),
    { numRuns: 250, seed: 3 }
  )

export const timedOut = (inner: Node): Node => ({ _tag: "Timeout", inner, millis: 35.11 })

/** Effect hides the defects of what it interrupts. */
export const withoutDefects = node.filter((node) => !JSON.stringify(node).includes("Die"))
