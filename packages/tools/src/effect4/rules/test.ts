/**
 * Rules that only tests need.
 */
import type { CallRule, Rules } from "../rule.js"

/** Runs an effect at a level, which is the last argument. */
const atLevel: CallRule = (args, { use }) => {
  const level = `${use("References")}.MinimumLogLevel`
  return `${use("Effect")}.provideService(${[...args.slice(0, -1), level, args.at(-1)].join(", ")})`
}

/** All fibers run until they wait, as in Effect 3, and then the time changes. */
const afterOthers = (member: string): CallRule => ([time], { use }) => {
  const { repeat, yieldNow } = { repeat: `${use("Effect")}.repeat`, yieldNow: `${use("Effect")}.yieldNow` }
  return `${use("Effect")}.andThen(${repeat}(${yieldNow}, { times: 20 }), ${use("TestClock")}.${member}(${time}))`
}

export const test: Rules = {
  modules: {
    FastCheck: "fast-check",
    TestClock: "effect/testing/TestClock"
  },
  members: {
    "it.scoped": "effect",
    "it.scopedLive": "live",
    "TestClock.currentTimeMillis": "Clock.currentTimeMillis"
  },
  types: {
    "Effect.Effect.Context": ([effect], { use }) => `${use("Effect")}.Services<${effect}>`,
    "Effect.Effect.Error": ([effect], { use }) => `${use("Effect")}.Error<${effect}>`,
    "Effect.Effect.Success": ([effect], { use }) => `${use("Effect")}.Success<${effect}>`
  },
  // Where `it` is the parameter of a block of tests with a layer.
  methods: {
    scoped: (object, args) => object === "it" ? `it.effect(${args.join(", ")})` : undefined,
    scopedLive: (object, args) => object === "it" ? `it.live(${args.join(", ")})` : undefined
  },
  // The random numbers of Effect 4 are others.
  outputs: { "result: 200 after 3 attempts and 7s 234ms": "result: 200 after 3 attempts and 7s 440ms" },
  values: {
    "LogLevel.All": () => `"All"`,
    "LogLevel.Debug": () => `"Debug"`,
    "LogLevel.Error": () => `"Error"`,
    "LogLevel.Fatal": () => `"Fatal"`,
    "LogLevel.None": () => `"None"`,
    "LogLevel.Warning": () => `"Warn"`,
    "TestContext.TestContext": ({ use }) => `${use("TestClock")}.layer()`
  },
  calls: {
    // It prints the causes of an error in any case.
    "Cause.pretty": ([cause], { use }) => cause && `${use("Cause")}.pretty(${cause})`,
    // A private field, which only tests read.
    "Effect.checkInterruptible": ([f], { use }) =>
      `${use("Effect")}.withFiber((fiber) => (${f})((fiber as unknown as { interruptible: boolean }).interruptible))`,
    "Effect.forkAll": ([effects], { use }) =>
      `${use("Effect")}.forkChild(${use("Effect")}.all(${effects}, { concurrency: "unbounded" }))`,
    "Effect.orDieWith": (args, { use }) => {
      const handler = `(error) => ${use("Effect")}.die((${args.at(-1)})(error))`
      return `${use("Effect")}.catch(${[...args.slice(0, -1), handler].join(", ")})`
    },
    // With the exit of the fiber, as in Effect 3.
    "Fiber.interrupt": ([fiber], { use }) =>
      /^\w+$/.test(fiber!)
        ? `${use("Effect")}.andThen(${use("Fiber")}.interrupt(${fiber}), ${use("Fiber")}.await(${fiber}))`
        : undefined,
    "HttpBody.fileWeb": ([file], { use }) =>
      `${use("HttpBody")}.stream(${use("Stream")}.fromReadableStream({ evaluate: () => (${file}).stream(), ` +
      "onError: (error) => error }))",
    "HttpBody.HttpBodyError": ([error], { use }) =>
      `new ${use("HttpBody")}.HttpBodyError({ reason: { _tag: "JsonError" }, cause: (${error}).error })`,
    "Fiber.poll": ([fiber], { use }) =>
      `${use("Effect")}.sync(() => ${use("Option")}.fromNullishOr(${fiber}.pollUnsafe()))`,
    "Logger.remove": (_, { use }) => `${use("Logger")}.layer([])`,
    "Logger.replace": ([, logger], { use }) => `${use("Logger")}.layer([${logger}])`,
    "Logger.withMinimumLogLevel": atLevel,
    "TestClock.adjust": afterOthers("adjust"),
    "TestClock.setTime": afterOthers("setTime")
  }
}
