/**
 * Rules for the modules of `effect`.
 */
import ts from "typescript"
import { fieldsOf, resultOf, type Rules } from "../rule.js"

/** The members that only have another name, by module. */
const renames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Cause: {
    TimeoutException: "TimeoutError",
    UnknownException: "UnknownError",
    failureOption: "findErrorOption",
    isDie: "hasDies",
    isFailure: "hasFails",
    isInterrupted: "hasInterrupts",
    isInterruptedOnly: "hasInterruptsOnly",
    isTimeoutException: "isTimeoutError",
    isUnknownException: "isUnknownError",
    parallel: "combine",
    sequential: "combine"
  },
  // In Effect 3 these nanoseconds are monotonic.
  Clock: { currentTimeNanos: "monotonicTimeNanos" },
  Config: {
    boolean: "Boolean",
    duration: "Duration",
    integer: "Int",
    number: "Number",
    redacted: "Redacted",
    string: "String"
  },
  ConfigProvider: { fromJson: "fromUnknown" },
  ConfigError: { ConfigError: "Config.ConfigError" },
  Context: { GenericTag: "Service", Tag: "Key", unsafeGet: "getUnsafe" },
  DateTime: { unsafeMake: "makeUnsafe" },
  Deferred: { unsafeDone: "doneUnsafe" },
  Duration: {
    DurationInput: "Input",
    decode: "fromInputUnsafe",
    decodeUnknown: "fromInput",
    greaterThan: "isGreaterThan",
    greaterThanOrEqualTo: "isGreaterThanOrEqualTo",
    lessThan: "isLessThan",
    lessThanOrEqualTo: "isLessThanOrEqualTo"
  },
  Effect: {
    async: "callback",
    catchAll: "catch",
    catchAllCause: "catchCause",
    catchAllDefect: "catchDefect",
    clock: "Clock.Clock",
    either: "result",
    fork: "forkChild",
    forkDaemon: "forkDetach",
    makeLatch: "Latch.make",
    makeSemaphore: "Semaphore.make",
    mapInputContext: "updateContext",
    runtime: "context",
    validateAll: "validate",
    unsafeMakeSemaphore: "Semaphore.makeUnsafe",
    withFiberRuntime: "withFiber",
    zipLeft: "tap",
    zipRight: "andThen"
  },
  Either: {
    Either: "Result",
    getLeft: "getFailure",
    getRight: "getSuccess",
    isLeft: "isFailure",
    isRight: "isSuccess",
    left: "fail",
    right: "succeed"
  },
  Cron: { unsafeParse: "parseUnsafe" },
  Exit: { causeOption: "getCause", isInterrupted: "hasInterrupts" },
  Fiber: { RuntimeFiber: "Fiber" },
  Layer: {
    scoped: "effect",
    scopedDiscard: "effectDiscard",
    setConfigProvider: "ConfigProvider.layer",
    unwrapEffect: "unwrap",
    unwrapScoped: "unwrap"
  },
  Metric: { trackDuration: "Effect.trackDuration" },
  Mailbox: { Mailbox: "Queue.Queue", make: "Queue.make", toStream: "Stream.fromQueue" },
  Option: { flatMapNullable: "flatMapNullishOr", fromNullable: "fromNullishOr" },
  Queue: { unsafeOffer: "offerUnsafe" },
  // It is `false` for arrays and functions in Effect 4.
  Predicate: { isObject: "isObjectKeyword" },
  Random: { nextRange: "nextBetween" },
  Ref: { unsafeMake: "makeUnsafe" },
  Runtime: { Runtime: "Context.Context" },
  Schedule: { CurrentIterationMetadata: "CurrentMetadata", IterationMetadata: "Metadata" },
  Scope: { CloseableScope: "Closeable", extend: "provide" },
  Stream: { async: "callback", catchAll: "catch", unwrapScoped: "unwrap" }
}

export const core: Rules = {
  modules: { Either: "effect/Result" },
  members: Object.fromEntries(
    Object.entries(renames).flatMap(([module, names]) =>
      Object.entries(names).map(([from, to]) => [`${module}.${from}`, to])
    )
  ),
  values: {
    "DefaultServices.liveServices": ({ use }) => `${use("Context")}.empty()`,
    "Effect.merge": ({ use }) => `${use("Effect")}.match({ onFailure: (error) => error, onSuccess: (value) => value })`,
    "FiberId.none": () => "undefined"
  },
  calls: {
    "Cause.failureOrCause": ([cause], { use }) => `${use("Result")}.flip(${use("Cause")}.findError(${cause}))`,
    "Cause.isEmpty": ([cause]) => `(${cause}.reasons.length === 0)`,
    "Cause.keepDefects": ([cause], { use }) =>
      `${use("Option")}.liftPredicate(${use("Cause")}.fromReasons<never>(${cause}.reasons.filter(${
        use("Cause")
      }.isDieReason)), ` +
      "({ reasons }) => reasons.length > 0)",
    "Clock.make": (_, { use }) => `${use("Effect")}.runSync(${use("Effect")}.service(${use("Clock")}.Clock))`,
    "Context.Tag()": ([id], { emit, use }, call) =>
      `${use("Context")}.Service<${call.typeArguments!.map(emit).join(", ")}>()(${id})`,
    "Deferred.unsafeMake": (_, { emit, use }, call) =>
      `${use("Deferred")}.makeUnsafe${
        call.typeArguments === undefined ? "" : `<${call.typeArguments.map(emit).join(", ")}>`
      }()`,
    "Effect.dieMessage": ([message], { use }) => `${use("Effect")}.die(new Error(${message}))`,
    "Effect.gen": ([self, body], { use }) =>
      body === undefined ? undefined : `${use("Effect")}.gen({ self: ${self} }, ${body})`,
    "Effect.merge": ([effect], { use }) => `${use("Effect")}.catch(${effect}, ${use("Effect")}.succeed)`,
    "Effect.negate": ([effect], { use }) => `${use("Effect")}.map(${effect}, (holds) => !holds)`,
    "Effect.repeatN": (args, { use }) =>
      `${use("Effect")}.repeat(${[...args.slice(0, -1), `{ times: ${args.at(-1)} }`].join(", ")})`,
    "Effect.timeoutFail": (args, context, call) => {
      const { emit, use } = context
      const { duration, onTimeout } = fieldsOf(call.arguments.at(-1)!)
      const error = onTimeout === undefined ? `${args.at(-1)}.onTimeout()` : resultOf(onTimeout, context)
      const options = `{ duration: ${duration === undefined ? `${args.at(-1)}.duration` : emit(duration)}, ` +
        `orElse: () => ${use("Effect")}.fail(${error}) }`
      return `${use("Effect")}.timeoutOrElse(${[...args.slice(0, -1), options].join(", ")})`
    },
    // Two arguments of `pipe`. An error of the second one is not seen by the first one.
    "Effect.tapBoth": ([handlers], { emit, use }, { arguments: nodes }) => {
      if (nodes.length !== 1) return undefined
      const { onFailure, onSuccess } = fieldsOf(nodes[0]!)
      if (onFailure === undefined || onSuccess === undefined) return handlers
      return `${use("Effect")}.tapError(${emit(onFailure)}), ${use("Effect")}.tap(${emit(onSuccess)})`
    },
    "Effect.withClock": (args, { use }) => `${use("Effect")}.provideService(${before(args, `${use("Clock")}.Clock`)})`,
    "Effect.withConfigProvider": (args, { use }) =>
      `${use("Effect")}.provideService(${before(args, `${use("ConfigProvider")}.ConfigProvider`)})`,
    "Effect.withRandom": (args, { emit, use }, { arguments: nodes }) => {
      const random = nodes.at(-1)!
      if (!ts.isCallExpression(random) || random.expression.getText() !== "Random.make") {
        return `${use("Effect")}.provideService(${before(args, `${use("Random")}.Random`)})`
      }
      return `${use("Random")}.withSeed(${[...args.slice(0, -1), emit(random.arguments[0]!)].join(", ")})`
    },
    "Schedule.intersect": ([self, that], { use }) =>
      that === undefined
        ? `((self) => ${use("Schedule")}.max([self, ${self}]))`
        : `${use("Schedule")}.max([${self}, ${that}])`,
    "Exit.all": ([exits], { use }) => `${use("Option")}.some(${use("Exit")}.asVoidAll(${exits}))`,
    "Fiber.getCurrentFiber": (_, { use }) => `${use("Option")}.fromNullishOr(${use("Fiber")}.getCurrent())`,
    // In Effect 4 it has no result.
    "Fiber.interrupt": ([fiber], { use }, call) =>
      ts.isYieldExpression(call.parent) && !ts.isExpressionStatement(call.parent.parent)
        ? `${use("Effect")}.andThen(${use("Fiber")}.interrupt(${fiber}), ${use("Fiber")}.await(${fiber}))`
        : undefined,
    // A fiber that may be missing needs no `Option`.
    "Option.getOrUndefined": ([option]) => /^Option\.fromNullishOr\((Fiber\.getCurrent\(\))\)$/.exec(option ?? "")?.[1],
    "Pipeable.Class": (_, { use }) => `${use("Pipeable")}.Class`,
    "Random.make": ([seed], { use }) =>
      `${use("Effect")}.runSync(${use("Random")}.withSeed(${use("Effect")}.service(${use("Random")}.Random), ${seed}))`,
    // The references are in the context too; the services that are given win.
    "Runtime.make": (_, { emit, use }, { arguments: [options] }) => {
      const { context, fiberRefs } = fieldsOf(options!)
      const fiber = fiberRefs === undefined ? undefined : /^(\w+)\.getFiberRefs\(\)$/.exec(fiberRefs.getText())?.[1]
      if (context === undefined || fiber === undefined) return undefined
      return `${use("Context")}.merge(${fiber}.context, ${emit(context)})`
    },
    "Runtime.runSync": ([runtime, ...args], { use }) =>
      `${use("Effect")}.runSyncWith(${runtime})${args.length > 0 ? `(${args.join(", ")})` : ""}`,
    "Runtime.runFork": ([runtime, ...args], { use }) => `${use("Effect")}.runForkWith(${runtime})(${args.join(", ")})`,
    "Effect.yieldNow": (_, { use }) => `${use("Effect")}.yieldNow`
  },
  methods: {
    unsafeInterruptAsFork: (object, _args, _context, { expression }) =>
      `${object}${(expression as ts.PropertyAccessExpression).questionDotToken ? "?" : ""}.interruptUnsafe()`,
    unsafePoll: (fiber, _args, _context, { expression }) =>
      (expression as ts.PropertyAccessExpression).questionDotToken ? undefined : `(${fiber}.pollUnsafe() ?? null)`,
    unsafeOffer: (queue, args, { use }) => `${use("Queue")}.offerUnsafe(${[queue, ...args].join(", ")})`,
    unsafeSize: (queue, _, { use }) => `${use("Option")}.some(${use("Queue")}.sizeUnsafe(${queue}))`
  },
  properties: {
    currentContext: "context",
    currentDefaultServices: "context",
    getFiberRef: "getRef",
    onLeft: "onFailure",
    onRight: "onSuccess",
    // The number of a retry, in the metadata of a schedule.
    recurrence: "attempt",
    unsafeCurrentTimeMillis: "currentTimeMillisUnsafe",
    // In Effect 3 these nanoseconds are monotonic.
    unsafeCurrentTimeNanos: "monotonicTimeNanosUnsafe",
    unsafePoll: "pollUnsafe"
  },
  types: { "Context.Tag.Service": ([key], { use }) => `${use("Context")}.Service.Shape<${key}>` },
  names: {
    "Effect.locally": "Effect.provideService",
    "Effect.orElse": "Effect.catch",
    "Effect.timeoutFail": "Effect.timeoutOrElse",
    "Effect.withRandom": "Random.withSeed"
  },
  strings: { TimeoutException: "TimeoutError", UnknownException: "UnknownError" }
}

/** The arguments of a call, with one more before the last. */
const before = (args: ReadonlyArray<string>, one: string): string => [...args.slice(0, -1), one, args.at(-1)].join(", ")
